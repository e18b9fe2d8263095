"""What each arm earned over the control for what it cost more, as wide as the design asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments import wording
from experiments.reading import comparing
from experiments.reading.settings import AnalysisSettings, ArmData
from experiments.reading.shapes import bounds
from experiments.stats import roi
from experiments.stats.results import Note


def returns(
    settings: AnalysisSettings, control: ArmData, others: Sequence[ArmData], *, planned: Sequence[float]
) -> list[dict[str, Any]]:
    """One entry an arm; none where no cost was ever recorded, or nothing may be concluded yet."""
    arms = (control, *others)
    if settings.silent or settings.adaptive:
        return []
    if not all({"margin", "cost"} <= set(arm.moments.columns) for arm in arms):
        return []
    if not any(arm.moments.total("cost") for arm in arms):
        return []
    return [_return(settings, control, arm, size) for arm, size in zip(others, planned, strict=True)]


def _return(settings: AnalysisSettings, control: ArmData, arm: ArmData, planned: float) -> dict[str, Any]:
    confidence = comparing.plain_confidence(settings, control.moments.n + arm.moments.n, planned=planned)
    found = roi.return_on_cost(control.moments, arm.moments, confidence=confidence)
    verdict = _verdict(found)
    sentence = wording.roi(
        arm.name,
        verdict,
        profit=found.profit.difference,
        net=found.net if found.net is not None and found.net.bounded else None,
        currency=settings.currency,
    )
    return {
        "arm": arm.key,
        "incremental_margin": bounds(found.margin.difference),
        "incremental_cost": bounds(found.cost.difference),
        "profit": bounds(found.profit.difference),
        "roi": None if found.net is None else bounds(found.net),
        "verdict": verdict,
        "sentence": sentence,
    }


def _verdict(found: roi.Return) -> str:
    if found.profit.difference.lower > 0:
        return "pays"
    if found.profit.difference.upper < 0:
        return "loses"
    if found.net is None or Note.TOO_FEW_UNITS in found.notes:
        return "undefined"
    return "unclear"
