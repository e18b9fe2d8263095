"""What a metric is (a value that names its columns) and the one door from two arms' moments to a comparison.

A metric declares the unit columns it needs, so that the fold keeps moments of those and no more. A new kind is one
more entry in `_FIXED_HORIZON` and, if it can be watched, in `_estimate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from experiments.stats import means, proportions, ratios, sequences
from experiments.stats.inference import Effect, Reading, undefined
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.results import ArmEstimate, Comparison, Direction, Note

Kind = Literal["proportion", "mean", "ratio"]

# One row per unit. What happened to it within its conversion window; money is in the experiment's currency.
COUNTED_COLUMNS = (
    "impressions",
    "clicks",
    "converted",
    "orders",
    "revenue",
    "margin",
    "cost",
    "rating_sum",
    "rating_count",
)
# The whole row: also what follows from the counts (`clicked` and `returned` are 0 or 1, `revenue_capped` is winsorised)
# and what happened in the days before the first exposure.
UNIT_COLUMNS = (
    *COUNTED_COLUMNS,
    "clicked",
    "revenue_capped",
    "detractors",
    "returned",
    "pre_clicks",
    "pre_orders",
    "pre_revenue",
)

# How far a 0/1 column's spread may be from n p (1-p), relative: rounding of merged moments, far below one unit's worth.
_BINARY_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A figure to compare arms by.

    "proportion": share of units whose numerator is 1. "mean": numerator per unit. "ratio": sum of numerator over sum of
    denominator. `direction` is the good side.
    """

    key: str
    kind: Kind
    numerator: str
    denominator: str | None = None
    direction: Direction = "increase"

    def __post_init__(self) -> None:
        if self.kind not in _FIXED_HORIZON:
            raise ValueError(f"kind: {self.kind!r} is not one of {', '.join(_FIXED_HORIZON)}")
        if (self.denominator is not None) != (self.kind == "ratio"):
            raise ValueError(f"denominator: {self.denominator!r} does not go with kind {self.kind!r}")
        if self.direction not in ("increase", "decrease"):
            raise ValueError(f"direction: {self.direction!r} is neither 'increase' nor 'decrease'")

    def columns(self) -> tuple[str, ...]:
        """The unit columns this metric is computed from."""
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)


def compare(
    metric: MetricDefinition,
    control: Moments,
    treatment: Moments,
    *,
    confidence: float = 0.95,
    sequence: float | None = None,
) -> Comparison:
    """Treatment against control on one metric.

    At fixed horizon: score test (proportion), Welch (mean), delta method (ratio). With `sequence` = planned number of
    units over both arms: the asymptotic confidence sequence, valid at every look. Raises ValueError naming a column
    that is missing or, for a proportion, not 0/1. Arms without units or variation give a defined result with a note.
    """
    reading = Reading(confidence, metric.direction)
    if sequence is None:
        return _FIXED_HORIZON[metric.kind](metric, control, treatment, reading)
    effect = Effect(_estimate(metric, control), _estimate(metric, treatment))
    if min(control.n, treatment.n) < 2:
        return undefined(effect, Note.TOO_FEW_UNITS, method="confidence_sequence", reading=reading)
    if math.isnan(effect.difference):
        return undefined(effect, Note.NO_DENOMINATOR, method="confidence_sequence", reading=reading)
    return sequences.watch(effect, planned_n=sequence, reading=reading)


def counts_of(moments: Moments, column: str) -> Counts:
    """Successes and units of a 0/1 column. Raises ValueError naming the column if its moments are not those of zeros
    and ones.
    """
    if not moments.n:
        return Counts(0, 0)
    total = moments.total(column)
    successes = round(total)
    if abs(total - successes) > max(_BINARY_TOLERANCE, 1e-9 * moments.n) or not 0 <= successes <= moments.n:
        raise ValueError(f"{column}: its mean {moments.mean(column)} is not that of a 0/1 column")
    expected = successes * (moments.n - successes) / moments.n
    spread = moments.variance(column) * (moments.n - 1) if moments.n > 1 else 0.0
    if abs(spread - expected) > _BINARY_TOLERANCE * max(expected, 1.0):
        raise ValueError(f"{column}: its variance is not that of a 0/1 column; a proportion needs one")
    return Counts(successes, moments.n)


def _proportion(metric: MetricDefinition, control: Moments, treatment: Moments, reading: Reading) -> Comparison:
    counted = (counts_of(side, metric.numerator) for side in (control, treatment))
    return proportions.score(*counted, reading=reading)


def _mean(metric: MetricDefinition, control: Moments, treatment: Moments, reading: Reading) -> Comparison:
    return means.welch(control, treatment, metric.numerator, reading=reading)


def _ratio(metric: MetricDefinition, control: Moments, treatment: Moments, reading: Reading) -> Comparison:
    return ratios.compare_ratios(
        control, treatment, numerator=metric.numerator, denominator=metric.denominator, reading=reading
    )


def _estimate(metric: MetricDefinition, moments: Moments) -> ArmEstimate:
    if metric.kind == "proportion":
        return counts_of(moments, metric.numerator).estimate()
    return ratios.arm_ratio(moments, metric.numerator, metric.denominator)


_FIXED_HORIZON: dict[str, Callable[[MetricDefinition, Moments, Moments, Reading], Comparison]] = {
    "proportion": _proportion,
    "mean": _mean,
    "ratio": _ratio,
}

# ROI is not among them: it has two columns in two arms and a result of its own (`roi.return_on_cost`).
DEFAULT_METRICS = (
    MetricDefinition("ctr", "ratio", "clicks", "impressions"),
    MetricDefinition("conversion", "proportion", "converted"),
    MetricDefinition("revenue_per_shopper", "mean", "revenue"),
    MetricDefinition("satisfaction", "ratio", "rating_sum", "rating_count"),
)
