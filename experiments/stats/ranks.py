"""Does a unit of the treatment tend to have more than one of the control? By ranks, whatever the scale and the tails.

`mann_whitney` is the classical test of equal distributions. `win_shares` asks the question itself with an interval:
the chance that a treatment unit beats a control unit, ties split, tested without assuming equal spread (Brunner and
Munzel). It is not a test of means: more may go up for most and the mean go down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

from experiments.stats.inference import TWO_SIDED, Effect, Reading, Student, conclude, undefined
from experiments.stats.results import Alternative, ArmEstimate, Comparison, Note

Floats = npt.NDArray[np.float64]

# Up to here the exact distribution costs milliseconds, and beyond it the normal one is right to four digits.
EXACT_PAIRS = 2_500


@dataclass(frozen=True, slots=True)
class RankTest:
    """U is the number of pairs in which the treatment has more, ties counted half; `win_share` is U over all pairs (the
    area under the curve of a score).
    """

    u: float
    win_share: float
    p_value: float
    exact: bool


def mann_whitney(
    control: npt.ArrayLike,
    treatment: npt.ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    continuity: bool = True,
    exact: bool | None = None,
) -> RankTest:
    """Mann and Whitney (1947, Ann. Math. Stat. 18:50); the normal approximation corrects for ties (Lehmann 1975, eq.
    1.35).

    `exact` None takes the exact distribution for small samples without ties. Raises ValueError where it is asked for
    and there are ties, or an arm has no unit. All values equal: p = 1.
    """
    if alternative not in ("two-sided", "greater", "less"):
        raise ValueError(f"alternative: {alternative!r} is not 'two-sided', 'greater' or 'less'")
    before, after = _row("control", control), _row("treatment", treatment)
    pooled = np.concatenate([before, after])
    _, counts = np.unique(pooled, return_counts=True)
    tied, pairs = bool((counts > 1).any()), len(before) * len(after)
    u = float(_ranks(pooled)[len(before) :].sum() - len(after) * (len(after) + 1) / 2)
    if exact and tied:
        raise ValueError("exact: there are ties, for which only the approximation is right")
    by_counting = not tied and pairs <= EXACT_PAIRS if exact is None else exact
    if by_counting:
        tails = _exact_tails(u, len(before), len(after))
    else:
        tails = _normal_tails(u, (len(before), len(after)), counts, continuity=continuity)
    return RankTest(u, u / pairs, _p_value(tails, alternative), by_counting)


def win_shares(control: npt.ArrayLike, treatment: npt.ArrayLike, *, reading: Reading = TWO_SIDED) -> Comparison:
    """The chance that a treatment unit beats a control unit against the chance of the reverse, ties split.

    Brunner and Munzel (2000, Biom. J. 42:17): variances from placements, Satterthwaite's degrees of freedom. The arms'
    values are the two shares, which sum to 1; `difference` is the net share of wins, `lift` the win odds less 1. Where
    the arms do not overlap there is no variance: read the exact `mann_whitney`.
    """
    before, after = _row("control", control), _row("treatment", treatment)
    counts, pairs = (len(before), len(after)), len(before) * len(after)
    ranks = _ranks(np.concatenate([before, after]))
    placed = [ranks[: counts[0]] - _ranks(before), ranks[counts[0] :] - _ranks(after)]
    share = float(placed[1].sum()) / pairs
    if min(counts) < 2:
        bare = [ArmEstimate(n, value, math.nan) for n, value in zip(counts, (1 - share, share), strict=True)]
        return undefined(Effect(bare[0], bare[1]), Note.TOO_FEW_UNITS, method="win_shares", reading=reading)
    parts = [
        float(place.var(ddof=1)) / (n * other**2) for place, n, other in zip(placed, counts, counts[::-1], strict=True)
    ]
    error = math.sqrt(sum(parts))
    arms = [ArmEstimate(n, value, error) for n, value in zip(counts, (1 - share, share), strict=True)]
    effect = Effect(arms[0], arms[1], covariance=-(error**2))
    if not error > 0:
        return undefined(effect, Note.NO_VARIATION, method="win_shares", reading=reading)
    freedom = 1 / sum((part / sum(parts)) ** 2 / (n - 1) for part, n in zip(parts, counts, strict=True))
    return conclude(effect, Student(freedom), method="win_shares", reading=reading)


def _p_value(tails: tuple[float, float], alternative: Alternative) -> float:
    less, greater = tails
    if alternative == "two-sided":
        return min(2 * min(less, greater), 1.0)
    return greater if alternative == "greater" else less


def _normal_tails(
    u: float, sizes: tuple[int, int], counts: npt.NDArray[np.intp], *, continuity: bool
) -> tuple[float, float]:
    pairs, total = sizes[0] * sizes[1], sum(sizes)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    variance = pairs / 12 * (total + 1 - ties / (total * (total - 1))) if total > 1 else 0.0
    if not variance > 0:
        return 1.0, 1.0
    step, error = (0.5 if continuity else 0.0), math.sqrt(variance)
    distance = u - pairs / 2
    return float(special.ndtr((distance + step) / error)), float(special.ndtr(-(distance - step) / error))


def _exact_tails(u: float, first: int, second: int) -> tuple[float, float]:
    ways = _ways(min(first, second), max(first, second))
    total, at = sum(ways), round(u)
    return sum(ways[: at + 1]) / total, sum(ways[at:]) / total


@lru_cache(maxsize=64)
def _ways(small: int, large: int) -> tuple[int, ...]:
    """In how many orders of two samples U has each value from 0 to small * large.

    The coefficients of the product over i of (1 - q^(large + i)) / (1 - q^i): the Gaussian binomial, in whole numbers.
    """
    ways = [1] + [0] * (small * large)
    for step in range(1, small + 1):
        for at in range(len(ways) - 1, large + step - 1, -1):
            ways[at] -= ways[at - large - step]
        for at in range(step, len(ways)):
            ways[at] += ways[at - step]
    return tuple(ways)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing their mean."""
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return np.asarray((last - (counts - 1) / 2)[index], dtype=np.float64)


def _row(name: str, values: npt.ArrayLike) -> Floats:
    row = np.asarray(values, dtype=np.float64)
    if row.ndim != 1 or not len(row) or not np.isfinite(row).all():
        raise ValueError(f"{name}: not one row of at least one finite number")
    return row
