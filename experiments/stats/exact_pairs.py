"""Exact test of two small counts: p-values, and the edges of the region of rates that the test leaves.

A pair of rates is in the region if neither tail of the pooled z statistic is too improbable under it. The p-value is
the least alpha whose region holds no pair of equal rates, and bounds of difference and ratio are the region's shadows:
so they say the same of zero. The error rate is at most alpha for every true rate (Buehler 1957, J. Am. Stat. Assoc.
52:482; Suissa and Shuster 1985, J. R. Stat. Soc. A 148:317). What is given away by asking for every true rate is mostly
won back by asking only for rates that the joint count allows (Berger and Boos 1994, J. Am. Stat. Assoc. 89:1012).

The search walks along lines of equal expected joint count. On such a line the tails move one way only, so each line
needs one bisection for each edge. The lines are a grid: "at most alpha" is right to the grid's fineness.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Tail = Callable[[Floats, Floats], Floats]
Successes = tuple[int, int]  # successes and units of an arm

# Chance that the true joint rate lies beyond the lines; it is a part of every p-value.
BEYOND = 1e-6
_LINES = 49
_STEPS = 40
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class ExactPair:
    """One-sided p-values of "the treatment's rate is not higher" (`greater`) and "not lower" (`less`), and the region's
    edges: rows of (control rate, treatment rate) where the treatment is lowest and highest.
    """

    greater: float
    less: float
    lowest: Floats
    highest: Floats

    @property
    def two_sided(self) -> float:
        """Twice the smaller tail; the part for BEYOND counts once."""
        return min(2 * min(self.greater, self.less) - BEYOND, 1.0)


def exact_pair(control: Successes, treatment: Successes, *, alpha: float) -> ExactPair:
    """Compare successes among units; `alpha` is the region's, two-sided. Both arms need a unit.

    The work grows with the fewer of the joint successes and failures, not with the units.
    """
    successes, units = (sum(pair) for pair in zip(control, treatment, strict=True))
    if 2 * successes <= units:
        return _few(control, treatment, alpha)
    # Told by failures, with the arms exchanged: what is high stays high.
    flipped = _few(_failures(treatment), _failures(control), alpha)
    return ExactPair(flipped.greater, flipped.less, 1 - flipped.lowest[:, ::-1], 1 - flipped.highest[:, ::-1])


def _few(control: Successes, treatment: Successes, alpha: float) -> ExactPair:
    high, low = _tails(control, treatment)
    totals = _lines(control, treatment)
    even = np.full_like(totals, treatment[1] / (control[1] + treatment[1]))
    with np.errstate(divide="ignore"):
        least, most = np.maximum(0.0, 1 - control[1] / totals), np.minimum(1.0, treatment[1] / totals)
    level = (alpha - BEYOND) / 2
    lowest, highest = _edge(high, totals, (least, even, most), level), _edge(low, totals, (most, even, least), level)
    greater, less = (min(float(tail(totals, even).max()) + BEYOND, 1.0) for tail in (high, low))
    sizes = control[1], treatment[1]
    return ExactPair(greater, less, _rates(totals, lowest, sizes), _rates(totals, highest, sizes))


def _tails(control: Successes, treatment: Successes) -> tuple[Tail, Tail]:
    """The tails by joint counts and the treatment's share of them, summed over the arm that can have fewer."""
    if treatment[1] <= control[1]:
        seen = _Tails(treatment, control)
        return seen.high, seen.low
    other = _Tails(control, treatment)
    return (lambda totals, shares: other.low(totals, 1 - shares)), (
        lambda totals, shares: other.high(totals, 1 - shares)
    )


def _edge(tail: Tail, totals: Floats, ends: tuple[Floats, Floats, Floats], level: float) -> Floats:
    """On each line the share of the joint count where the tail passes the level, going in; NaN where it never does.

    The first probe is the point of equal rates, and what is returned is the last point inside: so it lies beyond equal
    rates exactly where the test rejects.
    """
    outer, even, inner = ends
    inside_at_once, inside_at_all = tail(totals, outer) > level, tail(totals, inner) > level
    out, within, probe = outer.copy(), inner.copy(), even
    for _ in range(_STEPS):
        passed = tail(totals, probe) > level
        out, within = np.where(passed, out, probe), np.where(passed, probe, within)
        probe = (out + within) / 2
    return np.where(inside_at_once, outer, np.where(inside_at_all, within, np.nan))


def _rates(totals: Floats, shares: Floats, sizes: tuple[int, int]) -> Floats:
    rates = np.column_stack([totals * (1 - shares) / sizes[0], totals * shares / sizes[1]])
    return np.asarray(rates[np.isfinite(shares)])


def _lines(control: Successes, treatment: Successes) -> Floats:
    lower, upper = _joint_limits(control, treatment)
    return np.asarray(np.linspace(lower**0.5, upper**0.5, _LINES) ** 2)


def _joint_limits(control: Successes, treatment: Successes) -> tuple[float, float]:
    """Clopper and Pearson's limits (1934), also right for a joint count of unequal rates (Hoeffding 1956, Ann. Math.
    Stat. 27:713, theorem 4).
    """
    count, units, tail = control[0] + treatment[0], control[1] + treatment[1], BEYOND / 2
    lower = special.betaincinv(count, units - count + 1, tail) if count > 0 else 0.0
    upper = special.betaincinv(count + 1, units - count, 1 - tail) if count < units else 1.0
    return float(lower) * units, float(upper) * units


def _failures(arm: Successes) -> Successes:
    return arm[1] - arm[0], arm[1]


class _Tails:
    """The two tails of the pooled z statistic, seen from the arm whose counts are summed over.

    For each count of that arm, `_below` is the largest count of the other at which z is still as high as observed, and
    `_above` the smallest at which it is as low: z falls as the other count rises.
    """

    def __init__(self, arm: Successes, other: Successes) -> None:
        self._sizes = arm[1], other[1]
        joint = _joint_limits(arm, other)[1]
        # Of a count beyond this the chance is under 1e-12 on every line.
        largest = min(arm[1], math.ceil(joint + 8 * math.sqrt(joint) + 20))
        self._counts = np.arange(largest + 1, dtype=np.float64)
        self._ways = special.gammaln(arm[1] + 1) - special.gammaln(self._counts + 1)
        self._ways -= special.gammaln(arm[1] - self._counts + 1)
        observed = float(self._statistic(np.array([float(arm[0])]), np.array([float(other[0])]))[0])
        self._below = self._last(lambda z: z >= observed - _TIE)
        self._above = self._last(lambda z: z > observed + _TIE) + 1

    def high(self, totals: Floats, shares: Floats) -> Floats:
        """P(z at least as high as observed) where the arm has these shares of these joint counts."""
        chances, rates = self._chances(totals, shares)
        inside = (chances * _at_most(self._below, rates, self._sizes[1])).sum(axis=1)
        # Counts beyond the table are all high.
        return np.asarray(inside + np.maximum(1 - chances.sum(axis=1), 0.0))

    def low(self, totals: Floats, shares: Floats) -> Floats:
        """P(z at most as high as observed)."""
        chances, rates = self._chances(totals, shares)
        return np.asarray((chances * _at_least(self._above, rates, self._sizes[1])).sum(axis=1))

    def _chances(self, totals: Floats, shares: Floats) -> tuple[Floats, Floats]:
        own, other = (
            np.minimum(totals * part / size, 1.0)[:, None]
            for part, size in zip((shares, 1 - shares), self._sizes, strict=True)
        )
        logs = self._ways + special.xlogy(self._counts, own) + special.xlog1py(self._sizes[0] - self._counts, -own)
        return np.exp(logs), other

    def _statistic(self, counts: Floats, others: Floats) -> Floats:
        first, second = self._sizes
        rate = (counts + others) / (first + second)
        variance = rate * (1 - rate) * (1 / first + 1 / second)
        distance = counts / first - others / second
        return np.asarray(np.where(variance > 0, distance / np.sqrt(np.where(variance > 0, variance, 1.0)), 0.0))

    def _last(self, holds: Callable[[Floats], npt.NDArray[np.bool_]]) -> Floats:
        """The largest count of the other arm for which it holds, by bisection; -1 where for none."""
        low, high = np.full_like(self._counts, -1.0), np.full_like(self._counts, self._sizes[1] + 1.0)
        while (high - low > 1).any():
            middle = np.clip(np.floor((low + high) / 2), 0, self._sizes[1])
            yes = holds(self._statistic(self._counts, middle)) & (high - low > 1)
            high = np.where(yes | (high - low <= 1), high, middle)
            low = np.where(yes, middle, low)
        return low


def _at_most(counts: Floats, rates: Floats, size: int) -> Floats:
    inner = np.clip(counts, 0, size - 1)
    found = special.betainc(size - inner, inner + 1, 1 - rates)
    return np.where(counts < 0, 0.0, np.where(counts >= size, 1.0, found))


def _at_least(counts: Floats, rates: Floats, size: int) -> Floats:
    inner = np.clip(counts, 1, size)
    found = special.betainc(inner, size - inner + 1, rates)
    return np.where(counts <= 0, 1.0, np.where(counts > size, 0.0, found))
