"""Funnels and retention: shares of units that get from one step to the next, in each arm, compared.

Two questions a step. Of all units that entered, how many got here: a proportion over a randomised group, so the
comparison is causal. Of those who were at the step before, how many went on: it shows where a change happens, but the
group is chosen by the treatment itself, so it explains and proves nothing; `conditional` marks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from experiments.stats.inference import Reading
from experiments.stats.proportions import Counts, small_counts
from experiments.stats.results import Comparison


@dataclass(frozen=True, slots=True)
class Step:
    """One step: who reached it of all units, and who went on to it from the step before (None at the first)."""

    name: str
    reached: Comparison
    conditional: Comparison | None


def funnel(
    control: Sequence[int],
    treatment: Sequence[int],
    *,
    names: Sequence[str],
    units: tuple[int, int],
    confidence: float = 0.95,
) -> tuple[Step, ...]:
    """Compare two arms step by step, from how many units reached each of the ordered steps.

    `units` are all units of control and treatment. Raises ValueError where counts rise from one step to the next, or
    their number is not that of the names.
    """
    reading = Reading(confidence)
    arms = [
        _counts(field, reached, total, names)
        for field, reached, total in zip(("control", "treatment"), (control, treatment), units, strict=True)
    ]
    steps = []
    for index, name in enumerate(names):
        reached = small_counts(*(Counts(arm[index + 1], arm[0]) for arm in arms), reading=reading)
        went_on = (
            small_counts(*(Counts(arm[index + 1], arm[index]) for arm in arms), reading=reading) if index else None
        )
        steps.append(Step(name, reached, went_on))
    return tuple(steps)


def steps_reached(times: npt.ArrayLike) -> list[int]:
    """How many units reached each step, from the times at which each did each step.

    Shape (units, steps), NaN for never. A step counts if all before it were done, none of them later: times do not
    fall along a row.
    """
    table = np.asarray(times, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"times: shape {table.shape} is not (units, steps)")
    done = np.isfinite(table)
    in_order = np.ones_like(done)
    # A comparison with NaN is False, so a step that was never done ends the row.
    in_order[:, 1:] = table[:, 1:] >= table[:, :-1]
    return [int(count) for count in np.logical_and.accumulate(done & in_order, axis=1).sum(axis=0)]


def retention(
    control: Sequence[npt.ArrayLike], treatment: Sequence[npt.ArrayLike], *, day: int, confidence: float = 0.95
) -> Comparison:
    """Share of units that came back `day` days or more after their start, among those followed for longer than that.

    Each arm is two rows, one value a unit, in days from the unit's own start: when it was last seen, and how long it
    has been followed. A unit that started too recently is left out, not counted as lost.
    """
    if day < 1:
        raise ValueError(f"day: {day} is not at least 1")
    counted = [_retained(field, arm, day) for field, arm in (("control", control), ("treatment", treatment))]
    return small_counts(counted[0], counted[1], reading=Reading(confidence))


def _retained(field: str, arm: Sequence[npt.ArrayLike], day: int) -> Counts:
    seen, followed = (np.asarray(values, dtype=np.float64) for values in arm)
    if seen.shape != followed.shape or seen.ndim != 1:
        raise ValueError(f"{field}: shapes {seen.shape} and {followed.shape} are not one value a unit each")
    old_enough = followed > day
    return Counts(int((seen[old_enough] >= day).sum()), int(old_enough.sum()))


def _counts(field: str, reached: Sequence[int], units: int, names: Sequence[str]) -> list[int]:
    if len(reached) != len(names):
        raise ValueError(f"{field}: {len(reached)} counts for {len(names)} steps")
    whole = [units, *reached]
    for index, (before, after) in enumerate(pairwise(whole)):
        if after > before:
            raise ValueError(f"{field}: {after} units at step {names[index]!r}, more than the {before} before it")
    return whole
