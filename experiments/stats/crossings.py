"""How a sum of independent steps first leaves its corridor: the recursion under every group sequential figure.

At information t the statistic is Z(t) = S(t)/sqrt(t), where S is a Brownian motion with drift: S(t) ~ N(drift t, t).
The density of S among the paths still inside is carried from look to look (Armitage, McPherson and Rowe 1969, J. R.
Stat. Soc. A 132:235; Jennison and Turnbull 2000, ch. 19), here on Gauss-Legendre panels as fine as the narrower of the
two steps around a look asks, which gives boundaries to 1e-9. Every term is positive, so small probabilities keep their
digits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

# Standard deviations from its mean at which a density is cut: 1.5e-23 of it is beyond.
REACH = 10.0
# A panel of 32 nodes spans this many standard deviations of the narrower step. Twice as many nodes change nothing in
# the tenth digit.
NODES, PANEL = 32, 12.0
# Two looks nearer than this share of the information are taken as that far apart: the second boundary is then a trace
# too high, never too low, and no grid needs more than some thousand nodes.
LEAST_STEP = 4e-4
# Below this probability the chance of having left earlier cannot be told from none: the marginal quantile, which is
# never below the boundary, is taken.
LEAST_TAIL = 1e-17


@dataclass(frozen=True, slots=True)
class Exits:
    """Probability of leaving for the first time at each look, above and below."""

    upper: Floats
    lower: Floats

    @property
    def total(self) -> float:
        """Probability of ever leaving."""
        return float(self.upper.sum() + self.lower.sum())


@dataclass(frozen=True, slots=True)
class Inside:
    """The paths still inside after the look at `time`: nodes of S, the probability mass at each."""

    time: float
    nodes: Floats
    masses: Floats

    @classmethod
    def start(cls) -> Self:
        """Before the first look all paths are at zero."""
        return cls(0.0, np.zeros(1), np.ones(1))

    def above(self, time: float, bound: float, drift: float = 0.0) -> float:
        """Probability of being inside until now and of Z >= bound at `time`."""
        return float(self.masses @ special.ndtr(-self._standard(time, bound, drift)))

    def below(self, time: float, bound: float, drift: float = 0.0) -> float:
        """Probability of being inside until now and of Z <= bound at `time`."""
        return float(self.masses @ special.ndtr(self._standard(time, bound, drift)))

    def density(self, time: float, bound: float, drift: float = 0.0) -> float:
        """Density of Z at `bound`, at `time`, of the paths inside until now."""
        standard = self._standard(time, bound, drift)
        return float(self.masses @ np.exp(-(standard**2) / 2)) * math.sqrt(time / (2 * math.pi * (time - self.time)))

    def bound(self, time: float, tail: float, drift: float = 0.0) -> float:
        """The bound that is first reached with probability `tail` at `time`; infinite for none.

        Newton's rule on the logarithm, which is concave (the density is log-concave), so it cannot run away.
        """
        if tail <= 0:
            return math.inf
        found = drift * math.sqrt(time) - float(special.ndtri(min(tail, 1.0)))
        if tail < LEAST_TAIL or not self.nodes.size:
            return found
        # From a narrow corridor a quick look cannot reach the marginal quantile: start where the last tenth digit is.
        furthest = self.nodes.max() + drift * (time - self.time) + REACH * math.sqrt(time - self.time)
        found = min(found, float(furthest) / math.sqrt(time))
        for _ in range(60):
            reached = self.above(time, found, drift)
            step = reached * math.log(reached / tail) / self.density(time, found, drift)
            found += step
            if abs(step) <= 1e-12 * (1 + abs(found)):
                break
        return found

    def advanced(self, time: float, corridor: tuple[float, float], following: float, drift: float = 0.0) -> Inside:
        """Those still inside after `time`, where Z had to be in the corridor; `following` is the time of the next
        look.
        """
        mean, root = drift * math.sqrt(time), math.sqrt(time)
        low, high = max(corridor[0], mean - REACH), min(corridor[1], mean + REACH)
        if low >= high:
            return Inside(time, np.zeros(0), np.zeros(0))
        step = time - self.time
        narrow = math.sqrt(step * (following - time) / (time * (step + following - time)))
        points, weights = _panels(max(1, math.ceil((high - low) / (PANEL * narrow))))
        nodes = (low + (high - low) * points) * root
        apart = nodes[:, None] - self.nodes[None, :] - drift * step
        density = np.exp(apart * apart * (-0.5 / step)) @ self.masses
        return Inside(time, nodes, density * weights * ((high - low) * root / math.sqrt(2 * math.pi * step)))

    def _standard(self, time: float, bound: float, drift: float) -> Floats:
        step = time - self.time
        return np.asarray((bound * math.sqrt(time) - self.nodes - drift * step) / math.sqrt(step), dtype=np.float64)


def exits(information: Sequence[float], lower: Sequence[float], upper: Sequence[float], *, drift: float = 0.0) -> Exits:
    """First exits of Z from the corridors (lower, upper) at each look; bounds on the scale of Z, infinite ones allowed.

    `drift` is the mean of Z at information 1. Raises ValueError for information that does not rise from above zero.
    """
    times = spread(information)
    over, under = np.zeros(len(times)), np.zeros(len(times))
    inside = Inside.start()
    for look, (time, low, high) in enumerate(zip(times, lower, upper, strict=True)):
        over[look], under[look] = inside.above(time, high, drift), inside.below(time, low, drift)
        if look + 1 < len(times):
            inside = inside.advanced(time, (low, high), times[look + 1], drift)
    return Exits(over, under)


def spread(information: Sequence[float]) -> tuple[float, ...]:
    """The information at the looks, none nearer to the one before than can be told apart (`LEAST_STEP`)."""
    times: list[float] = []
    for share in information:
        if not (math.isfinite(share) and share > 0):
            raise ValueError(f"information: {share} is not a positive number")
        times.append(max(share, times[-1] * (1 + LEAST_STEP)) if times else share)
    if any(second <= first for first, second in itertools.pairwise(information)):
        raise ValueError("information: it does not rise from look to look")
    if not times:
        raise ValueError("information: there is no look")
    return tuple(times)


@cache
def _panels(count: int) -> tuple[Floats, Floats]:
    """Nodes on (0, 1) and weights that sum to 1, in equal panels."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    starts = np.arange(count)[:, None]
    return ((starts + (points + 1) / 2) / count).ravel(), np.tile(weights / 2 / count, count)
