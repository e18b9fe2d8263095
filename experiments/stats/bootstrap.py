"""Intervals by resampling units, for what has no formula worth trusting: returns, quantiles of clustered events.

Seeded and repeatable. No row is ever copied: a resample is a count for each distinct row (multinomial), so equal rows,
such as the many shoppers who bought nothing, cost one row. Statistics here are of column means, which a product of
matrices gives for thousands of resamples at once. Arms are resampled apart. There is no p-value: an interval that
leaves zero out is the statement.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from experiments.stats.results import Interval

Floats = npt.NDArray[np.float64]
Method = Literal["percentile", "basic", "bca"]
# Means of the columns, shape (resamples, columns), of control and treatment; one figure a resample.
OfMeans = Callable[[Floats, Floats], Floats]

METHODS: tuple[Method, ...] = ("percentile", "basic", "bca")
RESAMPLES = 10_000
# Cells of a block of resamples: 32 MB of doubles.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """An estimate with its resampled interval and standard error, and how it came about.

    `undefined` is the share of resamples in which the statistic did not exist (a zero denominator); they are left out,
    and an interval with many of them should not be believed.
    """

    interval: Interval
    standard_error: float
    method: Method
    resamples: int
    seed: int
    undefined: float = 0.0


def bootstrap_means(
    control: npt.ArrayLike,
    treatment: npt.ArrayLike,
    statistic: OfMeans,
    *,
    method: Method = "bca",
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """Interval of a statistic of the arms' column means; rows are units, shape (n, columns).

    Percentile and basic: Davison and Hinkley (1997), eq. 5.18 and 5.6. BCa: Efron (1987, J. Am. Stat. Assoc. 82:171),
    eq. 2.3, acceleration by the jackknife over the units of both arms. Raises ValueError for an arm without units or a
    statistic that does not exist on the data themselves.
    """
    arms = [_rows(name, rows) for name, rows in (("control", control), ("treatment", treatment))]
    before, after = (rows.mean(axis=0, keepdims=True) for rows in arms)
    random = np.random.Generator(np.random.PCG64(seed))
    draws = [_resampled_means(rows, resamples, random) for rows in arms]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(statistic(before, after)[0])
        found = statistic(draws[0], draws[1])
        jackknife = _jackknife(arms, (before, after), statistic) if method == "bca" else None
    return summarise(estimate, found, method=method, confidence=confidence, seed=seed, jackknife=jackknife)


def summarise(
    estimate: float,
    found: Floats,
    *,
    method: Method,
    confidence: float = 0.95,
    seed: int = 0,
    jackknife: Floats | None = None,
) -> Bootstrap:
    """The interval from the resampled figures, by one of the methods; BCa needs the jackknife's influences."""
    if method not in METHODS:
        raise ValueError(f"method: {method!r} is none of {', '.join(METHODS)}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: {confidence} is not between 0 and 1")
    if not math.isfinite(estimate):
        raise ValueError("statistic: it does not exist on the data themselves")
    usable = found[np.isfinite(found)]
    if len(usable) < 2:
        raise ValueError("resamples: the statistic exists in fewer than two of them")
    tail = (1 - confidence) / 2
    shares = _adjusted(estimate, usable, tail, jackknife) if method == "bca" else (tail, 1 - tail)
    lower, upper = (float(end) for end in np.quantile(usable, shares))
    if method == "basic":
        lower, upper = 2 * estimate - upper, 2 * estimate - lower
    interval = Interval(estimate, lower, upper, confidence)
    deviation = float(usable.std(ddof=1))
    return Bootstrap(interval, deviation, method, len(found), seed, 1 - len(usable) / len(found))


def blocks(resamples: int, width: int) -> Iterator[int]:
    """Sizes of the blocks of resamples whose weights, `width` a resample, fit in memory together."""
    if resamples < 1:
        raise ValueError(f"resamples: {resamples} is not at least 1")
    size = max(_BLOCK // max(width, 1), 1)
    for start in range(0, resamples, size):
        yield min(size, resamples - start)


def return_of_arm(before: Floats, after: Floats) -> Floats:  # noqa: ARG001 - both arms are given to every statistic
    """Return of the treatment arm alone: gain / cost - 1, for columns (gain, cost). No control: not what it caused."""
    return np.asarray(after[:, 0] / after[:, 1] - 1)


def incremental_return(before: Floats, after: Floats) -> Floats:
    """Extra gain per extra cost - 1, for columns (gain, cost).

    Where the cost difference is within noise of zero its resamples are wild, and so is any interval made of them: read
    `roi.return_on_cost`, whose interval is then open as it should be.
    """
    extra = after - before
    return np.asarray(extra[:, 0] / extra[:, 1] - 1)


def lift_of_means(before: Floats, after: Floats) -> Floats:
    """Relative change of the first column."""
    return np.asarray(after[:, 0] / before[:, 0] - 1)


def _rows(name: str, rows: npt.ArrayLike) -> Floats:
    array = np.asarray(rows, dtype=np.float64)
    if array.ndim != 2 or not len(array):
        raise ValueError(f"{name}: shape {array.shape} is not at least one row of columns")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: holds NaN or infinity")
    return array


def _resampled_means(rows: Floats, resamples: int, random: np.random.Generator) -> Floats:
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    n, shares = len(rows), counts / len(rows)
    drawn = [random.multinomial(n, shares, size=size) @ distinct for size in blocks(resamples, len(distinct))]
    return np.concatenate(drawn) / n


def _jackknife(arms: list[Floats], means: tuple[Floats, Floats], statistic: OfMeans) -> Floats:
    """Influence of each unit on the statistic, arm by arm: how much it falls when the unit is left out."""
    influences = []
    for index, rows in enumerate(arms):
        if len(rows) < 2:
            continue
        without = (means[index] * len(rows) - rows) / (len(rows) - 1)
        other = np.broadcast_to(means[1 - index], without.shape)
        found = statistic(without, other) if index == 0 else statistic(other, without)
        influences.append((len(rows) - 1) * (found.mean() - found) / len(rows))
    return np.concatenate(influences) if influences else np.zeros(1)


def _adjusted(estimate: float, found: Floats, tail: float, jackknife: Floats | None) -> tuple[float, float]:
    if jackknife is None:
        raise ValueError("method: BCa needs the jackknife, which this statistic has not")
    below = (found < estimate).mean() + (found == estimate).mean() / 2
    # All resamples on one side would be a bias without end; half a resample is the most that can be known.
    bias = float(special.ndtri(min(max(below, 0.5 / len(found)), 1 - 0.5 / len(found))))
    usable = jackknife[np.isfinite(jackknife)]
    spread = float((usable**2).sum()) ** 1.5
    acceleration = float((usable**3).sum()) / (6 * spread) if spread > 0 else 0.0
    shares = []
    for quantile in (float(special.ndtri(tail)), float(-special.ndtri(tail))):
        moved = bias + quantile
        shares.append(float(special.ndtr(bias + moved / (1 - acceleration * moved))))
    return shares[0], shares[1]
