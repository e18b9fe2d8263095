"""Whom running experiments take in, for many units at once: the same plans as deciding has, read in a few queries.

For counts and overlaps on pages. An adaptive experiment is taken at its newest weights; what single units were shown
before, and forced arms, do not enter: they are few, and a count of a column does not need them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from django.db.models import Q, prefetch_related_objects

from experiments.assignment import AssignmentPlan, HeldOut, Namespace, assign_many
from experiments.models import Allocation, AllocationBatch, Experiment, Holdout, UnitIdentity
from experiments.queries.identities import canonical

Held = Sequence[tuple[HeldOut, int | None]]


def assignment_plans(experiments: Sequence[Experiment], held: Held) -> dict[int, AssignmentPlan]:
    """The plan of each experiment by its primary key. Two queries, whatever their number."""
    prefetch_related_objects(experiments, "arms")
    newest = dict(
        AllocationBatch.objects.filter(
            experiment__in=[one.pk for one in experiments if one.allocation == Allocation.ADAPTIVE]
        )
        .order_by("number")
        .values_list("experiment_id", "weights")
    )
    return {one.pk: _plan(one, held, newest.get(one.pk)) for one in experiments}


def holdouts_in_force() -> list[tuple[HeldOut, int | None]]:
    """Every holdout in force with the experiment that names it; None for one of every experiment. One query."""
    used = Q(is_global=True) | Q(experiments__isnull=False)
    rows = Holdout.objects.filter(used, is_active=True).order_by("pk")
    return [
        (HeldOut(seed, share), None if is_global else pk)
        for seed, share, is_global, pk in rows.values_list("seed", "share", "is_global", "experiments")
    ]


def of_every_experiment(held: Held) -> tuple[HeldOut, ...]:
    """The shares of all units that no experiment reaches."""
    return tuple(dict.fromkeys(holdout for holdout, pk in held if pk is None))


def taken_in(units: Sequence[str], plan: AssignmentPlan) -> npt.NDArray[np.bool_]:
    """Which of these units have an arm by a plan; shape (n,)."""
    found: npt.NDArray[np.bool_] = assign_many(units, plan) >= 0
    return found


def held_out(units: Sequence[str], holdouts: tuple[HeldOut, ...]) -> npt.NDArray[np.bool_]:
    """Which of these units the holdouts keep out; shape (n,)."""
    # One arm for everybody: who has none was held out.
    return ~taken_in(units, AssignmentPlan(seed="everybody", weights=(1.0,), holdouts=holdouts))


def hashed_names(units: Sequence[str]) -> list[str]:
    """The names by which the units are hashed, in their order; a query only where any unit has a second name."""
    if not UnitIdentity.objects.exists():
        return list(units)
    names = canonical(units)
    return [names[unit] for unit in units]


def _plan(experiment: Experiment, held: Held, weights: Sequence[float] | None) -> AssignmentPlan:
    arms = sorted(experiment.arms.all(), key=lambda arm: arm.position)
    named = dict.fromkeys(holdout for holdout, pk in held if pk in (None, experiment.pk))
    return AssignmentPlan(
        seed=experiment.seed,
        weights=tuple(weights or [arm.weight for arm in arms]),
        coverage=experiment.coverage,
        hash_version=experiment.hash_version,
        namespace=Namespace(**experiment.namespace) if experiment.namespace else None,
        holdouts=tuple(named),
        dropped=frozenset(arm.position for arm in arms if arm.dropped_at is not None),
    )
