"""Relative change of one arm over another: Fieller's set, the log-ratio interval, and the first-order delta of other
tools.

Fieller's set is the one used on result pages: it asks of each ratio r whether treatment - r * control differs from
zero, with the very statistic of the absolute test, so that "the lift excludes 0" and "the difference excludes 0" are
one statement. The first-order delta at the observed ratio is not coherent with it (statistics reference, 2) and is
here to reconcile figures with tools that print it, never for a verdict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy import special

from experiments.stats.results import ArmEstimate, Interval, Note


@dataclass(frozen=True, slots=True)
class RatioSet:
    """All ratios not rejected by Fieller's test.

    "bounded": those from lower to upper. "rays": those up to lower and those from upper on (the denominator may be
    zero). "line": every ratio.
    """

    kind: Literal["bounded", "rays", "line"]
    lower: float
    upper: float

    def __contains__(self, ratio: float) -> bool:
        if self.kind == "line":
            return True
        inside = self.lower <= ratio <= self.upper
        return inside if self.kind == "bounded" else ratio <= self.lower or ratio >= self.upper


def fieller(
    numerator: float,
    denominator: float,
    *,
    variance_numerator: float,
    variance_denominator: float,
    covariance: float = 0.0,
    critical: float,
) -> RatioSet:
    """The set of ratios r with |numerator - r * denominator| <= critical * its standard error.

    Fieller (1954, J. R. Stat. Soc. B 16:175), section 3: the solution of a quadratic inequality. Variances and
    covariance are those of the two estimates. Raises ValueError for a negative variance.
    """
    if variance_numerator < 0 or variance_denominator < 0:
        raise ValueError(f"variance: {min(variance_numerator, variance_denominator)} is negative")
    if critical == math.inf:
        return RatioSet("line", -math.inf, math.inf)
    square = critical**2
    a = denominator**2 - square * variance_denominator
    b = numerator * denominator - square * covariance
    c = numerator**2 - square * variance_numerator
    # b**2 - a*c written out: the leading terms cancel on paper, so they must not be left to cancel in floating point.
    inner = (
        variance_numerator * denominator**2
        - 2 * covariance * numerator * denominator
        + variance_denominator * numerator**2
        - square * (variance_numerator * variance_denominator - covariance**2)
    )
    root = critical * math.sqrt(max(inner, 0.0))
    pivot = b + math.copysign(root, b)
    if a > 0:
        ends = sorted((pivot / a, c / pivot if pivot else 0.0))
        return RatioSet("bounded", ends[0], ends[1])
    if inner <= 0 or pivot == 0:
        return RatioSet("line", -math.inf, math.inf)
    # a = 0 is the limit of two rays with one of them gone to infinity.
    ends = sorted((pivot / a if a else -math.copysign(math.inf, pivot), c / pivot))
    return RatioSet("rays", ends[0], ends[1])


def fieller_lift(
    control: ArmEstimate, treatment: ArmEstimate, critical: float, *, covariance: float = 0.0, confidence: float
) -> tuple[Interval | None, tuple[Note, ...]]:
    """Lift (treatment/control - 1) with Fieller's interval, and notes where it is open or without meaning.

    None where the control is not positive, and where the set is two rays that leave out zero lift: the change is real
    but the control too near zero to say of what size, and the whole line would deny it.
    """
    if not control.value > 0:
        return None, (Note.CONTROL_NOT_POSITIVE,)
    change = treatment.value - control.value
    # Asked of change/control and not of treatment/control: zero lift then meets the same numbers as zero difference.
    found = fieller(
        change,
        control.value,
        variance_numerator=control.variance + treatment.variance - 2 * covariance,
        variance_denominator=control.variance,
        covariance=covariance - control.variance,
        critical=critical,
    )
    estimate = change / control.value
    if found.kind == "bounded":
        return Interval(estimate, found.lower, found.upper, confidence), ()
    if 0.0 in found:
        return Interval(estimate, -math.inf, math.inf, confidence), (Note.LIFT_UNBOUNDED,)
    return None, (Note.LIFT_UNBOUNDED,)


def log_ratio_lift(
    control: ArmEstimate, treatment: ArmEstimate, *, confidence: float = 0.95, normal: bool = False
) -> Interval:
    """Lift with an interval symmetric on the log scale: Katz et al. (1978, Biometrics 34:469) for proportions.

    The delta method for log(treatment/control) with Welch-Satterthwaite degrees of freedom on the squared
    coefficients of variation; `normal` takes the normal quantile instead. Both values must be positive.
    """
    if not (control.value > 0 and treatment.value > 0):
        raise ValueError(f"value: a log ratio needs positive values, not {control.value} and {treatment.value}")
    parts = [(arm.standard_error / arm.value) ** 2 for arm in (control, treatment)]
    ratio = treatment.value / control.value
    quantile = _quantile(parts, (control.n, treatment.n), confidence, normal=normal)
    half = quantile * math.sqrt(sum(parts))
    log = math.log(ratio)
    return Interval(ratio - 1, math.expm1(log - half), math.expm1(log + half), confidence)


def first_order_delta_lift(
    control: ArmEstimate, treatment: ArmEstimate, *, confidence: float = 0.95
) -> tuple[Interval, float]:
    """Lift, interval and p-value by the linear delta method at the observed ratio, as GrowthBook's default has them.

    Deng, Knoblich and Lu (2018, KDD, eq. 4) with the Welch degrees of freedom of the absolute difference. It can
    contradict the absolute test; use it only to compare with another tool's output.
    """
    error = math.sqrt(first_order_variance(control, treatment))
    ratio = treatment.value / control.value
    freedom = _freedom([control.variance, treatment.variance], (control.n, treatment.n))
    half = float(-special.stdtrit(freedom, (1 - confidence) / 2)) * error
    p_value = float(2 * special.stdtr(freedom, -abs(ratio - 1) / error))
    return Interval(ratio - 1, ratio - 1 - half, ratio - 1 + half, confidence), p_value


def first_order_variance(control: ArmEstimate, treatment: ArmEstimate) -> float:
    """Variance of treatment/control by the linear delta method at the observed values (ibid.)."""
    if control.value == 0:
        raise ValueError("control: its value is 0, so a relative change is undefined")
    ratio = treatment.value / control.value
    return (treatment.variance + control.variance * ratio**2) / control.value**2


def _quantile(parts: list[float], counts: tuple[int, int], confidence: float, *, normal: bool) -> float:
    tail = (1 - confidence) / 2
    if normal:
        return float(-special.ndtri(tail))
    return float(-special.stdtrit(_freedom(parts, counts), tail))


def _freedom(variances: list[float], counts: tuple[int, int]) -> float:
    total = sum(variances)
    if not total > 0:
        raise ValueError("standard_error: neither arm varies, so there is no interval")
    if min(counts) < 2:
        raise ValueError(f"n: {min(counts)} units have no variance")
    return float(1 / sum((part / total) ** 2 / (n - 1) for part, n in zip(variances, counts, strict=True)))
