"""From the moments of each arm to results with a verdict. Pure: no database, no clock; the same input, the same bytes.

The door to `experiments.reading`, which has one file for each thing that is read. How figures are read follows from the
design: by a group sequential boundary at planned looks, by a confidence sequence at any time, or at one fixed look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.reading.reader import VERSION, Reader
from experiments.reading.settings import (
    DEFAULT_METRICS,
    DEFAULT_PLANNED_UNITS,
    AnalysisSettings,
    ArmData,
    Batch,
    Design,
    Guardrail,
    Metric,
    Mode,
    Prior,
)

__all__ = [
    "DEFAULT_METRICS",
    "DEFAULT_PLANNED_UNITS",
    "VERSION",
    "AnalysisSettings",
    "ArmData",
    "Batch",
    "Design",
    "Guardrail",
    "Metric",
    "Mode",
    "Prior",
    "analyse_arms",
]


def analyse_arms(arms: Sequence[ArmData], *, settings: AnalysisSettings) -> dict[str, Any]:
    """Results of an experiment as JSON-safe data (docs/events.md names the parts). Control: the first arm if none is.

    Raises ValueError for fewer than two arms, or a proportion whose column is not 0/1.
    """
    if len(arms) < 2:
        raise ValueError(f"arms: {len(arms)} of them cannot be compared")
    return Reader(arms, settings).results()
