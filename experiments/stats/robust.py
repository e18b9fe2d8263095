"""Means that a few huge orders cannot rule: capped (winsorised) and trimmed.

Both change the question a little: the capped mean is that of min(value, cap), the trimmed mean that of the middle.
The cap is learned from both arms together, or it would itself depend on the treatment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.stats.inference import TWO_SIDED, Reading
from experiments.stats.means import compare_estimates, welch
from experiments.stats.moments import Moments
from experiments.stats.results import ArmEstimate, Comparison

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Capped:
    """A comparison of capped means, the cap and how many values it lowered."""

    cap: float
    lowered: int
    comparison: Comparison


def learn_cap(control: npt.ArrayLike, treatment: npt.ArrayLike, *, level: float, ignore_zeros: bool = False) -> float:
    """The quantile of both arms' values together (linear interpolation); of those that are not zero on request.

    Infinite (no cap) where nothing is left to learn from.
    """
    if not 0 < level <= 1:
        raise ValueError(f"level: {level} is not above 0 and at most 1")
    pooled = np.concatenate([_row("control", control), _row("treatment", treatment)])
    if ignore_zeros:
        pooled = pooled[pooled != 0]
    return float(np.quantile(pooled, level)) if len(pooled) else math.inf


def capped_mean(
    control: npt.ArrayLike, treatment: npt.ArrayLike, *, cap: float, reading: Reading = TWO_SIDED
) -> Capped:
    """Welch's test of the means of min(value, cap)."""
    if math.isnan(cap):
        raise ValueError("cap: it is NaN")
    arms = [_row("control", control), _row("treatment", treatment)]
    before, after = (Moments.from_rows(("capped",), np.minimum(values, cap)[:, None]) for values in arms)
    lowered = sum(int((values > cap).sum()) for values in arms)
    return Capped(cap, lowered, welch(before, after, "capped", reading=reading))


def trimmed_mean(
    control: npt.ArrayLike, treatment: npt.ArrayLike, *, trim: float = 0.1, reading: Reading = TWO_SIDED
) -> Comparison:
    """Yuen's test of two means without the lowest and highest `trim` of each arm (1974, Biometrika 61:165).

    Its standard errors come from the winsorised values, its degrees of freedom from the units that are left, which are
    the `n` of the result's arms.
    """
    if not 0 <= trim < 0.5:
        raise ValueError(f"trim: {trim} is not from 0 to below one half")
    arms = (_trimmed(_row(name, side), trim) for name, side in (("control", control), ("treatment", treatment)))
    return compare_estimates(*arms, method="trimmed_mean", reading=reading)


def _trimmed(values: Floats, trim: float) -> ArmEstimate:
    n, cut = len(values), int(trim * len(values))
    left = n - 2 * cut
    if left < 2:
        return ArmEstimate(left, float(np.median(values)) if n else math.nan, math.nan)
    ranked = np.sort(values)
    winsorised = np.clip(ranked, ranked[cut], ranked[n - cut - 1])
    # Yuen's h (h - 1) in the place of n (n - 1).
    spread = float(winsorised.var(ddof=1)) * (n - 1) / (left * (left - 1))
    return ArmEstimate(left, float(ranked[cut : n - cut].mean()), math.sqrt(spread))


def _row(name: str, values: npt.ArrayLike) -> Floats:
    row = np.asarray(values, dtype=np.float64)
    if row.ndim != 1 or not np.isfinite(row).all():
        raise ValueError(f"{name}: not one row of finite numbers")
    return row
