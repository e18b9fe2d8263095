"""Bounds of score intervals for two proportions: where the score statistic of a supposed difference or ratio is just
surprising.

Group 1 is the treatment, group 2 the control. The rates that are most likely under the supposition have closed forms
(Miettinen and Nurminen 1985, Stat. Med. 4:213, appendix I and II); only the outer search is numerical (Brent).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import optimize

_STEP = 1e-15
_LAST_STEP = 1e-9  # Newton's error is about the square of its last step
_LARGEST_LOG_RATIO = 700.0  # exp(709) is the largest double


def difference_bounds(
    x_control: int, n_control: int, x_treatment: int, n_treatment: int, *, critical: float
) -> tuple[float, float]:
    """Lower and upper end of {d : |score statistic of p1 - p2 = d| <= critical}, within [-1, 1]."""
    observed = x_treatment / n_treatment - x_control / n_control

    def statistic(supposed: float) -> float:
        rate = _control_rate_given_difference(x_control, n_control, x_treatment, n_treatment, supposed)
        other = min(max(rate + supposed, 0.0), 1.0)
        variance = other * (1 - other) / n_treatment + rate * (1 - rate) / n_control
        return _standardised(observed - supposed, variance)

    lower = _crossing(lambda d: statistic(d) - critical, -1.0, observed)
    upper = _crossing(lambda d: statistic(d) + critical, observed, 1.0)
    return (-1.0 if lower is None else lower), (1.0 if upper is None else upper)


def ratio_bounds(
    x_control: int, n_control: int, x_treatment: int, n_treatment: int, *, critical: float
) -> tuple[float, float]:
    """Lower and upper end of {r : |score statistic of p1 / p2 = r| <= critical}, within [0, inf]. The control needs a
    success.
    """
    before, after = x_control / n_control, x_treatment / n_treatment

    def statistic(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        rate = _control_rate_given_ratio(x_control, n_control, x_treatment, n_treatment, ratio)
        other = min(ratio * rate, 1.0)
        variance = other * (1 - other) / n_treatment + ratio**2 * rate * (1 - rate) / n_control
        return _standardised(after - ratio * before, variance)

    middle = math.log(after / before) if after > 0 else -math.log(n_treatment / before) - 1
    lower = _outwards(lambda t: statistic(t) - critical, middle, -1.0) if after > 0 else None
    upper = _outwards(lambda t: statistic(t) + critical, middle, 1.0)
    return (0.0 if lower is None else math.exp(lower)), (math.inf if upper is None else math.exp(upper))


def _control_rate_given_difference(x2: int, n2: int, x1: int, n1: int, d: float) -> float:
    """The control's likeliest rate if the treatment's is d higher: where the slope of the log likelihood is zero.

    The slope falls all the way, so it is zero once or the end of the range is likeliest.
    """
    low, high = max(0.0, -d), min(1.0, 1.0 - d)
    counts = (x2, n2 - x2, x1, n1 - x1)
    if _slope(counts, low, d)[0] <= 0:
        return low
    if _slope(counts, high, d)[0] >= 0:
        return high
    rate = _cubic_root(x2, n2, x1, n1, d)
    if not low < rate < high:
        rate = (low + high) / 2
    # The closed form loses half its digits where rates are tiny (a few per million); Newton's steps, held between the
    # ends, bring them back.
    for _ in range(100):
        slope, curvature = _slope(counts, rate, d)
        low, high = (rate, high) if slope > 0 else (low, rate)
        stepped = rate - slope / curvature
        if low <= stepped <= high and abs(stepped - rate) <= _LAST_STEP * rate:
            return stepped
        rate = stepped if low < stepped < high else (low + high) / 2
    return rate


def _slope(counts: tuple[int, int, int, int], rate: float, d: float) -> tuple[float, float]:
    """First and second derivative of the log likelihood; a count at an impossible rate pushes away without bound."""
    slope = curvature = 0.0
    distances = (rate, 1 - rate, rate + d, 1 - rate - d)
    for count, distance, sign in zip(counts, distances, (1, -1, 1, -1), strict=True):
        if count and distance <= 0:
            return sign * math.inf, -math.inf
        if count:
            slope += sign * count / distance
            curvature -= count / distance**2
    return slope, curvature


def _cubic_root(x2: int, n2: int, x1: int, n1: int, d: float) -> float:
    # Miettinen and Nurminen (1985), appendix I: the root of a cubic in trigonometric form.
    total, successes = n1 + n2, x1 + x2
    l3, l2 = total, (n1 + 2 * n2) * d - total - successes
    l1, l0 = (n2 * d - total - 2 * x2) * d + successes, x2 * d * (1 - d)
    q = l2**3 / (3 * l3) ** 3 - l1 * l2 / (6 * l3**2) + l0 / (2 * l3)
    p = math.copysign(math.sqrt(max(l2**2 / (3 * l3) ** 2 - l1 / (3 * l3), 0.0)), q)
    turn = q / p**3 if p else 0.0
    angle = (math.pi + math.acos(min(max(turn, -1.0), 1.0))) / 3
    return 2 * p * math.cos(angle) - l2 / (3 * l3)


def _control_rate_given_ratio(x2: int, n2: int, x1: int, n1: int, ratio: float) -> float:
    # Appendix II: the smaller root of a quadratic, written so that it does not cancel.
    a = (n1 + n2) * ratio
    b = n1 * ratio + x1 + n2 + x2 * ratio
    c = x1 + x2
    root = math.sqrt(max(b**2 - 4 * a * c, 0.0))
    return min(2 * c / (b + root), 1.0, 1.0 / ratio)


def _standardised(distance: float, variance: float) -> float:
    if variance > 0:
        return distance / math.sqrt(variance)
    return math.copysign(math.inf, distance) if distance else 0.0


def _crossing(function: Callable[[float], float], low: float, high: float) -> float | None:
    """The zero between two points; None where the function does not change sign: the interval goes to the end."""
    at_low, at_high = function(low), function(high)
    if at_low == 0:
        return low
    if at_high == 0:
        return high
    if (at_low > 0) == (at_high > 0):
        return None
    return float(optimize.brentq(_finite(function), low, high, xtol=_STEP, rtol=4 * 2.220446049250313e-16, maxiter=200))


def _outwards(function: Callable[[float], float], start: float, step: float) -> float | None:
    """The zero found by walking out from start in doubling steps; None where there is none before overflow."""
    inner = start
    while abs(inner) < _LARGEST_LOG_RATIO:
        outer = max(min(inner + step, _LARGEST_LOG_RATIO), -_LARGEST_LOG_RATIO)
        if (function(outer) > 0) != (function(start) > 0):
            return _crossing(function, min(inner, outer), max(inner, outer))
        inner, step = outer, step * 2
    return None


def _finite(function: Callable[[float], float]) -> Callable[[float], float]:
    # Brent's secant steps need numbers; where the variance vanishes the statistic is infinite, and only its sign
    # matters.
    return lambda x: min(max(function(x), -1e300), 1e300)
