"""Adaptive allocation: the next batch of weights, once the last has run its hours.

What the weights are is a rule of statistics that the caller brings (`weigh`); what holds here whatever it says is that
each arm keeps its floor, that a dropped arm gets nothing, that a batch is never changed once it is written (its weights
are the propensities) and that two workers make one batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from core import errors
from experiments.lifecycle import Change
from experiments.models import Allocation, AllocationBatch, Arm, Experiment, SliceMoments
from experiments.services.changing import change
from experiments.specification import adaptive_settings
from experiments.stats.metrics import CATALOGUE, MetricDefinition
from experiments.stats.moments import Moments


@dataclass(frozen=True, slots=True)
class BatchEvidence:
    """One batch of the present phase: the weights by arm, and the moments of the units that entered in it by arm.

    An arm in which nobody entered has no moments.
    """

    number: int
    weights: Mapping[str, float]
    moments: Mapping[str, Moments]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the next weights may be computed from. `arms` are the keys of those that are not dropped, in order."""

    arms: tuple[str, ...]
    metric: MetricDefinition
    batches: tuple[BatchEvidence, ...]
    method: str

    def units(self, arm: str) -> int:
        """How many units entered in an arm."""
        return sum(batch.moments[arm].n for batch in self.batches if arm in batch.moments)


# The wanted shares of evidence.arms, in their order; any sum above 0.
Weigh = Callable[[Evidence], Sequence[float]]


def update_allocation(experiment: Experiment, *, weigh: Weigh, now: datetime | None = None) -> AllocationBatch | None:
    """Make the next batch where it is due; None where it is not, or where another worker has just made it.

    Raises Conflict where the experiment is not adaptive or does not run.
    """
    if experiment.allocation != Allocation.ADAPTIVE:
        raise errors.Conflict("The experiment has fixed weights.", code="not_adaptive")
    moment = now or timezone.now()
    settings = adaptive_settings(experiment.adaptive_settings)
    last = AllocationBatch.objects.filter(experiment=experiment).order_by("-number").first()
    if last is None or moment < last.started_at + timedelta(hours=settings["batch_hours"]):
        return None
    arms = list(Arm.objects.filter(experiment=experiment).order_by("position"))
    found = evidence(experiment, arms, settings["method"])
    shares = dict(zip(found.arms, with_floor(weigh(found), settings["floor"]), strict=True))
    try:
        return _write(experiment, last.number + 1, [shares.get(arm.key, 0.0) for arm in arms], moment, _basis(found))
    except errors.Conflict as problem:
        if problem.code == "changed":
            return None
        raise


def evidence(experiment: Experiment, arms: Sequence[Arm], method: str) -> Evidence:
    """What is known of the present phase, batch by batch."""
    keys = {arm.pk: arm.key for arm in arms}
    rows = SliceMoments.objects.filter(arm__in=arms, dimension="batch")
    by_batch: dict[str, dict[str, Moments]] = {}
    for row in rows:
        by_batch.setdefault(row.value, {})[keys[row.arm_id]] = row.moments()
    batches = AllocationBatch.objects.filter(experiment=experiment, basis__phase=experiment.phase)
    return Evidence(
        arms=tuple(arm.key for arm in arms if arm.dropped_at is None),
        metric=_goal(experiment),
        batches=tuple(
            BatchEvidence(
                batch.number,
                dict(zip((arm.key for arm in arms), batch.weights, strict=True)),
                by_batch.get(str(batch.number), {}),
            )
            for batch in batches.order_by("number")
        ),
        method=method,
    )


def with_floor(wanted: Sequence[float], floor: float) -> list[float]:
    """Shares that add up to 1, each at least the floor: p = f + (1 - k f) w over k arms. Raises ValueError for wanted
    shares that are none.
    """
    total = math.fsum(wanted)
    if not all(share >= 0 for share in wanted) or not 0 < total < math.inf:
        raise ValueError(f"weights: {list(wanted)} are not shares")
    least = min(floor, 1 / len(wanted))
    return [least + (1 - len(wanted) * least) * (share / total) for share in wanted]


@transaction.atomic
def _write(
    experiment: Experiment, number: int, weights: list[float], now: datetime, basis: dict[str, Any]
) -> AllocationBatch:
    # The new version makes every server forget the plan with the old weights.
    changed = change(experiment, Change.ALLOCATION, actor=None, told={"batch": number, "weights": weights})
    return AllocationBatch.objects.create(
        experiment=changed, number=number, weights=weights, basis={"phase": changed.phase, **basis}, started_at=now
    )


def _basis(found: Evidence) -> dict[str, Any]:
    return {
        "metric": found.metric.key,
        "method": found.method,
        "through": found.batches[-1].number if found.batches else 0,
        "units": {arm: found.units(arm) for arm in found.arms},
    }


def _goal(experiment: Experiment) -> MetricDefinition:
    entry = next((one for one in experiment.metrics if one["key"] == experiment.goal_metric), None)
    return CATALOGUE[experiment.goal_metric] if entry is None else MetricDefinition.from_entry(entry)
