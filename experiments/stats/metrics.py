"""What a metric is (a value that names its columns) and the one door from two arms' moments to a comparison.

A metric declares the unit columns it needs, so that the fold keeps moments of those and no more. A new kind is one
more entry in `_FIXED_HORIZON` and, if it can be watched, in `_estimate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from experiments.stats import means, proportions, ratios, sequences
from experiments.stats.inference import Effect, Reading, Reference, conclude, undefined
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.results import ArmEstimate, Comparison, Direction, Note

Kind = Literal["proportion", "mean", "ratio"]
Aggregate = Literal["count", "sum", "any"]
AGGREGATES: tuple[Aggregate, ...] = ("count", "sum", "any")

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
    denominator. `direction` is the good side. `covariates` are columns of the time before the first exposure that the
    figure is adjusted by where they vary.
    """

    key: str
    kind: Kind
    numerator: str
    denominator: str | None = None
    direction: Direction = "increase"
    covariates: tuple[str, ...] = ()

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

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> MetricDefinition:
        """A metric of an experiment's or an import's list.

        A key of the catalogue may stand alone. Else `kind` is required; `numerator` is the key's own column where the
        entry names an event. Raises ValueError naming the field.
        """
        key = str(entry.get("key") or "")
        known = CATALOGUE.get(key)
        if known is not None and "kind" not in entry:
            return known
        numerator = entry.get("numerator") or (key if entry.get("event") else None)
        for name, value in (("key", key), ("kind", entry.get("kind")), ("numerator", numerator)):
            if not value:
                raise ValueError(f"{name}: is missing from the metric {key!r}")
        covariates = entry.get("covariates")
        return cls(
            key,
            entry["kind"],
            str(numerator),
            entry.get("denominator"),
            entry.get("direction") or "increase",
            COVARIATES.get(str(numerator), ()) if covariates is None else tuple(covariates),
        )


@dataclass(frozen=True, slots=True)
class CustomColumn:
    """A column made of custom events: how often they came, the sum of their values, or whether any came (0 or 1).

    `window_hours` counts from the first exposure; None is the experiment's own window.
    """

    key: str
    event: str
    aggregate: Aggregate = "count"
    window_hours: int | None = None

    def __post_init__(self) -> None:
        if not self.key or self.key in UNIT_COLUMNS:
            raise ValueError(f"key: {self.key!r} cannot name a column")
        if not self.event:
            raise ValueError(f"event: the metric {self.key!r} names none")
        if self.aggregate not in AGGREGATES:
            raise ValueError(f"aggregate: {self.aggregate!r} is not one of {', '.join(AGGREGATES)}")
        if self.window_hours is not None and self.window_hours < 1:
            raise ValueError(f"window_hours: {self.window_hours} is not at least 1")


def custom_columns(entries: Iterable[Mapping[str, Any]]) -> tuple[CustomColumn, ...]:
    """The columns that an experiment's metrics add to UNIT_COLUMNS, in their order: one for each entry with an event.

    A proportion needs 0 or 1, so its events are counted as "any" unless the entry says so itself. Raises ValueError
    naming the field.
    """
    found = tuple(_custom_column(entry) for entry in entries if entry.get("event"))
    keys = [column.key for column in found]
    if len(set(keys)) != len(keys):
        raise ValueError(f"key: {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return found


def _custom_column(entry: Mapping[str, Any]) -> CustomColumn:
    usual: Aggregate = "any" if entry.get("kind") == "proportion" else "count"
    window = entry.get("window_hours")
    return CustomColumn(
        key=str(entry.get("key") or ""),
        event=str(entry["event"]),
        aggregate=entry.get("aggregate") or usual,
        window_hours=None if window is None else int(window),
    )


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
    effect = effect_of(metric, control, treatment)
    reference = None
    if control.n + treatment.n > 0:
        rho = sequences.exact_rho(sequence, alpha=1 - confidence)
        reference = sequences.ConfidenceSequence(control.n + treatment.n, rho)
    return judge(effect, reference, method="confidence_sequence", reading=reading)


def effect_of(metric: MetricDefinition, control: Moments, treatment: Moments) -> Effect:
    """The two arms' estimates of a metric, each with its own variance; NaN where an arm has none."""
    return Effect(_estimate(metric, control), _estimate(metric, treatment))


def judge(effect: Effect, reference: Reference | None, *, method: str, reading: Reading) -> Comparison:
    """An effect by a reference, or a defined result with a note where there is nothing to judge."""
    if min(effect.control.n, effect.treatment.n) < 2 or reference is None:
        return undefined(effect, Note.TOO_FEW_UNITS, method=method, reading=reading)
    if math.isnan(effect.difference):
        return undefined(effect, Note.NO_DENOMINATOR, method=method, reading=reading)
    return conclude(effect, reference, method=method, reading=reading)


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

# What of the time before explains a column, where nothing else is said.
_BUYING = ("pre_orders", "pre_revenue")
COVARIATES: dict[str, tuple[str, ...]] = {
    "clicks": ("pre_clicks",),
    "clicked": ("pre_clicks",),
    **dict.fromkeys(("converted", "orders", "revenue", "revenue_capped", "margin"), _BUYING),
}

# ROI is not among them: it has two columns in two arms and a result of its own (`roi.return_on_cost`).
DEFAULT_METRICS = (
    MetricDefinition("ctr", "ratio", "clicks", "impressions", covariates=COVARIATES["clicks"]),
    MetricDefinition("conversion", "proportion", "converted", covariates=_BUYING),
    MetricDefinition("revenue_per_shopper", "mean", "revenue", covariates=_BUYING),
    MetricDefinition("satisfaction", "ratio", "rating_sum", "rating_count"),
)
# What else an experiment may name by its key alone.
FURTHER_METRICS = (
    MetricDefinition("detractors", "ratio", "detractors", "rating_count", direction="decrease"),
    MetricDefinition("clicked_share", "proportion", "clicked", covariates=COVARIATES["clicked"]),
    MetricDefinition("orders_per_shopper", "mean", "orders", covariates=_BUYING),
    MetricDefinition("order_value", "ratio", "revenue", "orders", covariates=_BUYING),
    MetricDefinition("capped_revenue_per_shopper", "mean", "revenue_capped", covariates=_BUYING),
    MetricDefinition("margin_per_shopper", "mean", "margin", covariates=_BUYING),
    MetricDefinition("cost_per_shopper", "mean", "cost", direction="decrease"),
    MetricDefinition("retention", "proportion", "returned"),
)
CATALOGUE: dict[str, MetricDefinition] = {metric.key: metric for metric in (*DEFAULT_METRICS, *FURTHER_METRICS)}
