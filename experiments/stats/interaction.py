"""Do two experiments on the same units disturb each other? From the moments of the cells (one arm of each).

The interaction of a pair of arms is how much one experiment's effect changes with the other's arm: a difference of two
differences. With more than two arms each treatment gives one such contrast, tested each (Holm) and all together by a
Wald test. The main effect of an experiment averages its effect over the other's arms with the weights that the other
test gave them, as its own result page does, or evenly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from experiments.stats.inference import Effect, Normal, Reading
from experiments.stats.metrics import MetricDefinition, effect_of, judge
from experiments.stats.moments import Moments
from experiments.stats.multiplicity import holm
from experiments.stats.results import ArmEstimate, Comparison, Note

Floats = npt.NDArray[np.float64]
# Keys: (arm of the first experiment, arm of the second); the first named of each experiment is its control.
Cells = Mapping[tuple[str, str], Moments]
Weights = Literal["observed", "even"]
_OF_LIFTS = (Note.CONTROL_NOT_POSITIVE, Note.LIFT_UNBOUNDED)


@dataclass(frozen=True, slots=True)
class Contrast:
    """One treatment of each experiment: the effect of the first's under the second's control and under its treatment,
    compared. `adjusted_p` is corrected for the number of such pairs.
    """

    first: str
    second: str
    comparison: Comparison
    adjusted_p: float


@dataclass(frozen=True, slots=True)
class Interaction:
    """All contrasts, and the test that all are zero: chi-square with `degrees_of_freedom`; NaN, p = 1, without any."""

    contrasts: tuple[Contrast, ...]
    statistic: float
    degrees_of_freedom: int
    p_value: float


def interaction(metric: MetricDefinition, cells: Cells, *, confidence: float = 0.95) -> Interaction:
    """Test whether the effects of two experiments add up (Cox and Reid 2000, section 5.2, without a common variance).

    In a contrast's comparison "control" is the first experiment's effect under the second's control and "treatment"
    the same under its treatment: its `difference` is the interaction in the metric's unit. Its lift is left out: an
    effect near zero is no base. Raises ValueError for a cell that is missing or fewer than two arms.
    """
    firsts, seconds = _arms(cells)
    reading = Reading(confidence, metric.direction)
    found = [
        (first, second, _contrast(metric, cells, (firsts[0], first), (seconds[0], second), reading))
        for first in firsts[1:]
        for second in seconds[1:]
    ]
    adjusted = holm([comparison.p_value for _, _, comparison in found])
    contrasts = (Contrast(*each, float(p)) for each, p in zip(found, adjusted, strict=True))
    return Interaction(tuple(contrasts), *_together(metric, cells, firsts, seconds))


def main_effect(
    metric: MetricDefinition,
    cells: Cells,
    treatment: str,
    *,
    second: bool = False,
    weights: Weights = "observed",
    confidence: float = 0.95,
) -> Comparison:
    """Effect of an experiment's arm against its control, averaged over the other experiment's arms.

    `second` asks for the second experiment's. Weights of the other's arms: by its units in all cells, or even.
    """
    turned = {(key[1], key[0]): moments for key, moments in cells.items()} if second else dict(cells)
    own, others = _arms(turned)
    if treatment not in own[1:]:
        raise ValueError(f"treatment: {treatment!r} is none of {', '.join(own[1:])}")
    units = np.array([float(sum(turned[arm, other].n for arm in own)) for other in others])
    shares = np.full(len(others), 1 / len(others)) if weights == "even" else units / max(units.sum(), 1.0)
    effects = [effect_of(metric, turned[own[0], other], turned[treatment, other]) for other in others]
    sides = ([effect.control for effect in effects], [effect.treatment for effect in effects])
    averaged = [_average(arms, shares) for arms in sides]
    reading = Reading(confidence, metric.direction)
    return judge(Effect(averaged[0], averaged[1]), Normal(), method="main_effect", reading=reading)


def _contrast(
    metric: MetricDefinition, cells: Cells, first: tuple[str, str], second: tuple[str, str], reading: Reading
) -> Comparison:
    sides = []
    for other in second:
        effect = effect_of(metric, cells[first[0], other], cells[first[1], other])
        units = min(effect.control.n, effect.treatment.n)
        sides.append(ArmEstimate(units, effect.difference, math.sqrt(effect.variance)))
    found = judge(Effect(sides[0], sides[1]), Normal(), method="interaction", reading=reading)
    return replace(found, lift=None, notes=tuple(note for note in found.notes if note not in _OF_LIFTS))


def _together(
    metric: MetricDefinition, cells: Cells, firsts: list[str], seconds: list[str]
) -> tuple[float, int, float]:
    """The Wald test of all contrasts: with values y and variances V of the cells, (Cy)' (CVC')^-1 (Cy)."""
    estimates = [
        effect_of(metric, cells[first, second], cells[first, second]).control for first in firsts for second in seconds
    ]
    values, variances = (np.array([getattr(one, name) for one in estimates]) for name in ("value", "variance"))
    # Rows: (treatment - control of the first) x (treatment - control of the second).
    contrasts = np.kron(_against_first(len(firsts)), _against_first(len(seconds)))
    freedom = len(contrasts)
    spread = (contrasts * variances) @ contrasts.T
    if not (np.isfinite(values).all() and np.isfinite(variances).all() and (variances > 0).all()):
        return math.nan, freedom, 1.0
    distance = contrasts @ values
    statistic = float(distance @ np.linalg.solve(spread, distance))
    return statistic, freedom, float(special.chdtrc(freedom, statistic))


def _against_first(count: int) -> Floats:
    return np.column_stack([-np.ones(count - 1), np.eye(count - 1)])


def _average(arms: list[ArmEstimate], shares: Floats) -> ArmEstimate:
    value = sum(share * arm.value for share, arm in zip(shares, arms, strict=True))
    error = math.sqrt(sum(share**2 * arm.variance for share, arm in zip(shares, arms, strict=True)))
    return ArmEstimate(sum(arm.n for arm in arms), float(value), error)


def _arms(cells: Cells) -> tuple[list[str], list[str]]:
    firsts, seconds = (list(dict.fromkeys(key[place] for key in cells)) for place in (0, 1))
    if min(len(firsts), len(seconds)) < 2:
        raise ValueError("cells: an interaction needs two arms of each experiment")
    for first in firsts:
        for second in seconds:
            if (first, second) not in cells:
                raise ValueError(f"cells: {first}, {second} is missing")
    return firsts, seconds
