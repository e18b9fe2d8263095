"""Events per exposure (orders per thousand visits, complaints per shopper-day) when only the totals are known.

Right for events that come one by one and independently. Where single units bring many events, the variance is larger
than a Poisson count's and the units' own counts should be compared by `means.welch`, which measures it; `dispersion`
tells the two apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from experiments.stats.inference import TWO_SIDED, Effect, Normal, Reading, conclude, undefined
from experiments.stats.moments import Moments
from experiments.stats.results import Alternative, ArmEstimate, Comparison, Interval, Note

# Fewer events than this in an arm, and the normal approximation is poor.
FEW_EVENTS = 10


@dataclass(frozen=True, slots=True)
class Events:
    """How many events came over how much exposure (units, days, visits). Raises ValueError for what cannot be."""

    count: int
    exposure: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.count) or self.count != int(self.count) or self.count < 0:
            raise ValueError(f"count: {self.count} is not a whole number from 0 on")
        if not (math.isfinite(self.exposure) and self.exposure > 0):
            raise ValueError(f"exposure: {self.exposure} is not a positive number")

    @property
    def rate(self) -> float:
        """Events per exposure."""
        return self.count / self.exposure


@dataclass(frozen=True, slots=True)
class RateRatio:
    """Exact test of equal rates given the total of events.

    `p_value` sums the splits no more likely than the observed one. `p_central` is twice the smaller tail and the one
    that goes with `ratio`: it is below 1 - confidence exactly where 1 is outside.
    """

    p_value: float
    p_central: float
    ratio: Interval


def exact_rate_ratio(
    control: Events, treatment: Events, *, alternative: Alternative = "two-sided", confidence: float = 0.95
) -> RateRatio:
    """The conditional binomial test (Przyborowski and Wilenski 1940, Biometrika 31:313) with the exact interval of the
    ratio treatment/control that inverts its tails (Clopper and Pearson 1934, Biometrika 26:404).

    One-sided, both p-values are the tail and the interval is open on the other side. No events: p = 1 and every ratio.
    """
    reading = Reading(confidence, alternative=alternative)
    total, share = control.count + treatment.count, treatment.exposure / (control.exposure + treatment.exposure)
    greater = _at_least(treatment.count, total, share)
    less = _at_least(control.count, total, 1 - share)
    central = min(2 * min(less, greater), 1.0)
    if alternative != "two-sided":
        one_sided = greater if alternative == "greater" else less
        return RateRatio(one_sided, one_sided, reading.opened(_ratio(control, treatment, reading)))
    return RateRatio(_least_likely(treatment.count, total, share), central, _ratio(control, treatment, reading))


def compare_rates(control: Events, treatment: Events, *, reading: Reading = TWO_SIDED) -> Comparison:
    """Difference of two Poisson rates by the normal approximation, lift by Fieller; noted where events are few.

    Variance count / exposure^2 in each arm. The `n` of an arm is its events, on which the approximation rests.
    """
    arms = [ArmEstimate(side.count, side.rate, math.sqrt(side.count) / side.exposure) for side in (control, treatment)]
    effect = Effect(arms[0], arms[1])
    few = (Note.SMALL_COUNTS,) if min(control.count, treatment.count) < FEW_EVENTS else ()
    if not effect.variance > 0:
        return undefined(effect, Note.NO_VARIATION, *few, method="poisson_rates", reading=reading)
    return conclude(effect, Normal(), method="poisson_rates", reading=reading, notes=few)


def dispersion(moments: Moments, column: str) -> float:
    """Variance over mean of a count per unit: 1 for Poisson counts, above where some units bring many; NaN for none."""
    mean = moments.mean(column)
    return moments.variance(column) / mean if mean > 0 else math.nan


def _ratio(control: Events, treatment: Events, reading: Reading) -> Interval:
    tail = reading.tail / 2
    lower = _odds(treatment.count, control.count + 1, tail) if treatment.count else 0.0
    upper = _odds(treatment.count + 1, control.count, 1 - tail) if control.count else math.inf
    per_exposure = control.exposure / treatment.exposure
    estimate = treatment.rate / control.rate if control.count else (math.inf if treatment.count else math.nan)
    return Interval(estimate, lower * per_exposure, upper * per_exposure, reading.confidence)


def _odds(first: float, second: float, tail: float) -> float:
    share = float(special.betaincinv(first, second, tail))
    return share / (1 - share) if share < 1 else math.inf


def _at_least(count: int, total: int, share: float) -> float:
    """P(X >= count) of a binomial."""
    return float(special.betainc(count, total - count + 1, share)) if count > 0 else 1.0


def _least_likely(count: int, total: int, share: float) -> float:
    # Imported where it is used, as in `contingency`: scipy.stats costs the web process half a second of start-up.
    from scipy import stats  # noqa: PLC0415

    return float(stats.binomtest(count, total, share).pvalue) if total else 1.0
