"""The analysis of an imported experiment before it is stored: the settings and arms that the stored rows give. Pure.

`services.analyse` on the stored rows finds the same inputs, hence this analysis; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.analysis import AnalysisSettings, ArmData, Metric, analyse_arms
from experiments.importing.build import ImportedExperiment
from experiments.importing.request import ImportRequest
from experiments.reading import looks


def settings_of(request: ImportRequest, metrics: Sequence[dict[str, Any]]) -> AnalysisSettings:
    """How every experiment of an import is read: at fixed horizon, for nothing more will come."""
    return AnalysisSettings(
        mode="final",
        goal_metric=request.goal_metric,
        currency=request.currency,
        metrics=tuple(Metric.from_dict(metric) for metric in metrics),
        design="fixed",
        planned_looks=looks.DEFAULT_LOOKS,
    )


def arms_of(experiment: ImportedExperiment) -> list[ArmData]:
    """The arms as statistics see them."""
    return [ArmData(arm.key, arm.name, arm.is_control, arm.weight, arm.moments) for arm in experiment.arms]


def results_of(experiments: Sequence[ImportedExperiment], settings: AnalysisSettings) -> list[dict[str, Any]]:
    """The results of each experiment."""
    return [analyse_arms(arms_of(experiment), settings=settings) for experiment in experiments]
