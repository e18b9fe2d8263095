"""Power, sample size and smallest detectable effect, for any contrast and any way of testing.

Power counts every rejection, as the usual tables do. A size is found for rejections on the effect's own side alone, so
that it never leans on a win by mistake; the two differ below the sixth digit at ordinary powers. Sizes are exact
numbers until `whole` rounds them up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scipy import optimize, special

from experiments.stats.contrasts import Contrast
from experiments.stats.rejection import Chances, FixedHorizon, Rule
from experiments.stats.results import Alternative

Correction = Literal["bonferroni", "holm", "sidak", "none"]

_DOUBLINGS = 200
_AT_THE_END = FixedHorizon()


@dataclass(frozen=True, slots=True)
class Design:
    """What a test must do: error rate, power, hypothesis, how many treatments against one control, and the rule.

    Holm's correction is planned at its first step, alpha over the number of comparisons: what it gives for certain.
    For guardrails pass the power from `multiplicity.guardrail_power`; alpha stays.
    """

    alpha: float = 0.05
    power: float = 0.8
    alternative: Alternative = "two-sided"
    comparisons: int = 1
    correction: Correction = "holm"
    rule: Rule = _AT_THE_END

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("power", self.power)):
            if not 0 < value < 1:
                raise ValueError(f"{name}: {value} is not between 0 and 1")
        if self.alternative not in ("two-sided", "greater", "less"):
            raise ValueError(f"alternative: {self.alternative!r} is not 'two-sided', 'greater' or 'less'")
        if self.comparisons < 1:
            raise ValueError(f"comparisons: {self.comparisons} is not at least 1")
        if self.power <= self.alpha_each:
            raise ValueError(f"power: {self.power} is not above alpha, which any test reaches without data")

    @property
    def alpha_each(self) -> float:
        """The alpha of one comparison."""
        if self.correction == "none":
            return self.alpha
        if self.correction == "sidak":
            return -math.expm1(math.log1p(-self.alpha) / self.comparisons)
        return self.alpha / self.comparisons

    @property
    def tail(self) -> float:
        """The two-sided alpha whose critical value the comparison uses."""
        return self.alpha_each if self.alternative == "two-sided" else min(2 * self.alpha_each, 1.0)


@dataclass(frozen=True, slots=True)
class Units:
    """Whole units: of the control, of each treatment, and of all arms."""

    control: int
    treatment: int
    total: int


FIXED = Design()


def power(contrast: Contrast, control_units: float, *, design: Design = FIXED) -> float:
    """The chance to reject with this many control units (each treatment has `ratio` times as many)."""
    _check_units(control_units)
    right, wrong = _chances(contrast, control_units, design, _signed(contrast, design))
    return right + wrong if design.alternative == "two-sided" else right


def sample_size(contrast: Contrast, *, design: Design = FIXED) -> float:
    """The control units at which the effect is found with the design's power.

    Fixed horizon: (c sqrt(null) + z sqrt(alternative))^2 / distance^2 (Fleiss, Levin and Paik 2003, eq. 4.14). Others:
    by root finding. Raises ValueError for a distance of zero or on the side that the hypothesis leaves out.
    """
    distance = _reachable(contrast, design)
    start = _closed_form(contrast, distance, design)
    if isinstance(design.rule, FixedHorizon):
        return start

    def short(log_units: float) -> float:
        return _chances(contrast, math.exp(log_units), design, distance).right - design.power

    low = high = math.log(start)
    for _ in range(_DOUBLINGS):
        if short(high) >= 0:
            break
        low, high = high, high + math.log(2)
    while short(low) > 0:
        low -= math.log(2)
    return math.exp(float(optimize.brentq(short, low, high, xtol=1e-13)))


def detectable(
    contrast_of: Callable[[float], Contrast], control_units: float, *, design: Design = FIXED, largest: float
) -> float:
    """The smallest argument of `contrast_of` that is found with the design's power; between 0 and `largest`.

    The argument may be a change, a lift or a rate's difference, and negative where `largest` is. Raises ValueError
    where even `largest` is not found.
    """
    _check_units(control_units)

    def short(effect: float) -> float:
        contrast = contrast_of(effect)
        return _chances(contrast, control_units, design, _signed(contrast, design)).right - design.power

    if short(largest) < 0:
        raise ValueError(
            f"control_units: {control_units:g} do not show an effect of {largest:g}, the largest asked for"
        )
    nearest = largest * 1e-12
    return float(optimize.brentq(short, nearest, largest, xtol=abs(largest) * 1e-15, rtol=1e-13))


def whole(control_units: float, *, ratio: float = 1.0, comparisons: int = 1) -> Units:
    """Rounded up, arm by arm."""
    _check_units(control_units)
    control, treatment = math.ceil(control_units), math.ceil(control_units * ratio)
    return Units(control, treatment, control + comparisons * treatment)


def _closed_form(contrast: Contrast, distance: float, design: Design) -> float:
    critical = float(-special.ndtri(design.tail / 2))
    spread = critical * math.sqrt(contrast.null) + float(special.ndtri(design.power)) * math.sqrt(contrast.alternative)
    return (spread / distance) ** 2


def _chances(contrast: Contrast, control_units: float, design: Design, distance: float) -> Chances:
    error = math.sqrt(contrast.alternative / control_units)
    scale = math.sqrt(contrast.null / contrast.alternative)
    units = control_units * (1 + contrast.ratio)
    return design.rule.chances(distance / error, tail=design.tail, scale=scale, units=units)


def _signed(contrast: Contrast, design: Design) -> float:
    if design.alternative == "two-sided":
        return abs(contrast.distance)
    return contrast.distance if design.alternative == "greater" else -contrast.distance


def _reachable(contrast: Contrast, design: Design) -> float:
    distance = _signed(contrast, design)
    if not distance > 0:
        raise ValueError(f"distance: {contrast.distance} is not on the side that a {design.alternative} test looks for")
    return distance


def _check_units(control_units: float) -> None:
    if not (math.isfinite(control_units) and control_units > 0):
        raise ValueError(f"control_units: {control_units} is not a positive number")
