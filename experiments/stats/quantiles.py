"""Difference of two quantiles (median order value, 90th percentile of a delay), from order statistics.

The variance comes from the distance of two order statistics around the quantile, so nothing is assumed of the density.
Where the measured events are not the randomised units (many events a shopper), it is multiplied by what the units'
clustering adds. Quantiles interpolate linearly (numpy's default, R's type 7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.stats.bootstrap import Bootstrap, Method, blocks, summarise
from experiments.stats.inference import TWO_SIDED, Effect, Normal, Reading, undefined
from experiments.stats.means import compare_estimates
from experiments.stats.moments import Moments
from experiments.stats.ratios import unit_variance
from experiments.stats.results import ArmEstimate, Comparison, Note

Floats = npt.NDArray[np.float64]

# The bounds are those of a 95 % interval whatever the reading's confidence: they measure a density, not a claim.
_BOUND = Normal().critical(0.05)


@dataclass(frozen=True, slots=True)
class Sample:
    """The values of one arm, and for each the number or name of the unit it belongs to (None: one value a unit)."""

    values: npt.ArrayLike
    units: npt.ArrayLike | None = None


@dataclass(frozen=True, slots=True)
class OrderStatistics:
    """A quantile of n values and the order statistics at level -+ 1.96 sqrt(level (1 - level) / bounds_n).

    `bounds_n` is n unless the bounds were taken from another sample size. `design_effect` is the variance of the share
    of values below the quantile over that of as many independent values.
    """

    n: int
    value: float
    lower: float
    upper: float
    bounds_n: int | None = None
    design_effect: float = 1.0

    def variance(self, *, floor: float = 0.0) -> float:
        """n times the variance of the quantile: ((upper - lower) / (2 * 1.96))^2 (n - 1), times the design effect.

        Deng, Knoblich and Lu (2018, KDD, section 4) and Yao, Li and Lu (2024), with n - 1 for n as gbstats has it.
        `floor` is the least value where there are 100 values or more; other tools put one under samples with ties.
        """
        sample = self.n if self.bounds_n is None else self.bounds_n
        spread = ((self.upper - self.lower) / (2 * _BOUND)) ** 2 * (self.n - 1) * sample / self.n
        return max(spread * self.design_effect, floor if self.n >= 100 else 0.0)

    def estimate(self, *, units: int | None = None, floor: float = 0.0) -> ArmEstimate:
        """The quantile with its standard error; `units` are the clusters where values are not units."""
        return ArmEstimate(
            self.n if units is None else units, self.value, math.sqrt(self.variance(floor=floor) / self.n)
        )


def compare_quantiles(control: Sample, treatment: Sample, *, level: float, reading: Reading = TWO_SIDED) -> Comparison:
    """Difference of the arms' quantiles, Welch's t on their order-statistic variances, lift by Fieller.

    Too few values for both order statistics to exist is a result with a note, as is a quantile that lies within equal
    values in both arms. Raises ValueError for a level that is not between 0 and 1.
    """
    arms = [arm_quantile(side, level) for side in (control, treatment)]
    if any(math.isnan(arm.standard_error) for arm in arms):
        return undefined(Effect(arms[0], arms[1]), Note.TOO_FEW_UNITS, method="quantile", reading=reading)
    return compare_estimates(arms[0], arms[1], method="quantile", reading=reading)


def arm_quantile(sample: Sample, level: float) -> ArmEstimate:
    """One arm's quantile; its standard error is NaN where the sample is too small for the bounds."""
    values, units = _checked(sample, level)
    if not len(values):
        return ArmEstimate(0, math.nan, math.nan)
    value = float(np.quantile(values, level))
    step = _BOUND * math.sqrt(level * (1 - level) / len(values))
    if not (level - step > 0 and level + step < 1):
        return ArmEstimate(len(values), value, math.nan)
    lower, upper = (float(end) for end in np.quantile(values, (level - step, level + step)))
    found = OrderStatistics(len(values), value, lower, upper)
    if units is None:
        return found.estimate()
    clusters = cluster_moments(values, units, value)
    if clusters.n < 2:
        return ArmEstimate(clusters.n, value, math.nan)
    effect = design_effect(clusters, level)
    return OrderStatistics(found.n, value, lower, upper, design_effect=effect).estimate(units=clusters.n)


def design_effect(clusters: Moments, level: float) -> float:
    """Variance of the share of values below the quantile, by the delta method over units, over level (1 - level) / n.

    Deng, Knoblich and Lu (2018), section 4.2; `clusters` holds `below` and `values` a unit.
    """
    share = unit_variance(clusters, "below", "values") / clusters.n
    return share / (level * (1 - level) / clusters.total("values"))


def cluster_moments(values: Floats, units: npt.NDArray[np.intp], value: float) -> Moments:
    """Moments over units of how many values each has, and how many of them are at or below `value`."""
    total = np.bincount(units).astype(np.float64)
    below = np.bincount(units, weights=(values <= value).astype(np.float64))
    return Moments.from_rows(("below", "values"), np.column_stack([below, total]))


def bootstrap_quantiles(
    control: Sample,
    treatment: Sample,
    *,
    level: float,
    method: Method = "percentile",
    resamples: int = 2_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Bootstrap:
    """Difference of quantiles by resampling units with all their values: no variance formula. Percentile or basic."""
    random = np.random.Generator(np.random.PCG64(seed))
    sides = [_checked(side, level) for side in (control, treatment)]
    for name, (values, _) in zip(("control", "treatment"), sides, strict=True):
        if not len(values):
            raise ValueError(f"{name}: it has no values")
    before, after = (_resampled(values, units, level, resamples, random) for values, units in sides)
    first, second = (float(np.quantile(values, level)) for values, _ in sides)
    return summarise(second - first, after - before, method=method, confidence=confidence, seed=seed)


def _resampled(
    values: Floats, units: npt.NDArray[np.intp] | None, level: float, resamples: int, random: np.random.Generator
) -> Floats:
    owner = np.arange(len(values)) if units is None else units
    count = int(owner.max()) + 1
    order = np.argsort(values, kind="stable")
    ranked, owner = values[order], owner[order]
    found = []
    for size in blocks(resamples, max(len(values), count)):
        weights = random.multinomial(count, np.full(count, 1 / count), size=size)
        found.append(_weighted_quantiles(ranked, weights[:, owner].cumsum(axis=1), level))
    return np.concatenate(found)


def _weighted_quantiles(ranked: Floats, reached: npt.NDArray[np.int64], level: float) -> Floats:
    """Linear quantiles of samples in which value i occurs as often as `reached` rises at i; a row a sample."""
    place = (reached[:, -1] - 1) * level
    below = np.floor(place)
    # Zero-based place k is the first value whose cumulative count is above k.
    first, second = (
        (reached > np.minimum(rank, reached[:, -1] - 1)[:, None]).argmax(axis=1) for rank in (below, below + 1)
    )
    low, high = ranked[first], ranked[second]
    return np.asarray(low + (high - low) * (place - below))


def _checked(sample: Sample, level: float) -> tuple[Floats, npt.NDArray[np.intp] | None]:
    if not 0 < level < 1:
        raise ValueError(f"level: {level} is not between 0 and 1")
    values = np.asarray(sample.values, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("values: not one row of finite numbers")
    if sample.units is None:
        return values, None
    _, units = np.unique(np.asarray(sample.units), return_inverse=True)
    if len(units) != len(values):
        raise ValueError(f"units: {len(units)} of them for {len(values)} values")
    return values, units
