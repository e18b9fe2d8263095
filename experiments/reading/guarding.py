"""Guardrails: metrics that must not get worse by more than a margin.

An arm passes when "worse by the margin or more" is rejected one-sidedly at alpha, and fails when its whole two-sided
interval lies beyond the margin; in between nothing can be told. No part of alpha is divided among guardrails: none can
ship an arm by error, each can only stop it (Schultzberg, Ankargren and Franberg 2024, arXiv 2402.11609, section 4).
"""

from __future__ import annotations

from typing import Any, Literal

from experiments import wording
from experiments.reading.comparing import Compared
from experiments.reading.settings import AnalysisSettings, ArmData, Guardrail
from experiments.reading.shapes import bounds
from experiments.stats import margins
from experiments.stats.results import Interval

Status = Literal["passed", "failed", "unclear"]

__all__ = ["Guardrail", "judged"]


def judged(settings: AnalysisSettings, guardrail: Guardrail, arm: ArmData, compared: Compared) -> dict[str, Any]:
    """One guardrail of one arm."""
    metric, comparison = guardrail.metric, compared.comparison
    change = comparison.lift if guardrail.relative else comparison.difference
    p_value = _p_value(settings, guardrail, compared)
    status = _status(guardrail, change, p_value, settings.alpha)
    return {
        "arm": arm.key,
        "metric": metric.key,
        "label": metric.label,
        "format": metric.format,
        "direction": metric.definition.direction,
        "margin": guardrail.margin,
        "relative": guardrail.relative,
        "change": None if change is None else bounds(change),
        "p_value": p_value,
        "status": status,
        "sentence": wording.guardrail(
            arm.name, metric.label, status, margin=guardrail.margin, relative=guardrail.relative
        ),
    }


def _p_value(settings: AnalysisSettings, guardrail: Guardrail, compared: Compared) -> float | None:
    """The non-inferiority test's; None for a margin of nothing, which is judged by its interval alone."""
    if not guardrail.margin > 0:
        return None
    return margins.non_inferiority(
        compared.effect,
        # At one look Student's reference belongs to the combination that is tested, not to the plain difference.
        None if settings.method == "fixed" and not settings.adaptive else compared.reference,
        margin=guardrail.margin,
        relative=guardrail.relative,
        direction=guardrail.metric.definition.direction,
        confidence=settings.confidence,
    ).p_value


def _status(guardrail: Guardrail, change: Interval | None, p_value: float | None, alpha: float) -> Status:
    if change is None:
        return "unclear"
    increase = guardrail.metric.definition.direction == "increase"
    worst, best = (change.lower, change.upper) if increase else (-change.upper, -change.lower)
    if best < -guardrail.margin:
        return "failed"
    holds = worst > 0 if p_value is None else p_value < alpha
    return "passed" if holds else "unclear"
