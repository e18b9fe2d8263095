"""Is the treatment not worse than a margin allows (guardrails), or as good as equal (equivalence)?

A margin is a threshold of the change: absolute (treatment - control) or relative (treatment/control - 1). A relative
one is tested as treatment - (1 + threshold) control, whose variance is known without linearising a ratio; so the test,
and Fieller's bound of the lift shown beside it, are one statement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.stats.inference import Effect, Reading, Reference, welch_satterthwaite
from experiments.stats.lifts import fieller_lift
from experiments.stats.results import ArmEstimate, Direction, Interval, Note


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Whether a change is above the threshold (below it, for a metric that should fall).

    `change` is the one-sided interval of the change, absolute or relative as the margin is: it lies wholly on the good
    side of `threshold` exactly where `holds`.
    """

    holds: bool
    p_value: float
    statistic: float
    change: Interval
    threshold: float
    relative: bool
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Whether a change lies between two thresholds. `change` is the interval of confidence 1 - 2 alpha: it is inside
    the thresholds exactly where `holds`.
    """

    holds: bool
    p_value: float
    p_lower: float
    p_upper: float
    change: Interval


def non_inferiority(
    effect: Effect,
    reference: Reference | None = None,
    *,
    margin: float,
    relative: bool = False,
    direction: Direction = "increase",
    confidence: float = 0.95,
) -> NonInferiority:
    """One-sided test of "worse by the margin or more" at 1 - confidence, two-sided reference read on one side.

    `margin` is positive: in the metric's unit, or a share of the control's value if `relative`. `reference` None is
    Welch's t for the very combination that is tested. No alpha is divided among guardrails (see
    `multiplicity.guardrail_power`). Without variation, or with a relative margin on a control that is not positive, it
    does not hold, p = 1, and a note says why. Raises ValueError for a margin that is not positive.
    """
    if not (margin > 0 and math.isfinite(margin)):
        raise ValueError(f"margin: {margin} is not a positive number")
    reading = Reading(confidence, direction, "greater" if direction == "increase" else "less")
    threshold = -margin if direction == "increase" else margin
    note = _unusable(effect, relative=relative)
    if note is not None:
        open_interval = Interval(math.nan, -math.inf, math.inf, confidence)
        return NonInferiority(False, 1.0, math.nan, open_interval, threshold, relative, (note,))
    statistic, used = _against(effect, reference, threshold, relative=relative)
    p_value = reading.p_value(used.p_value(statistic), statistic)
    change = reading.opened(_change(effect, used.critical(reading.tail), confidence, relative=relative))
    return NonInferiority(p_value < 1 - confidence, p_value, statistic, change, threshold, relative)


def equivalence(
    effect: Effect,
    reference: Reference | None = None,
    *,
    low: float,
    high: float,
    relative: bool = False,
    alpha: float = 0.05,
) -> Equivalence:
    """Two one-sided tests of a change against both thresholds, each at alpha (Schuirmann 1987, J. Pharmacokinet.
    Biopharm. 15:657).

    `low` and `high` are in the metric's unit, or changes as a share of the control's value if `relative`. Without
    variation, or relative to a control that is not positive, all p-values are 1. Raises ValueError unless low < high.
    """
    if not low < high:
        raise ValueError(f"low: {low} is not below high, {high}")
    confidence = 1 - 2 * alpha
    reading = Reading(confidence)
    if _unusable(effect, relative=relative) is not None:
        return Equivalence(False, 1.0, 1.0, 1.0, Interval(math.nan, -math.inf, math.inf, confidence))
    below, under = _against(effect, reference, low, relative=relative)
    above, over = _against(effect, reference, high, relative=relative)
    p_lower = Reading(alternative="greater").p_value(under.p_value(below), below)
    p_upper = Reading(alternative="less").p_value(over.p_value(above), above)
    lower, upper = (
        _change(effect, used.critical(reading.tail), confidence, relative=relative) for used in (under, over)
    )
    p_value = max(p_lower, p_upper)
    change = Interval(lower.estimate, lower.lower, upper.upper, confidence)
    return Equivalence(p_value < alpha, p_value, p_lower, p_upper, change)


def _unusable(effect: Effect, *, relative: bool) -> Note | None:
    if not effect.variance > 0 or math.isnan(effect.difference):
        return Note.NO_VARIATION
    return Note.CONTROL_NOT_POSITIVE if relative and not effect.control.value > 0 else None


def _against(
    effect: Effect, reference: Reference | None, threshold: float, *, relative: bool
) -> tuple[float, Reference]:
    """The statistic of the change against the threshold, and what it is held against."""
    factor, shift = (1 + threshold, 0.0) if relative else (1.0, threshold)
    control = effect.control
    moved = ArmEstimate(control.n, control.value * factor + shift, control.standard_error * abs(factor))
    tested = Effect(moved, effect.treatment, effect.covariance * factor)
    return tested.difference / math.sqrt(tested.variance), reference or welch_satterthwaite(tested)


def _change(effect: Effect, critical: float, confidence: float, *, relative: bool) -> Interval:
    """The interval of the change at a critical value; the whole line where the lift cannot be bounded."""
    if not relative:
        half = critical * math.sqrt(effect.variance)
        return Interval(effect.difference, effect.difference - half, effect.difference + half, confidence)
    lift, _ = fieller_lift(
        effect.control, effect.treatment, critical, covariance=effect.covariance, confidence=confidence
    )
    estimate = effect.difference / effect.control.value
    return lift or Interval(estimate, -math.inf, math.inf, confidence)
