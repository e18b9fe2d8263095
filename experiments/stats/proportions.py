"""Difference of two proportions from counts: z tests, the score test with its intervals, Newcombe and Katz.

`score` is the one a result page uses: its p-value is the pooled z test's, and both its intervals (difference and
lift) invert that very test, so all agree; and it stays sensible at 0 of n, where the Wald interval has no width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from experiments.stats import score_sets
from experiments.stats.exact_pairs import exact_pair
from experiments.stats.inference import (
    TWO_SIDED,
    ContinuityCorrected,
    Effect,
    Normal,
    Reading,
    Reference,
    conclude,
    undefined,
)
from experiments.stats.lifts import log_ratio_lift
from experiments.stats.results import ArmEstimate, Comparison, Interval, Note

# Below this expected count the normal approximation is poor and the exact test should be read (Cochran 1954,
# Biometrics 10:417).
SMALL_EXPECTED_COUNT = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """Successes among n units. Raises ValueError naming the argument for counts that cannot be."""

    successes: int
    n: int

    def __post_init__(self) -> None:
        for name, value in (("successes", self.successes), ("n", self.n)):
            if not math.isfinite(value) or value != int(value):
                raise ValueError(f"{name}: {value} is not a whole number")
        if self.n < 0:
            raise ValueError(f"n: {self.n} is negative")
        if not 0 <= self.successes <= self.n:
            raise ValueError(f"successes: {self.successes} is not between 0 and n = {self.n}")

    @property
    def rate(self) -> float:
        """Share of successes; NaN without units."""
        return self.successes / self.n if self.n else math.nan

    def estimate(self, rate: float | None = None) -> ArmEstimate:
        """The rate with the standard error sqrt(p(1-p)/n) at `rate` (this arm's own by default)."""
        if not self.n:
            return ArmEstimate(0, math.nan, math.nan)
        at = self.rate if rate is None else rate
        return ArmEstimate(self.n, self.rate, math.sqrt(at * (1 - at) / self.n))


def two_proportion_z(
    control: Counts, treatment: Counts, *, pooled: bool, continuity: bool = False, reading: Reading = TWO_SIDED
) -> Comparison:
    """The z test of two proportions with the interval of the same standard error.

    Pooled: p(1-p)(1/n1+1/n2) with the common rate; unpooled: Wald. `continuity` is Yates' correction (1934, Suppl. J.
    R. Stat. Soc. 1:217), applied to p-value and interval alike. One-sided intervals end at the limit of a difference,
    +-1.
    """
    method = "z_pooled" if pooled else "z_unpooled"
    if not (control.n and treatment.n):
        return undefined(_effect(control, treatment), Note.TOO_FEW_UNITS, method=method, reading=reading)
    common = (control.successes + treatment.successes) / (control.n + treatment.n)
    effect = Effect(control.estimate(common if pooled else None), treatment.estimate(common if pooled else None))
    reference: Reference = Normal()
    if continuity and effect.variance > 0:
        # Never past the observed difference: a correction beyond it would turn the sign (as R's prop.test).
        step = min(0.5 * (1 / control.n + 1 / treatment.n), abs(effect.difference))
        reference = ContinuityCorrected(reference, step / math.sqrt(effect.variance))
    result = conclude(effect, reference, method=method, reading=reading, notes=_small(control, treatment))
    return replace(result, difference=_closed(result.difference)) if reading.alternative != "two-sided" else result


def score(control: Counts, treatment: Counts, *, reading: Reading = TWO_SIDED) -> Comparison:
    """The score test with the intervals that invert it.

    p-value: pooled z. Difference: Mee (1984, Biometrics 40:1175). Lift: Koopman (1984, Biometrics 40:513). Two-sided.
    Where no unit (or every unit) succeeded, p = 1 and the interval of the difference still has its honest width.
    """
    effect = _effect(control, treatment)
    if not (control.n and treatment.n):
        return undefined(effect, Note.TOO_FEW_UNITS, method="score", reading=reading)
    if reading.alternative != "two-sided":
        raise ValueError(f"alternative: the score comparison is two-sided, not {reading.alternative!r}")
    common = (control.successes + treatment.successes) / (control.n + treatment.n)
    error = math.sqrt(common * (1 - common) * (1 / control.n + 1 / treatment.n))
    statistic = effect.difference / error if error > 0 else 0.0
    two_sided = Normal().p_value(statistic)
    lift, notes = _score_lift(control, treatment, reading)
    return Comparison(
        control=effect.control,
        treatment=effect.treatment,
        difference=score_difference(control, treatment, confidence=reading.confidence),
        lift=lift,
        p_value=two_sided,
        standard_error=error,
        statistic=statistic,
        degrees_of_freedom=None,
        chance_to_win=reading.chance_to_win(two_sided, statistic),
        method="score",
        direction=reading.direction,
        notes=(*_small(control, treatment), *notes),
    )


def small_counts(control: Counts, treatment: Counts, *, reading: Reading = TWO_SIDED) -> Comparison:
    """The comparison for an expected cell below 5: an exact test, and intervals that say of zero what it says.

    p-value: exact and unconditional (see `exact_pairs`), at most alpha false positives at any counts, where Fisher's
    conditional test is far more cautious. Intervals are the score ones, except on the side of zero: there the bound is
    the exact region's where the test rejects, or where the score bound would contradict it. So p < alpha exactly where
    zero is outside of both. Where no expected cell is below 5, and where an arm is empty, it is `score`.
    """
    found = score(control, treatment, reading=reading)
    if Note.SMALL_COUNTS not in found.notes:
        return found
    pair = exact_pair((control.successes, control.n), (treatment.successes, treatment.n), alpha=1 - reading.confidence)
    edges = [(edge[:, 0], edge[:, 1]) for edge in (pair.lowest, pair.highest)]
    low, high = (after - before for before, after in edges)
    lift = found.lift
    if lift is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            least, most = (np.nan_to_num(after / before - 1, nan=0.0, posinf=math.inf) for before, after in edges)
        lift = _agreed(lift, least.min(initial=math.inf), most.max(initial=-math.inf))
    return replace(
        found,
        difference=_agreed(found.difference, low.min(initial=math.inf), high.max(initial=-math.inf)),
        lift=lift,
        p_value=pair.two_sided,
        chance_to_win=reading.chance_to_win(pair.two_sided, found.statistic),
        method="exact",
    )


def score_difference(
    control: Counts, treatment: Counts, *, confidence: float = 0.95, miettinen_nurminen: bool = False
) -> Interval:
    """Score interval of treatment - control: Mee (1984), or Miettinen and Nurminen (1985, Stat. Med. 4:213, eq. 8).

    The latter multiplies the variance by N/(N-1) and is a little wider. Both arms need a unit.
    """
    _require_units(control, treatment)
    critical = Normal().critical(1 - confidence)
    if miettinen_nurminen:
        total = control.n + treatment.n
        critical *= math.sqrt(total / (total - 1))
    lower, upper = score_sets.difference_bounds(
        control.successes, control.n, treatment.successes, treatment.n, critical=critical
    )
    return Interval(treatment.rate - control.rate, lower, upper, confidence)


def wilson(counts: Counts, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of one proportion (1927, J. Am. Stat. Assoc. 22:209)."""
    if not counts.n:
        return Interval(math.nan, 0.0, 1.0, confidence)
    square = Normal().critical(1 - confidence) ** 2
    rate, n = counts.rate, counts.n
    middle = (rate + square / (2 * n)) / (1 + square / n)
    half = math.sqrt(square * (rate * (1 - rate) / n + square / (4 * n**2))) / (1 + square / n)
    # At 0 and at n the bound is the end itself; the difference of two equal numbers misses it by a rounding.
    lower = 0.0 if counts.successes == 0 else middle - half
    upper = 1.0 if counts.successes == n else middle + half
    return Interval(rate, lower, upper, confidence)


def newcombe(control: Counts, treatment: Counts, *, confidence: float = 0.95) -> Interval:
    """Interval of the difference from two Wilson intervals: Newcombe (1998, Stat. Med. 17:873), method 10."""
    _require_units(control, treatment)
    before, after = (wilson(side, confidence=confidence) for side in (control, treatment))
    difference = treatment.rate - control.rate
    below = math.hypot(treatment.rate - after.lower, before.upper - control.rate)
    above = math.hypot(after.upper - treatment.rate, control.rate - before.lower)
    return Interval(difference, difference - below, difference + above, confidence)


def katz_lift(control: Counts, treatment: Counts, *, confidence: float = 0.95) -> Interval:
    """Interval of the lift from the log risk ratio: Katz et al. (1978, Biometrics 34:469). Both arms need a success."""
    _require_units(control, treatment)
    return log_ratio_lift(control.estimate(), treatment.estimate(), confidence=confidence, normal=True)


def _agreed(interval: Interval, lowest: float, highest: float) -> Interval:
    """The score interval with its bound near zero moved out to the exact region's edge, as far as the test asks."""
    lower, upper = interval.lower, interval.upper
    if interval.estimate > 0 and (lowest > 0 or lower > 0):
        lower = min(lower, lowest) if lower > 0 else lowest
    if interval.estimate < 0 and (highest < 0 or upper < 0):
        upper = max(upper, highest) if upper < 0 else highest
    return Interval(interval.estimate, lower, upper, interval.confidence)


def _score_lift(control: Counts, treatment: Counts, reading: Reading) -> tuple[Interval | None, tuple[Note, ...]]:
    if control.successes == 0:
        return None, (Note.CONTROL_NOT_POSITIVE,)
    lower, upper = score_sets.ratio_bounds(
        control.successes,
        control.n,
        treatment.successes,
        treatment.n,
        critical=Normal().critical(1 - reading.confidence),
    )
    return Interval(treatment.rate / control.rate - 1, lower - 1, upper - 1, reading.confidence), ()


def _effect(control: Counts, treatment: Counts) -> Effect:
    return Effect(control.estimate(), treatment.estimate())


def _require_units(control: Counts, treatment: Counts) -> None:
    for name, side in (("control", control), ("treatment", treatment)):
        if not side.n:
            raise ValueError(f"{name}: it has no units")


def _small(control: Counts, treatment: Counts) -> tuple[Note, ...]:
    common = (control.successes + treatment.successes) / (control.n + treatment.n)
    least = min(common, 1 - common) * min(control.n, treatment.n)
    return (Note.SMALL_COUNTS,) if least < SMALL_EXPECTED_COUNT else ()


def _closed(interval: Interval) -> Interval:
    # Only a side left open by the hypothesis ends at the parameter's limit; a bound that overshoots is left to be seen.
    return Interval(interval.estimate, max(interval.lower, -1.0), min(interval.upper, 1.0), interval.confidence)
