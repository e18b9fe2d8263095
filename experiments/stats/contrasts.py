"""What an experiment shall be able to see: a distance from its null hypothesis and the noise of its estimate.

One small value for every kind of metric, so that power, sample size and detectable effect are written once. The noise
is always asked for and never assumed: a planner that takes a coefficient of variation of one half for revenue, where
shops have 2 and more, plans a test many times too small.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from experiments.stats.moments import Moments
from experiments.stats.ratios import unit_variance

NullVariance = Literal["pooled", "unpooled", "baseline", "arcsine"]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A distance, with the variance of its estimate times the control's units: as the test assumes it (`null`) and as
    it is (`alternative`). `ratio` is treatment units per control unit.
    """

    distance: float
    null: float
    alternative: float
    ratio: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.distance):
            raise ValueError(f"distance: {self.distance} is not finite")
        for name, value in (("null", self.null), ("alternative", self.alternative), ("ratio", self.ratio)):
            _positive(name, value)

    def explained(self, share: float) -> Contrast:
        """The same contrast after covariates took this share (R^2) of the variance away (Deng, Xu, Kohavi and Walker
        2013, WSDM, eq. 4).
        """
        if not 0 <= share < 1:
            raise ValueError(f"share: {share} is not from 0 to below 1")
        return replace(self, null=self.null * (1 - share), alternative=self.alternative * (1 - share))

    def beyond(self, margin: float) -> Contrast:
        """Non-inferiority: the distance from a loss of `margin` instead of from zero, with the true noise in the test.

        For a metric whose good side is up; with `alternative` "greater" in the design.
        """
        _positive("margin", margin)
        return replace(self, distance=self.distance + margin, null=self.alternative)


def proportion(control: float, treatment: float, *, ratio: float = 1.0, null: NullVariance = "pooled") -> Contrast:
    """Two rates, with the variance under the null taken from both arms together (Fleiss, Levin and Paik 2003, eq.
    4.14), from each arm ("unpooled"), from the control ("baseline"), or none at all by the arcsine (Cohen 1988, 6.2).
    """
    for name, value in (("control", control), ("treatment", treatment)):
        if not 0 < value < 1:
            raise ValueError(f"{name}: {value} is not a rate between 0 and 1")
    _positive("ratio", ratio)
    if null == "arcsine":
        turn = 2 * math.asin(math.sqrt(treatment)) - 2 * math.asin(math.sqrt(control))
        return Contrast(turn, 1 + 1 / ratio, 1 + 1 / ratio, ratio)
    alternative = control * (1 - control) + treatment * (1 - treatment) / ratio
    if null not in _NULL_RATES:
        raise ValueError(f"null: {null!r} is none of {', '.join(_NULL_RATES)}, unpooled, arcsine")
    rate = _NULL_RATES[null](control, treatment, ratio)
    assumed = alternative if rate is None else rate * (1 - rate) * (1 + 1 / ratio)
    return Contrast(treatment - control, assumed, alternative, ratio)


_NULL_RATES: dict[str, Callable[[float, float, float], float | None]] = {
    "pooled": lambda control, treatment, ratio: (control + ratio * treatment) / (1 + ratio),
    "baseline": lambda control, treatment, ratio: control,  # noqa: ARG005 - one shape for all three
    "unpooled": lambda control, treatment, ratio: None,  # noqa: ARG005
}


def mean(change: float, deviation: float, *, ratio: float = 1.0, treatment_deviation: float | None = None) -> Contrast:
    """Two means: a change in the metric's unit and the standard deviation of one unit (of each arm if they differ)."""
    _positive("deviation", deviation)
    other = deviation if treatment_deviation is None else treatment_deviation
    _positive("treatment_deviation", other)
    _positive("ratio", ratio)
    noise = deviation**2 + other**2 / ratio
    return Contrast(change, noise, noise, ratio)


def lift_of(
    moments: Moments, lift: float, *, numerator: str, denominator: str | None = None, ratio: float = 1.0
) -> Contrast:
    """A relative change of a mean or ratio metric as it was measured before the launch; noise by the delta method.

    The lift is tested through the absolute difference, as Fieller's interval on the result page is. Raises ValueError
    for moments without variance or with a value that is not positive.
    """
    value = moments.mean(numerator) / moments.mean(denominator)
    _positive(numerator, value)
    return mean(value * lift, math.sqrt(unit_variance(moments, numerator, denominator)), ratio=ratio)


def count(control_rate: float, lift: float, *, dispersion: float = 1.0, ratio: float = 1.0) -> Contrast:
    """Events per unit (of exposure): variance = dispersion * rate, 1 for Poisson counts, pooled under the null."""
    for name, value in (("control_rate", control_rate), ("dispersion", dispersion), ("ratio", ratio)):
        _positive(name, value)
    if not lift > -1:
        raise ValueError(f"lift: {lift} leaves no events")
    treatment = control_rate * (1 + lift)
    pooled = (control_rate + ratio * treatment) / (1 + ratio)
    noise = dispersion * (control_rate + treatment / ratio)
    return Contrast(treatment - control_rate, dispersion * pooled * (1 + 1 / ratio), noise, ratio)


def first_order_lift(lift: float, value: float, deviation: float, *, ratio: float = 1.0) -> Contrast:
    """A lift tested by the first-order delta method, as GrowthBook plans; to reconcile with its figures only.

    Variance of treatment/control by Deng, Knoblich and Lu (2018, KDD, eq. 4) at the planned lift.
    """
    _positive("deviation", deviation)
    _positive("value", value)
    noise = (deviation / value) ** 2 * (1 / ratio + (1 + lift) ** 2)
    return Contrast(lift, noise, noise, ratio)


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}: {value} is not a positive number")
