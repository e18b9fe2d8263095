"""A/A tests and power by simulation on a shop's own rows: its real skew and its real dependence, not a formula's.

The rows are split at random many times and each split is read like an experiment, with an effect planted or none. Rows
that belong to one owner enter one arm together, as they would in a shop: that is how a rejection rate above alpha shows
that rows are not independent units. No row is drawn twice, since a repeated row would itself be such a dependence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from experiments.stats.group_sequential import GroupSequential
from experiments.stats.metrics import MetricDefinition
from experiments.stats.sequences import ConfidenceSequence, exact_rho

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Method = Literal["fixed", "group_sequential", "confidence_sequence"]
# Cells held at once: 4 million of 8 bytes, some 32 MB a table.
BLOCK = 4_000_000
# How unlikely a count of rejections must be before it is said that there are too many.
DOUBT = 0.001


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of the splits: how many rejected at any look, how many intervals of the last look held the truth."""

    splits: int
    rejections: int
    covering: int
    alpha: float

    @property
    def rejected(self) -> float:
        """Share of splits that rejected: the error of the first kind without an effect, the power with one."""
        return self.rejections / self.splits

    @property
    def coverage(self) -> float:
        """Share of splits whose interval at the last look holds the planted difference."""
        return self.covering / self.splits

    @property
    def excess(self) -> float:
        """P(so many rejections or more) if each split rejected with chance alpha: the binomial tail."""
        return 1.0 if self.rejections == 0 else float(special.bdtrc(self.rejections - 1, self.splits, self.alpha))

    @property
    def inflated(self) -> bool:
        """Whether an A/A rejected too often to be chance."""
        return self.excess < DOUBT


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of each split, look and arm, (splits, looks, 2): rows so far, and sums of the two columns and their products,
    about `centre`.
    """

    rows: Floats
    numerator: Floats
    denominator: Floats
    squares: Floats
    products: Floats
    denominator_squares: Floats
    centre: tuple[float, float]

    def estimates(self) -> tuple[Floats, Floats]:
        """Value and squared standard error by the delta method (`ratios.unit_variance`); NaN where there is none."""
        n = self.rows
        with np.errstate(divide="ignore", invalid="ignore"):
            above, below = self.numerator / n, self.denominator / n
            base = below + self.centre[1]
            value = (above + self.centre[0]) / base
            spread = (
                (self.squares - n * above**2)
                - 2 * value * (self.products - n * above * below)
                + value**2 * (self.denominator_squares - n * below**2)
            )
            return value, np.where(n >= 2, np.maximum(spread, 0.0) / (n - 1) / n / base**2, math.nan)


def simulate(
    rows: npt.ArrayLike,
    columns: tuple[str, ...],
    metric: MetricDefinition,
    *,
    splits: int = 1000,
    method: Method = "fixed",
    lift: float = 0.0,
    looks: int = 1,
    seed: int = 0,
    alpha: float = 0.05,
    owners: npt.ArrayLike | None = None,
) -> Simulation:
    """Split `rows` (units, columns) into two even arms `splits` times and read each split at evenly spaced looks.

    `lift` is planted in the treatment: a share turns so many more rows to 1 at random (fewer if negative), any other
    metric has its numerator multiplied. `owners` (units,) says who each row belongs to; without it each row is its own.
    "fixed" with several looks is a test that is peeked at. Raises ValueError naming what cannot be used.
    """
    table = _columns(np.asarray(rows, dtype=np.float64), columns, metric)
    _check(table, metric, splits=splits, looks=looks, lift=lift)
    _, owner = np.unique(np.arange(len(table)) if owners is None else np.asarray(owners), return_inverse=True)
    if owner.shape != (len(table),):
        raise ValueError(f"owners: one is needed for each of {len(table)} rows")
    truth = lift * float(table[:, 0].mean() / table[:, 1].mean())
    random = np.random.default_rng(seed)
    rejections = covering = 0
    for width in _blocks(splits, len(table)):
        sums = _drawn(table, owner, looks=looks, width=width, random=random)
        treated = _planted(sums, lift, random, flips=metric.kind == "proportion")
        difference, error, critical = _read(treated, method=method, alpha=alpha, planned=len(table))
        # What has no variance says nothing: it does not reject, and its open interval holds everything.
        rejections += int((np.abs(difference) > critical * error).any(axis=1).sum())
        covering += int((~(np.abs(difference - truth) > critical * error)[:, -1]).sum())
    return Simulation(splits, rejections, covering, alpha)


def _columns(rows: Floats, columns: tuple[str, ...], metric: MetricDefinition) -> Floats:
    """Numerator and denominator, (rows, 2)."""
    missing = set(metric.columns()) - set(columns)
    if rows.ndim != 2 or rows.shape[1] != len(columns):
        raise ValueError(f"rows: shape {rows.shape} has not one column for each of {', '.join(columns)}")
    if missing:
        raise ValueError(f"columns: {', '.join(sorted(missing))} is missing")
    below = np.ones(len(rows)) if metric.denominator is None else rows[:, columns.index(metric.denominator)]
    return np.column_stack([rows[:, columns.index(metric.numerator)], below])


def _check(table: Floats, metric: MetricDefinition, *, splits: int, looks: int, lift: float) -> None:
    if len(table) < 4 or not np.isfinite(table).all() or not table[:, 1].mean():
        raise ValueError("rows: at least 4 are needed, all finite, with a denominator that is not 0")
    if splits < 1 or looks < 1:
        raise ValueError(f"splits: {splits} splits at {looks} looks are too few")
    if metric.kind == "proportion" and not np.isin(table[:, 0], (0.0, 1.0)).all():
        raise ValueError(f"rows: {metric.numerator} is a share and has values other than 0 and 1")
    highest = 1 / float(table[:, 0].mean()) - 1 if metric.kind == "proportion" and table[:, 0].any() else math.inf
    if not -1 < lift <= highest:
        raise ValueError(f"lift: {lift} cannot be planted")


def _blocks(splits: int, rows: int) -> Iterator[int]:
    width = max(BLOCK // rows, 1)
    for start in range(0, splits, width):
        yield min(width, splits - start)


def _drawn(table: Floats, owner: Whole, *, looks: int, width: int, random: np.random.Generator) -> _Sums:
    """The sums of `width` splits. Owners come in random order, evenly over the looks, each into an arm by a coin."""
    count = int(owner.max()) + 1
    order = np.tile(np.arange(count) * looks // count, (width, 1))
    cells = 2 * random.permuted(order, axis=1) + random.integers(0, 2, (width, count))
    flat = (cells + 2 * looks * np.arange(width)[:, None])[:, owner].ravel()
    middle = table.mean(axis=0)
    # About the mean, so that squares of large values do not lose the variance.
    y, x = (table - middle).T

    def summed(values: Floats | None) -> Floats:
        weights = None if values is None else np.tile(values, width)
        found = np.bincount(flat, weights, minlength=width * looks * 2).reshape(width, looks, 2)
        return np.asarray(found.cumsum(axis=1), dtype=np.float64)

    return _Sums(
        summed(None), summed(y), summed(x), summed(y * y), summed(x * y), summed(x * x), (middle[0], middle[1])
    )


def _planted(sums: _Sums, lift: float, random: np.random.Generator, *, flips: bool) -> tuple[Floats, Floats]:
    """Values and squared errors of both arms, (splits, looks, 2), the effect being in the second."""
    values, variances = sums.estimates()
    if not lift:
        return values, variances
    if flips:
        rate = sums.centre[0]
        n = sums.rows[..., 1]
        good = np.rint(sums.numerator[..., 1] + n * rate)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = _turned(n, good, lift=lift, rate=rate, random=random) / n
            changed = share, share * (1 - share) / (n - 1)
    else:
        changed = values[..., 1] * (1 + lift), variances[..., 1] * (1 + lift) ** 2
    values[..., 1], variances[..., 1] = changed
    return values, variances


def _turned(n: Floats, good: Floats, *, lift: float, rate: float, random: np.random.Generator) -> Floats:
    """Rows at 1 by each look, after some were turned; who was turned at one look stays so at the next."""
    step_n, step_good = (np.diff(one, axis=1, prepend=0.0).astype(np.int64) for one in (n, good))
    if lift > 0:
        step_good = step_good + random.binomial(step_n - step_good, min(lift * rate / (1 - rate), 1.0))
    else:
        step_good = random.binomial(step_good, 1 + lift)
    return np.asarray(step_good.cumsum(axis=1), dtype=np.float64)


def _read(
    arms: tuple[Floats, Floats], *, method: Method, alpha: float, planned: int
) -> tuple[Floats, Floats, Floats | float]:
    """Difference, its standard error, and the critical value, each (splits, looks) or one a look."""
    values, variances = arms
    difference, error = values[..., 1] - values[..., 0], np.sqrt(variances.sum(axis=-1))
    error = np.where(error > 0, error, math.nan)
    looks = difference.shape[1]
    shares = [(look + 1) / looks for look in range(looks)]
    if method == "fixed":
        return difference, error, float(-special.ndtri(alpha / 2))
    if method == "group_sequential":
        bounds = GroupSequential(tuple(shares)).boundaries(alpha)
        return difference, error, np.array(bounds)
    rho = exact_rho(planned, alpha=alpha)
    return (
        difference,
        error,
        np.array([ConfidenceSequence(max(round(planned * one), 1), rho).critical(alpha) for one in shares]),
    )
