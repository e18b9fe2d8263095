"""From two arm estimates to one coherent comparison.

An effect (two estimates, their variances) meets a reference (how large a statistic is surprising). Everything a
result page shows is read off that pair: the interval is estimate -+ c * standard error, the lift interval is
Fieller's with the same c, the p-value inverts the same c, the chance to win is the p-value's tail. A new method is a
new reference or a new effect. All tails come from survival functions: 1 - cdf is 0.0 from t = 9 on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from scipy import special

from experiments.stats.lifts import fieller_lift
from experiments.stats.results import Alternative, ArmEstimate, Comparison, Direction, Interval, Note


class Reference(Protocol):
    """What a standardised statistic is compared with."""

    @property
    def degrees_of_freedom(self) -> float | None:
        """Degrees of freedom of a t distribution; None for any other."""

    def p_value(self, statistic: float) -> float:
        """Two-sided p-value of the statistic."""

    def critical(self, alpha: float) -> float:
        """The value whose two-sided p-value is alpha."""


@dataclass(frozen=True, slots=True)
class Normal:
    """The standard normal distribution."""

    degrees_of_freedom: None = None

    def p_value(self, statistic: float) -> float:
        """P(|Z| >= |statistic|)."""
        return float(2 * special.ndtr(-abs(statistic)))

    def critical(self, alpha: float) -> float:
        """The 1 - alpha/2 quantile."""
        return float(-special.ndtri(alpha / 2))


@dataclass(frozen=True, slots=True)
class Student:
    """Student's t distribution."""

    degrees_of_freedom: float

    def p_value(self, statistic: float) -> float:
        """P(|T| >= |statistic|)."""
        return float(2 * special.stdtr(self.degrees_of_freedom, -abs(statistic)))

    def critical(self, alpha: float) -> float:
        """The 1 - alpha/2 quantile."""
        return float(-special.stdtrit(self.degrees_of_freedom, alpha / 2))


@dataclass(frozen=True, slots=True)
class ContinuityCorrected:
    """A reference whose statistic is drawn towards zero by a fixed amount (Yates 1934), in p-value and interval
    alike.
    """

    base: Reference
    shift: float

    @property
    def degrees_of_freedom(self) -> float | None:
        """Those of the reference beneath."""
        return self.base.degrees_of_freedom

    def p_value(self, statistic: float) -> float:
        """Two-sided p-value of the statistic after the correction."""
        return self.base.p_value(max(abs(statistic) - self.shift, 0.0))

    def critical(self, alpha: float) -> float:
        """The uncorrected statistic whose corrected p-value is alpha."""
        return self.base.critical(alpha) + self.shift


@dataclass(frozen=True, slots=True)
class Effect:
    """Two arm estimates and the covariance between them (0 for arms drawn independently, not 0 after joint
    adjustment).
    """

    control: ArmEstimate
    treatment: ArmEstimate
    covariance: float = 0.0

    @property
    def difference(self) -> float:
        """Treatment - control."""
        return self.treatment.value - self.control.value

    @property
    def variance(self) -> float:
        """Variance of the difference."""
        return self.control.variance + self.treatment.variance - 2 * self.covariance


@dataclass(frozen=True, slots=True)
class Reading:
    """How a result is to be read: confidence of the intervals, the metric's good side, the hypothesis."""

    confidence: float = 0.95
    direction: Direction = "increase"
    alternative: Alternative = "two-sided"

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence: {self.confidence} is not between 0 and 1")
        if self.direction not in ("increase", "decrease"):
            raise ValueError(f"direction: {self.direction!r} is neither 'increase' nor 'decrease'")
        if self.alternative not in ("two-sided", "greater", "less"):
            raise ValueError(f"alternative: {self.alternative!r} is not 'two-sided', 'greater' or 'less'")

    @property
    def tail(self) -> float:
        """The alpha at which a two-sided critical value gives this reading's interval: doubled for a one-sided one."""
        alpha = 1 - self.confidence
        return alpha if self.alternative == "two-sided" else min(2 * alpha, 1.0)

    def opened(self, interval: Interval) -> Interval:
        """The interval with the side that a one-sided hypothesis leaves open set to infinity."""
        lower = -math.inf if self.alternative == "less" else interval.lower
        upper = math.inf if self.alternative == "greater" else interval.upper
        return Interval(interval.estimate, lower, upper, interval.confidence)

    def p_value(self, two_sided: float, statistic: float) -> float:
        """The p-value of this reading's hypothesis from the two-sided one of a symmetric reference."""
        if self.alternative == "two-sided":
            return two_sided
        agrees = statistic > 0 if self.alternative == "greater" else statistic < 0
        return two_sided / 2 if agrees else 1 - two_sided / 2

    def chance_to_win(self, two_sided: float, statistic: float) -> float:
        """Flat-prior posterior probability that the treatment is better, from the same tail as the p-value."""
        wins = statistic > 0 if self.direction == "increase" else statistic < 0
        return 1 - two_sided / 2 if wins else two_sided / 2


TWO_SIDED = Reading()


def conclude(
    effect: Effect, reference: Reference, *, method: str, reading: Reading = TWO_SIDED, notes: tuple[Note, ...] = ()
) -> Comparison:
    """One comparison from an effect and its reference; undefined, with a note, where neither arm varies."""
    variance = effect.variance
    if not variance > 0:
        return undefined(effect, Note.NO_VARIATION, method=method, reading=reading)
    error = math.sqrt(variance)
    statistic = effect.difference / error
    critical = reference.critical(reading.tail)
    two_sided = min(reference.p_value(statistic), 1.0)
    lift, lift_notes = fieller_lift(
        effect.control, effect.treatment, critical, covariance=effect.covariance, confidence=reading.confidence
    )
    half = critical * error
    whole = Interval(effect.difference, effect.difference - half, effect.difference + half, reading.confidence)
    return Comparison(
        control=effect.control,
        treatment=effect.treatment,
        difference=reading.opened(whole),
        lift=None if lift is None else reading.opened(lift),
        p_value=reading.p_value(two_sided, statistic),
        standard_error=error,
        statistic=statistic,
        degrees_of_freedom=reference.degrees_of_freedom,
        chance_to_win=reading.chance_to_win(two_sided, statistic),
        method=method,
        direction=reading.direction,
        alternative=reading.alternative,
        notes=(*notes, *lift_notes),
    )


def undefined(effect: Effect, *notes: Note, method: str, reading: Reading = TWO_SIDED) -> Comparison:
    """The result where the data cannot speak: point estimates as they are, no bounds, p = 1, an even chance, and the
    reason.
    """
    control, treatment = effect.control, effect.treatment
    lift = treatment.value / control.value - 1 if control.value > 0 else math.nan
    return Comparison(
        control=control,
        treatment=treatment,
        difference=Interval(effect.difference, -math.inf, math.inf, reading.confidence),
        lift=None if math.isnan(lift) else Interval(lift, -math.inf, math.inf, reading.confidence),
        p_value=1.0,
        standard_error=math.nan,
        statistic=math.nan,
        degrees_of_freedom=None,
        chance_to_win=0.5,
        method=method,
        direction=reading.direction,
        alternative=reading.alternative,
        notes=notes,
    )


def welch_satterthwaite(effect: Effect) -> Student:
    """Student's t with the degrees of freedom of two unequal variances (Welch 1947, Biometrika 34:28, eq. 28).

    Both arms need two units, and one of them a variance above zero.
    """
    control, treatment = effect.control, effect.treatment
    # Shares instead of squares of variances: at a metric of 1e-90 the squares would underflow.
    total = control.variance + treatment.variance
    spread = (control.variance / total) ** 2 / (control.n - 1) + (treatment.variance / total) ** 2 / (treatment.n - 1)
    return Student(1 / spread)
