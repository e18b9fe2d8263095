"""One metric of one arm against the control, by the method of the design; adjusted by the time before where that helps.

Whatever the design, an effect meets one reference, so that interval, lift, p-value and chance to win are four readings
of one statistic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from scipy import special

from experiments.reading.settings import DEFAULT_PLANNED_UNITS, AnalysisSettings, ArmData, Metric
from experiments.stats import adjustment, metrics, proportions, ratios, sequences
from experiments.stats.group_sequential import GroupSequential
from experiments.stats.inference import Effect, Reading, Reference, Student, undefined, welch_satterthwaite
from experiments.stats.metrics import MetricDefinition
from experiments.stats.moments import Moments
from experiments.stats.results import Comparison, Interval

# With fewer units in an arm than this the slope by which a figure is adjusted is itself too uncertain.
LEAST_ADJUSTED = 100


@dataclass(frozen=True, slots=True)
class Compared:
    """What decides (`comparison`), and beside it the plain comparison where it is an adjusted one.

    `effect` is what was judged, `reference` what its statistic is held against (None where there is nothing to hold),
    `variance_reduction` the share of the variance that the adjustment took away.
    """

    comparison: Comparison
    effect: Effect
    raw: Comparison | None = None
    adjusted_by: tuple[str, ...] = ()
    variance_reduction: float | None = None
    reference: Reference | None = None


def compare(settings: AnalysisSettings, metric: Metric, control: ArmData, arm: ArmData, *, planned: float) -> Compared:
    """An arm against the control on one metric; `planned` is the number of units planned for the two together."""
    definition = metric.definition
    raw_effect = metrics.effect_of(definition, control.moments, arm.moments)
    if settings.silent:
        return Compared(_not_yet(raw_effect, _reading(settings, definition)), raw_effect)
    raw = _plain(settings, definition, control.moments, arm.moments, effect=raw_effect, planned=planned)
    plain = Compared(raw, raw_effect, reference=reference_of(settings, raw_effect, planned=planned))
    covariates = usable_covariates(definition, control.moments, arm.moments)
    if not covariates or not math.isfinite(raw.standard_error):
        return plain
    effect = adjustment.cuped_effect(
        control.moments, arm.moments, definition.numerator, definition.denominator, covariates
    )
    if not (0 < effect.variance < raw_effect.variance):
        return plain
    reference = reference_of(settings, effect, planned=planned)
    comparison = metrics.judge(
        effect,
        reference,
        method="cuped" if settings.method == "fixed" else raw.method,
        reading=_reading(settings, definition),
    )
    saved = 1 - effect.variance / raw_effect.variance
    return Compared(comparison, effect, raw, covariates, saved, reference)


def usable_covariates(definition: MetricDefinition, control: Moments, treatment: Moments) -> tuple[str, ...]:
    """The metric's covariates that were kept and that vary in both arms; none where there are too few units."""
    sides = (control, treatment)
    if min(side.n for side in sides) < LEAST_ADJUSTED:
        return ()
    return tuple(
        column
        for column in definition.covariates
        if all(column in side.columns and side.variance(column) > 0 for side in sides)
    )


def reference_of(settings: AnalysisSettings, effect: Effect, *, planned: float) -> Reference | None:
    """What a statistic is held against under the settings' method; None where there is nothing to hold."""
    units = effect.control.n + effect.treatment.n
    if min(effect.control.n, effect.treatment.n) < 2:
        return None
    match settings.method:
        case "group_sequential":
            return GroupSequential(settings.information)
        case "confidence_sequence":
            rho = sequences.exact_rho(planned, alpha=settings.alpha)
            return sequences.ConfidenceSequence(units, rho)
        case "fixed":
            return welch_satterthwaite(effect) if effect.variance > 0 else None


def arm_value(settings: AnalysisSettings, metric: Metric, arm: ArmData, *, planned: float) -> Interval:
    """An arm's own value with its interval: Wilson's or Student's at one look, else as wide as the design asks."""
    definition, moments = metric.definition, arm.moments
    if definition.kind == "proportion" and settings.method == "fixed" and not settings.silent:
        return proportions.wilson(metrics.counts_of(moments, definition.numerator), confidence=settings.confidence)
    estimate = ratios.arm_ratio(moments, definition.numerator, definition.denominator)
    if settings.silent or moments.n < 2 or math.isnan(estimate.standard_error):
        return Interval(estimate.value, -math.inf, math.inf, settings.confidence)
    half = critical(settings, moments.n, planned=planned, freedom=moments.n - 1) * estimate.standard_error
    lower = estimate.value - half
    # What is counted cannot be negative; only money can.
    lower = lower if metric.format == "money" else max(lower, 0.0)
    upper = estimate.value + half
    return Interval(
        estimate.value, lower, min(upper, 1.0) if definition.kind == "proportion" else upper, settings.confidence
    )


def critical(settings: AnalysisSettings, units: int, *, planned: float, freedom: float) -> float:
    """The critical value of the settings' method for an estimate from so many units."""
    match settings.method:
        case "group_sequential":
            return GroupSequential(settings.information).critical(settings.alpha)
        case "confidence_sequence":
            rho = sequences.exact_rho(planned, alpha=settings.alpha)
            return sequences.ConfidenceSequence(units, rho).critical(settings.alpha)
        case "fixed":
            return Student(max(freedom, 1)).critical(settings.alpha)


def plain_confidence(settings: AnalysisSettings, units: int, *, planned: float) -> float:
    """The level at which a plain interval is as wide as the design's at this look."""
    if settings.method == "fixed" or settings.silent or units < 1:
        return settings.confidence
    found = critical(settings, units, planned=planned, freedom=math.inf)
    # Where the sequence is wider than any double can say, the widest that Student's quantile still has.
    return min(float(1 - 2 * special.ndtr(-found)), 1 - 1e-12)


def planned_for(settings: AnalysisSettings, share: float) -> float:
    """The units planned for arms that together have this share of all weights."""
    return max((settings.planned_units or DEFAULT_PLANNED_UNITS) * share, 1.0)


def _plain(
    settings: AnalysisSettings,
    definition: MetricDefinition,
    control: Moments,
    treatment: Moments,
    *,
    effect: Effect,
    planned: float,
) -> Comparison:
    if settings.method == "fixed":
        return metrics.compare(definition, control, treatment, confidence=settings.confidence)
    reference = reference_of(settings, effect, planned=planned)
    return metrics.judge(effect, reference, method=settings.method, reading=_reading(settings, definition))


def _not_yet(effect: Effect, reading: Reading) -> Comparison:
    """Nothing is concluded, and no difference is shown that somebody might conclude from."""
    hidden = Interval(math.nan, -math.inf, math.inf, reading.confidence)
    return replace(undefined(effect, method="not_yet", reading=reading), difference=hidden, lift=None)


def _reading(settings: AnalysisSettings, definition: MetricDefinition) -> Reading:
    return Reading(settings.confidence, definition.direction)
