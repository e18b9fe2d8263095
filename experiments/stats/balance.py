"""Whether the arms were alike before anything was shown: a joint test of all covariates, and how far each is apart.

Under sound randomisation the arms' covariates come from one distribution, so a small p-value means that the split, or
who was counted, is broken (like a sample ratio mismatch), not that the covariate should be adjusted for; adjusting is
decided beforehand. A standardised difference says how large, whatever the number of units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from experiments.stats.moments import Floats, Moments
from experiments.stats.results import finite_or_none
from experiments.stats.sample_ratio import MISMATCH_ALPHA

# A covariate whose spread the ones before it explain up to this share is none of its own.
_COLLINEAR = 1e-8


@dataclass(frozen=True, slots=True)
class Balance:
    """The joint test and, for each arm but the first, each covariate's standardised difference from the first arm.

    `differences` has one mapping an arm; `covariates` are those that the test used.
    `p_value` is 1 with 0 degrees of freedom where there is nothing to test.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    covariates: tuple[str, ...]
    differences: tuple[Mapping[str, float], ...]

    @property
    def imbalanced(self) -> bool:
        """Whether the arms differ beyond what randomisation does; as clear a sign as for a sample ratio mismatch."""
        return self.p_value < MISMATCH_ALPHA

    @property
    def largest(self) -> float:
        """The largest standardised difference, without its sign; 0 where there is none."""
        return max((abs(value) for arm in self.differences for value in arm.values()), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {
            "statistic": self.statistic,
            "degrees_of_freedom": self.degrees_of_freedom,
            "p_value": self.p_value,
            "imbalanced": self.imbalanced,
            "covariates": list(self.covariates),
            "differences": [
                {column: finite_or_none(value) for column, value in arm.items()} for arm in self.differences
            ],
        }


def covariate_balance(arms: Sequence[Moments], covariates: Sequence[str]) -> Balance:
    """Hotelling's test (1931, Ann. Math. Stat. 2:360) that covariates have one mean in all arms, from moments.

    Two arms: T squared, exact under normality by its F distribution. More: the trace of between- over within-arm spread
    (Lawley 1938, Biometrika 30:180; Hotelling 1951) by its limit, chi-square. Covariates without spread, or explained
    by others, are left out; arms below two units too. Raises ValueError for a column that is not there.
    """
    sides = [arm.select(tuple(dict.fromkeys(covariates))) for arm in arms if arm.n >= 2]
    if len(sides) < 2:
        return Balance(0.0, 0, 1.0, (), ())
    differences = tuple(_standardised(sides[0], side) for side in sides[1:])
    kept = _with_spread(sides)
    sides = [side.select(kept) for side in sides]
    if not kept:
        return Balance(0.0, 0, 1.0, (), differences)
    statistic = _trace(sides)
    freedom = len(kept) * (len(sides) - 1)
    return Balance(statistic, freedom, _tail(statistic, sides, len(kept)), kept, differences)


def standardised_difference(control: Moments, treatment: Moments, column: str) -> float:
    """(mean of treatment - mean of control) over the root of their average variance (Austin 2009, Stat. Med. 28:3083).

    0 where neither varies and the means are equal; infinite where only the means differ. Needs two units in each arm.
    """
    change = treatment.mean(column) - control.mean(column)
    spread = (treatment.variance(column) + control.variance(column)) / 2
    if spread > 0:
        return change / math.sqrt(spread)
    return math.copysign(math.inf, change) if change else 0.0


def _standardised(control: Moments, treatment: Moments) -> dict[str, float]:
    return {column: standardised_difference(control, treatment, column) for column in control.columns}


def _within(sides: Sequence[Moments]) -> Floats:
    pooled: Floats = np.sum([side.cross for side in sides], axis=0) / (sum(side.n for side in sides) - len(sides))
    return pooled


def _with_spread(sides: Sequence[Moments]) -> tuple[str, ...]:
    """The covariates with spread of their own within arms, in their order."""
    spread = _within(sides)
    kept: list[int] = []
    for index in range(len(spread)):
        left = spread[index, index]
        if kept and left > 0:
            left -= spread[index, kept] @ _solve(spread[np.ix_(kept, kept)], spread[kept, index])
        if left > _COLLINEAR * spread[index, index]:
            kept.append(index)
    return tuple(sides[0].columns[index] for index in kept)


def _trace(sides: Sequence[Moments]) -> float:
    total = sum(side.n for side in sides)
    centre = np.sum([side.mean_vector * (side.n / total) for side in sides], axis=0)
    spread = _within(sides)
    steps = [side.mean_vector - centre for side in sides]
    return float(sum(side.n * (step @ _solve(spread, step)) for side, step in zip(sides, steps, strict=True)))


def _tail(statistic: float, sides: Sequence[Moments], size: int) -> float:
    if len(sides) > 2:
        return float(special.chdtrc(size * (len(sides) - 1), statistic))
    freedom = sides[0].n + sides[1].n - 2
    if freedom < size:
        return 1.0
    return float(special.fdtrc(size, freedom - size + 1, statistic * (freedom - size + 1) / (size * freedom)))


def _solve(spread: Floats, step: Floats) -> Floats:
    scale = np.sqrt(np.diag(spread))
    solved: Floats = np.linalg.solve(spread / np.outer(scale, scale), step / scale) / scale
    return solved
