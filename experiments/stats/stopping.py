"""What a sequential test says once it has stopped: estimate, interval and p-value that allow for the stopping.

A test that stops at a boundary has, on average, an estimate that is too far out. Here all outcomes (look, statistic)
are ordered by stage: a stop for success earlier beats one later, at one look the larger statistic wins (Armitage 1957,
Biometrika 44:9; Fairbanks and Madsen 1982, Biometrika 69:69; Tsiatis, Rosner and Mehta 1984, Biometrics 40:797).
The p-value, the interval and the median unbiased estimate are three readings of that one order, so they agree; and none
of them depends on looks that were not taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import optimize

from experiments.stats.crossings import Inside, spread
from experiments.stats.group_sequential import GroupSequential
from experiments.stats.inference import Effect
from experiments.stats.lifts import fieller_lift
from experiments.stats.results import Interval


@dataclass(frozen=True, slots=True)
class StageWise:
    """Estimate and bounds in standard errors of the look at which it stopped (times the standard error they are the
    effect's), the two-sided p-value, and whether a boundary was crossed there.
    """

    estimate: float
    lower: float
    upper: float
    p_value: float
    crossed: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    """The effect of a stopped test: difference, lift (None where it has no meaning) and the two-sided p-value."""

    difference: Interval
    lift: Interval | None
    p_value: float
    crossed: bool


def chance_beyond(
    statistic: float, information: Sequence[float], boundaries: Sequence[float], *, drift: float
) -> float:
    """Probability under a drift of an outcome at least as high in the stage-wise order: the upper p-value's curve.

    Rises with the drift from 0 to 1. `boundaries` of looks before the last are used; the last look is where it stopped.
    """
    times, earlier, before = spread(information), 0.0, Inside.start()
    for look, bound in enumerate(boundaries[: len(times) - 1]):
        earlier += before.above(times[look], bound, drift)
        before = before.advanced(times[look], (-bound, bound), times[look + 1], drift)
    return earlier + before.above(times[-1], statistic, drift)


def adjusted(
    statistic: float, information: Sequence[float], boundaries: Sequence[float], *, confidence: float = 0.95
) -> StageWise:
    """The stage-wise reading of a test that stopped at the last of these looks with this Z.

    `boundaries` are those of |Z| at the same looks (a symmetric two-sided test). Where no boundary was crossed before
    the plan's end the reading holds only if the stop had nothing to do with the data: see `stopped`. Raises ValueError
    for a statistic that is not finite. That no earlier look should have stopped it is not checked.
    """
    if not math.isfinite(statistic):
        raise ValueError(f"statistic: {statistic} is not finite")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: {confidence} is not between 0 and 1")
    if len(boundaries) != len(information):
        raise ValueError(f"boundaries: {len(boundaries)} of them for {len(information)} looks")
    tail, root = (1 - confidence) / 2, math.sqrt(information[-1])
    lower, estimate = (_drift_at(share, statistic, information, boundaries) * root for share in (tail, 0.5))
    # By the mirrored outcome: near 1 a probability has too few digits to be solved for.
    upper = -_drift_at(tail, -statistic, information, boundaries) * root
    above = chance_beyond(statistic, information, boundaries, drift=0.0)
    below = chance_beyond(-statistic, information, boundaries, drift=0.0)
    crossed = abs(statistic) > boundaries[-1]
    return StageWise(estimate, lower, upper, min(2 * above, 2 * below, 1.0), crossed)


def stopped(effect: Effect, plan: GroupSequential, *, confidence: float = 0.95) -> Stopped | None:
    """The effect of a test that stopped at the plan's last look; None where neither arm varies.

    Crossed, or at the end of its plan: stage-wise. Given up before the end with no boundary crossed: the estimate
    stage-wise, but interval and p-value repeated ones, which hold whatever the reason for the stop. The lift's bounds
    are Fieller's at the same distances, so that it excludes zero where the difference does.
    """
    if not effect.variance > 0:
        return None
    raw = effect.difference / math.sqrt(effect.variance)
    statistic, boundaries = plan.normal(raw), plan.boundaries(1 - confidence)
    # Few units make Student's statistic of the normal one: everything is as much further away as that is.
    scale = raw / statistic if statistic else 1.0
    error = math.sqrt(effect.variance) * scale
    found = adjusted(statistic, plan.information, boundaries, confidence=confidence)
    lower, upper, p_value = found.lower, found.upper, found.p_value
    if not (found.crossed or plan.is_final):
        lower, upper, p_value = statistic - boundaries[-1], statistic + boundaries[-1], plan.p_value(raw)
    difference = Interval(found.estimate * error, lower * error, upper * error, confidence)
    lift = _lift(effect, tuple((statistic - value) * scale for value in (found.estimate, lower, upper)), confidence)
    return Stopped(difference, lift, p_value, found.crossed)


def _drift_at(chance: float, statistic: float, information: Sequence[float], boundaries: Sequence[float]) -> float:
    """The drift under which an outcome at least this high has this chance."""
    root = math.sqrt(information[-1])

    def excess(drift: float) -> float:
        return chance_beyond(statistic, information, boundaries, drift=drift) - chance

    # The drift that explains a stop can be far off the statistic (an earlier look should have stopped it): widen.
    middle, reach = statistic / root, 4.0 / root
    low, high = middle - reach, middle + reach
    while excess(low) > 0:
        low, reach = low - reach, 2 * reach
    while excess(high) < 0:
        high, reach = high + reach, 2 * reach
    return float(optimize.brentq(excess, low, high, xtol=1e-11, rtol=1e-12))


def _lift(effect: Effect, distances: tuple[float, ...], confidence: float) -> Interval | None:
    """Fieller's lift whose estimate and bounds lie so many standard errors below the observed one."""
    found = [_lift_at(effect, distance, confidence) for distance in distances]
    if any(value is None for value in found):
        return None
    estimate, lower, upper = (value for value in found if value is not None)
    return Interval(estimate, lower, upper, confidence)


def _lift_at(effect: Effect, distance: float, confidence: float) -> float | None:
    lift, _ = fieller_lift(
        effect.control, effect.treatment, abs(distance), covariance=effect.covariance, confidence=confidence
    )
    if lift is None:
        return None
    return lift.lower if distance >= 0 else lift.upper
