"""Results as JSON-safe data: the shapes that pages, charts, exports and the API read (docs/events.md, Results)."""

from __future__ import annotations

from typing import Any

from experiments import wording
from experiments.reading.comparing import Compared
from experiments.reading.settings import Metric
from experiments.stats.results import Comparison, Interval, finite_or_none


def bounds(interval: Interval) -> dict[str, float | None]:
    """Estimate and ends; what is unknown or open is null."""
    return {
        "estimate": finite_or_none(interval.estimate),
        "lower": finite_or_none(interval.lower),
        "upper": finite_or_none(interval.upper),
    }


def metric_head(metric: Metric, *, is_goal: bool) -> dict[str, Any]:
    """What a metric is."""
    return {
        "key": metric.key,
        "label": metric.label,
        "format": metric.format,
        "direction": metric.definition.direction,
        "is_goal": is_goal,
    }


def comparison(arm: str, change: wording.Change, found: Compared, corrected: float, *, silent: bool) -> dict[str, Any]:
    """One comparison. `p_value` is the test's own; `p_value_corrected` decides."""
    decisive = found.comparison
    return {
        "arm": arm,
        "difference": bounds(change.difference),
        "lift": None if change.lift is None else bounds(change.lift),
        "p_value": decisive.p_value,
        "p_value_corrected": corrected,
        "chance_to_win": decisive.chance_to_win,
        "method": decisive.method,
        "verdict": change.verdict,
        "sentence": wording.not_judged(change) if silent else wording.comparison(change),
        "notes": [note.value for note in decisive.notes],
        "adjusted_by": list(found.adjusted_by),
        "variance_reduction": found.variance_reduction,
        "raw": None if found.raw is None else _raw(found.raw),
    }


def _raw(found: Comparison) -> dict[str, Any]:
    return {
        "difference": bounds(found.difference),
        "lift": None if found.lift is None else bounds(found.lift),
        "p_value": found.p_value,
        "chance_to_win": found.chance_to_win,
        "method": found.method,
    }
