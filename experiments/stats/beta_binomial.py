"""Beta posteriors of shares: which arm's true share is larger, by how much, and what a wrong choice would cost.

Everything is one integral on the scale of log-odds, where a beta density is smooth and falls off exponentially for any
prior, even one below 1 whose density is infinite at the ends. The trapezoidal rule is exact to rounding there
(Trefethen and Weideman 2014, SIAM Review 56:385, section 5). For whole numbers Miller's sum (2014) gives the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from experiments.stats.bayes import even_grid
from experiments.stats.moments import Floats
from experiments.stats.proportions import Counts
from experiments.stats.results import Direction, Interval

# What of a density lies beyond the grid.
_TAIL = 1e-30
# Beyond these log-odds a share is exp(t), or 1 - exp(-t), to the last digit; further out doubles have no such share.
_FAR = 36.0
_SCALE = 2.0
# Moved along by a change, the other distribution may begin inside the narrower one: finer steps there.
_FINE = 4


@dataclass(frozen=True, slots=True)
class Beta:
    """A beta distribution of a share: `wins` and `losses` are its two parameters, both above zero."""

    wins: float
    losses: float

    def __post_init__(self) -> None:
        for name, value in (("wins", self.wins), ("losses", self.losses)):
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name}: {value} is not a positive number")

    @property
    def mean(self) -> float:
        """The expected share."""
        return self.wins / (self.wins + self.losses)

    @property
    def swapped(self) -> Beta:
        """The distribution of one minus the share."""
        return Beta(self.losses, self.wins)

    def after(self, counts: Counts) -> Beta:
        """The posterior once these counts were seen."""
        return Beta(self.wins + counts.successes, self.losses + counts.n - counts.successes)

    def interval(self, confidence: float = 0.95) -> Interval:
        """The mean with the central credible interval; the upper end from the upper tail, so it keeps its digits."""
        tail = (1 - confidence) / 2
        lower = float(special.betaincinv(self.wins, self.losses, tail))
        upper = 1 - float(special.betaincinv(self.losses, self.wins, tail))
        return Interval(self.mean, lower, upper, confidence)

    # --- on the scale of log-odds ---------------------------------------------------------------------------------
    @property
    def width(self) -> float:
        """Standard deviation of the log-odds, or a wide curve's finest feature (log-odds have a scale of their own)."""
        return min(math.sqrt(float(special.polygamma(1, self.wins) + special.polygamma(1, self.losses))), _SCALE)

    @property
    def reach(self) -> tuple[float, float]:
        """The log-odds between which all but a negligible part lies."""
        return _lowest(self), -_lowest(self.swapped)

    def density(self, log_odds: Floats) -> Floats:
        """Density of the log-odds."""
        wins, losses = self.wins, self.losses
        logs = -wins * np.logaddexp(0, -log_odds) - losses * np.logaddexp(0, log_odds)
        found: Floats = np.exp(logs - special.betaln(wins, losses))
        return found

    def below(self, log_odds: Floats) -> Floats:
        """P(the log-odds are below); with relative precision however far down."""
        inner = special.betainc(self.wins, self.losses, special.expit(np.clip(log_odds, -_FAR, _FAR)))
        above = _far_below(self.swapped, -log_odds)
        found: Floats = np.select([log_odds < -_FAR, log_odds > _FAR], [_far_below(self, log_odds), 1 - above], inner)
        return found

    def above(self, log_odds: Floats) -> Floats:
        """P(the log-odds are above)."""
        return self.swapped.below(-log_odds)


def _far_below(beta: Beta, log_odds: Floats) -> Floats:
    """P(the log-odds are below) where shares are too near zero for doubles: exp(wins t) / (wins B(wins, losses))."""
    logs = beta.wins * np.minimum(log_odds, -_FAR) - special.betaln(beta.wins, beta.losses) - math.log(beta.wins)
    found: Floats = np.exp(np.minimum(logs, 0.0))
    return found


def _lowest(beta: Beta) -> float:
    share = float(special.betaincinv(beta.wins, beta.losses, _TAIL))
    if share > math.exp(-_FAR):
        return float(special.logit(share))
    return (math.log(_TAIL * beta.wins) + float(special.betaln(beta.wins, beta.losses))) / beta.wins


UNIFORM = Beta(1.0, 1.0)


@dataclass(frozen=True, slots=True)
class BetaComparison:
    """Two posteriors of shares, treatment against control. Losses are in shares (0.01: one in a hundred units)."""

    control: Beta
    treatment: Beta
    chance_to_win: float
    loss_of_control: float
    loss_of_treatment: float

    def difference(self, confidence: float = 0.95) -> Interval:
        """Treatment minus control: the mean, and the central credible interval."""
        centre = self.treatment.mean - self.control.mean
        ends = [self._quantile(_shifted, tail, -1.0, 1.0) for tail in _tails(confidence)]
        return Interval(centre, ends[0], ends[1], confidence)

    def lift(self, confidence: float = 0.95) -> Interval:
        """Treatment / control - 1: the median, and the central credible interval; infinite where there is no bound."""
        tails = (0.5, *_tails(confidence))
        found = [math.expm1(self._quantile(_scaled, tail, -_FAR, _FAR)) for tail in tails]
        return Interval(found[0], found[1], found[2], confidence)

    def _quantile(self, moved: Callable[[Floats, float], Floats], tail: float, lower: float, upper: float) -> float:
        """The change by which P(treatment <= control moved by it) is the tail, along the narrower of the two."""
        along_control = self.control.width <= self.treatment.width
        along, other = (self.control, self.treatment) if along_control else (self.treatment, self.control)
        weights, log_odds = _weighted(along, steps=_FINE)
        shares = special.expit(log_odds)

        def excess(by: float) -> float:
            bounds = np.clip(moved(shares, by if along_control else -by), 0.0, 1.0)
            below = float(weights @ special.betainc(other.wins, other.losses, bounds))
            return (below if along_control else 1 - below) - tail

        if excess(lower) > 0:
            return -math.inf
        if excess(upper) < 0:
            return math.inf
        return float(optimize.brentq(excess, lower, upper, xtol=1e-13, rtol=1e-12))


def compare(
    control: Counts, treatment: Counts, *, prior: Beta = UNIFORM, direction: Direction = "increase"
) -> BetaComparison:
    """Two arms' shares under one prior for both.

    Chance to win: P(treatment's share is the better one). Expected loss: E[max(0, other - chosen)], Stucchio (2015),
    with the sides swapped where a small share is the good one.
    """
    before, after = prior.after(control), prior.after(treatment)
    lost, gained = _losses(before, after)
    wins = chance_above(after, before)
    if direction == "decrease":
        return BetaComparison(before, after, chance_above(before, after), gained, lost)
    return BetaComparison(before, after, wins, lost, gained)


def chance_above(first: Beta, second: Beta) -> float:
    """P(a share drawn from the first is above one drawn from the second)."""
    # Along the narrower of the two the other one's distribution function is smooth.
    along_first = first.width <= second.width
    weights, log_odds = _weighted(first if along_first else second)
    chances = second.below(log_odds) if along_first else first.above(log_odds)
    return min(float(weights @ chances), 1.0)


def probability_best_beta(posteriors: Sequence[Beta], *, direction: Direction = "increase") -> list[float]:
    """For each of several independent posteriors, the probability that its true share is the best; adds up to 1."""
    if not posteriors:
        raise ValueError("posteriors: there are none")
    sides = posteriors if direction == "increase" else [one.swapped for one in posteriors]
    narrowest = min(one.width for one in sides)
    found = []
    for place, one in enumerate(sides):
        grid, step = even_grid(*one.reach, narrowest)
        others = [other.below(grid) for index, other in enumerate(sides) if index != place]
        found.append(float(np.prod([one.density(grid), *others], axis=0).sum()) * step)
    total = math.fsum(found)
    return [value / total for value in found]


def _losses(control: Beta, treatment: Beta) -> tuple[float, float]:
    """Expected loss of control and of treatment: the smaller by an integral without cancellation, the other from it."""
    difference = treatment.mean - control.mean
    if difference >= 0:
        small = _expected_excess(control, treatment)
        return small + difference, small
    small = _expected_excess(treatment, control)
    return small, small - difference


def _expected_excess(first: Beta, second: Beta) -> float:
    """E[max(0, first - second)] = integral of P(first > x) P(second < x) over shares x."""
    lower, upper = second.reach[0], first.reach[1]
    if not lower < upper:
        return 0.0
    grid, step = even_grid(lower, upper, min(first.width, second.width))
    slope = special.expit(grid) * special.expit(-grid)
    return float((first.above(grid) * second.below(grid)) @ slope) * step


def _weighted(beta: Beta, *, steps: int = 1) -> tuple[Floats, Floats]:
    """Log-odds over all of a density, and the part of it at each; they add up to 1 (the density's own constant has lost
    digits at a million units).
    """
    grid, _ = even_grid(*beta.reach, beta.width / steps)
    weights = beta.density(grid)
    return weights / weights.sum(), grid


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2


def _shifted(shares: Floats, by: float) -> Floats:
    return shares + by


def _scaled(shares: Floats, by: float) -> Floats:
    return shares * math.exp(by)
