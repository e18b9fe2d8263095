"""Bayesian readings of a comparison: normal posteriors of an effect, and of one true value an arm which arm is best.

With a flat prior the normal reading is the one `inference.conclude` gives (its chance to win is the tail of the same
statistic). An informative prior belongs on the effect: `shrinkage` has ours. Every chance and every expected loss is
read off one posterior, so "more likely than not better", "the interval's middle is above zero" and "the loss of
choosing it is the smaller one" are one statement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from experiments.stats.inference import Effect
from experiments.stats.lifts import first_order_variance
from experiments.stats.moments import Floats
from experiments.stats.results import Direction, Interval

Scale = Literal["absolute", "relative"]

# The trapezoidal rule on a smooth density is exact to rounding at this many steps a standard deviation; the tails
# beyond this many are below any double that matters.
_STEPS = 8
_REACH = 12.0
_MOST_STEPS = 40_000


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """What is believed of an effect before its data: normal, on the scale named. A spread of infinity is flat."""

    mean: float = 0.0
    spread: float = math.inf
    scale: Scale = "absolute"

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise ValueError(f"mean: {self.mean} is not finite")
        if not self.spread > 0:
            raise ValueError(f"spread: {self.spread} is not above zero")
        if self.scale not in ("absolute", "relative"):
            raise ValueError(f"scale: {self.scale!r} is neither 'absolute' nor 'relative'")

    def on(self, scale: Scale, base: float) -> NormalPrior:
        """The same belief on another scale, where the control's value is `base`."""
        if scale == self.scale:
            return self
        size = abs(base) if scale == "absolute" else 1 / abs(base)
        return NormalPrior(self.mean * size, self.spread * size, scale)


FLAT = NormalPrior()


@dataclass(frozen=True, slots=True)
class NormalPosterior:
    """A normal distribution of the true effect, treatment against control."""

    mean: float
    spread: float

    def chance_to_win(self, direction: Direction = "increase") -> float:
        """P(the treatment is better)."""
        return float(special.ndtr(self._signed(direction) / self.spread))

    def loss_of_treatment(self, direction: Direction = "increase") -> float:
        """Expected loss of choosing the treatment: E[max(0, what control would have had more)]."""
        return self.spread * expected_excess(-self._signed(direction) / self.spread)

    def loss_of_control(self, direction: Direction = "increase") -> float:
        """Expected loss of choosing the control."""
        return self.spread * expected_excess(self._signed(direction) / self.spread)

    def interval(self, confidence: float = 0.95) -> Interval:
        """The central credible interval."""
        half = float(-special.ndtri((1 - confidence) / 2)) * self.spread
        return Interval(self.mean, self.mean - half, self.mean + half, confidence)

    def _signed(self, direction: Direction) -> float:
        return self.mean if direction == "increase" else -self.mean


def expected_excess(z: float) -> float:
    """E[max(Z + z, 0)] for a standard normal Z: phi(z) + z Phi(z), to full relative precision in the left tail."""
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    if z >= 0:
        return density + z * float(special.ndtr(z))
    # Mills' ratio scaled by exp(z^2/2): the difference of two tiny numbers becomes one of order 1/z^2.
    mills = math.sqrt(math.pi / 2) * float(special.erfcx(-z / math.sqrt(2)))
    return density * max(1 + z * mills, 0.0)


def update(estimate: float, standard_error: float, prior: NormalPrior = FLAT) -> NormalPosterior:
    """Normal prior times normal likelihood (Gelman et al. 2013, Bayesian Data Analysis, eq. 2.10).

    A standard error of infinity says nothing and leaves a proper prior as it is. Raises ValueError where nothing is
    known at all.
    """
    if not standard_error > 0:
        raise ValueError(f"standard_error: {standard_error} is not above zero")
    if math.isinf(standard_error) and math.isinf(prior.spread):
        raise ValueError("standard_error: infinite under a flat prior, so nothing is known")
    if math.isinf(prior.spread):
        return NormalPosterior(estimate, standard_error)
    if math.isinf(standard_error):
        return NormalPosterior(prior.mean, prior.spread)
    # The share of the estimate, written so that neither very small nor very large spreads lose it.
    share = 1 / (1 + (standard_error / prior.spread) ** 2)
    mean = prior.mean + share * (estimate - prior.mean)
    return NormalPosterior(mean, standard_error * math.sqrt(share))


def normal_effect(effect: Effect, *, scale: Scale = "absolute", prior: NormalPrior = FLAT) -> NormalPosterior:
    """The normal-normal reading that GrowthBook documents: the effect's first-order variance, a prior on its scale.

    The relative form divides by the observed control and can contradict the absolute test near its limit (the linear
    delta method, Deng, Knoblich and Lu 2018, eq. 4): it is here to reconcile figures. For our own relative reading see
    `shrinkage.shrink`. Raises ValueError where the control is 0 and a relative scale is meant.
    """
    base = effect.control.value
    if base == 0 and "relative" in (scale, prior.scale):
        raise ValueError("control: its value is 0, so a relative change is undefined")
    if scale == "absolute":
        return update(effect.difference, math.sqrt(effect.variance), prior.on(scale, base))
    variance = first_order_variance(effect.control, effect.treatment)
    return update(effect.difference / base, math.sqrt(variance), prior.on(scale, base))


def probability_best_normal(
    means: Sequence[float], spreads: Sequence[float], *, direction: Direction = "increase"
) -> list[float]:
    """For each of several independent normal posteriors, the probability that its true value is the best of all.

    The integral of one density times all other distribution functions, by the trapezoidal rule; adds up to 1.
    """
    if len(means) != len(spreads) or not len(means):
        raise ValueError(f"spreads: {len(spreads)} for {len(means)} means")
    if not all(spread > 0 for spread in spreads):
        raise ValueError(f"spreads: {min(spreads)} is not above zero")
    sign = 1.0 if direction == "increase" else -1.0
    centre = sign * np.asarray(means, dtype=float)
    widths = np.asarray(spreads, dtype=float)
    return _shares([_best_of_normals(centre, widths, index) for index in range(len(centre))])


def _best_of_normals(centre: Floats, widths: Floats, index: int) -> float:
    grid, step = even_grid(
        centre[index] - _REACH * widths[index], centre[index] + _REACH * widths[index], float(widths.min())
    )
    density = np.exp(-(((grid - centre[index]) / widths[index]) ** 2) / 2) / (widths[index] * math.sqrt(2 * math.pi))
    for other in range(len(centre)):
        if other != index:
            density = density * special.ndtr((grid - centre[other]) / widths[other])
    return float(density.sum() * step)


def _shares(values: Sequence[float]) -> list[float]:
    # What the finite grid leaves is far below 1e-9; the page's shares must add up.
    total = math.fsum(values)
    return [value / total for value in values]


def even_grid(lower: float, upper: float, narrowest: float) -> tuple[Floats, float]:
    """Points from lower to upper, close enough for the narrowest of the curves that are to be integrated."""
    count = math.ceil((upper - lower) / narrowest * _STEPS) + 1
    grid: Floats = np.linspace(lower, upper, min(max(count, 64), _MOST_STEPS))
    return grid, float(grid[1] - grid[0])
