"""Ratio metrics: sum of one column over sum of another, where the randomised unit is neither (clicks per impression
by shopper).

The variance is that of units, by the delta method, so that a shopper's many impressions do not count as independent.
"""

from __future__ import annotations

import math

from experiments.stats.inference import TWO_SIDED, Reading
from experiments.stats.means import compare_estimates
from experiments.stats.moments import Moments
from experiments.stats.results import ArmEstimate, Comparison


def unit_variance(moments: Moments, numerator: str, denominator: str | None) -> float:
    """Variance of one unit's share in the ratio: (s_yy - 2 r s_xy + r^2 s_xx) / mean_x^2.

    Deng, Knoblich and Lu (2018, KDD, section 3.1, Var(Y/X)). Never negative: rounding below zero is zero.
    """
    base = moments.mean(denominator)
    ratio = moments.mean(numerator) / base
    spread = (
        moments.variance(numerator)
        - 2 * ratio * moments.covariance(numerator, denominator)
        + ratio**2 * moments.variance(denominator)
    )
    return max(spread, 0.0) / base**2


def arm_ratio(moments: Moments, numerator: str, denominator: str | None) -> ArmEstimate:
    """The ratio of an arm with its standard error; NaN where no unit has a denominator. `denominator` None is the
    mean.
    """
    if moments.n == 0 or moments.mean(denominator) == 0:
        return ArmEstimate(moments.n, math.nan, math.nan)
    value = moments.mean(numerator) / moments.mean(denominator)
    if moments.n < 2:
        return ArmEstimate(moments.n, value, math.nan)
    return ArmEstimate(moments.n, value, math.sqrt(unit_variance(moments, numerator, denominator) / moments.n))


def compare_ratios(
    control: Moments, treatment: Moments, *, numerator: str, denominator: str | None, reading: Reading = TWO_SIDED
) -> Comparison:
    """Difference of two ratios by the delta method with Welch's degrees of freedom; lift by Fieller with the same
    variances.
    """
    arms = (arm_ratio(side, numerator, denominator) for side in (control, treatment))
    return compare_estimates(*arms, method="ratio_delta", reading=reading)
