"""What a unit gets: read on each request, so a plan is remembered and a decision costs one query.

That query brings what a remembered plan depends on: the experiment's version (of its state, arms, coverage, forced
arms and batches), that of all holdouts, and whether any unit has a second name. Only then are names read, and only an
adaptive experiment reads what its units were already shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from django.db.models import Exists, Func, IntegerField, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core import errors
from experiments import lifecycle
from experiments.assignment import AssignmentPlan, HeldOut, Namespace, Reason, assign, is_held_out
from experiments.lifecycle import Status
from experiments.models import (
    Allocation,
    AllocationBatch,
    Arm,
    Experiment,
    Holdout,
    Source,
    UnitIdentity,
    UnitTotals,
)
from experiments.queries.identities import canonical
from experiments.targeting import matches

NOT_RUNNING = "not_running"
DECIDED = "decided"
FORCED = "forced"
NOT_TARGETED = "not_targeted"

_new = tuple.__new__


class Decision(NamedTuple):
    """What one unit gets. Only a unit that is `in_experiment` may be reported as exposed.

    `batch` and `propensity` (how likely the arm was) are of adaptive experiments alone. A tuple, since one is made for
    each unit of each request.
    """

    experiment: str
    unit: str
    in_experiment: bool
    arm: str | None
    control: bool
    reason: str
    content: dict[str, Any]
    batch: int | None = None
    propensity: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON; without batch and propensity where there are none."""
        found = self._asdict()
        if self.batch is None:
            del found["batch"], found["propensity"]
        return found


@dataclass(frozen=True, slots=True)
class Choice:
    """An arm as deciding needs it."""

    key: str
    control: bool
    content: dict[str, Any]


class Shown(NamedTuple):
    """What a unit was already shown by an adaptive experiment: an arm's index and the batch of that moment."""

    variation: int
    batch: int | None


@dataclass(frozen=True)
class Plan:
    """All that decides for one version of an experiment: the assignment where it runs, else what everybody gets.

    `batches` are the weights of each batch of adaptive allocation by number, the last of which assigns.
    """

    key: str
    arms: tuple[Choice, ...]
    assignment: AssignmentPlan | None
    everybody: Choice | None
    reason: str
    control: Choice | None = None
    condition: Mapping[str, Any] = field(default_factory=dict)
    forced: Mapping[str, Choice] = field(default_factory=dict)
    holdouts: tuple[HeldOut, ...] = ()
    batches: Mapping[int, Sequence[float]] = field(default_factory=dict)

    @property
    def is_adaptive(self) -> bool:
        """Whether units keep what they were shown while the weights change."""
        return self.assignment is not None and bool(self.batches)

    def targets(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a shopper with these attributes may enter."""
        return not self.condition or matches(attributes, self.condition)

    def decide(self, unit: str, *, name: str = "", targeted: bool = True, shown: Shown | None = None) -> Decision:
        """The decision for a unit: its arm, or the fallback with the reason.

        `name` is what the unit is hashed by, where that is another; `targeted` is what `targets` said of it.
        """
        forced = self.forced and (self.forced.get(unit) or self.forced.get(name))
        if forced:
            return self._outside(unit, forced, FORCED)
        if self.assignment is None:
            return self._resting(unit, name or unit)
        found = assign(name or unit, self.assignment)
        if targeted and found.variation >= 0 and shown is None:
            # What Decision(…) does, without its argument handling: a tenth of the time of a decision.
            return _new(Decision, (self.key, unit, True, *self._entered[found.variation]))
        if found.reason is Reason.HELD_OUT or (targeted and shown is None):
            return self._outside(unit, self.everybody, found.reason)
        if shown is None or not targeted:
            return self._outside(unit, self.everybody, NOT_TARGETED)
        return self._again(unit, shown, self.assignment)

    @cached_property
    def _entered(self) -> list[tuple[str, bool, str, dict[str, Any], int | None, float | None]]:
        """What a unit gets that enters now, by arm."""
        return [self._inside(index, max(self.batches, default=None)) for index in range(len(self.arms))]

    def _inside(
        self, variation: int, batch: int | None
    ) -> tuple[str, bool, str, dict[str, Any], int | None, float | None]:
        arm = self.arms[variation]
        propensity = None if batch is None else self.batches[batch][variation]
        return arm.key, arm.control, str(Reason.ASSIGNED), arm.content, batch, propensity

    def _again(self, unit: str, shown: Shown, assignment: AssignmentPlan) -> Decision:
        """What a unit gets that was shown something before."""
        if shown.variation in assignment.dropped:
            return self._outside(unit, self.everybody, Reason.ARM_DROPPED)
        batch = shown.batch if shown.batch in self.batches else max(self.batches)
        return Decision(self.key, unit, True, *self._inside(shown.variation, batch))

    def _resting(self, unit: str, name: str) -> Decision:
        """What a unit gets where the experiment does not run: the held out keep the control once it is decided."""
        if self.reason == DECIDED and self.holdouts and is_held_out(name, self.holdouts):
            return self._outside(unit, self.control, Reason.HELD_OUT)
        return self._outside(unit, self.everybody, self.reason)

    def _outside(self, unit: str, arm: Choice | None, reason: str) -> Decision:
        if arm is None:
            return Decision(
                self.key, unit, in_experiment=False, arm=None, control=False, reason=str(reason), content={}
            )
        return Decision(self.key, unit, False, arm.key, arm.control, str(reason), arm.content)


def decide(experiment: str, units: Sequence[str], attributes: Mapping[str, Any] | None = None) -> list[Decision]:
    """What these units get, in their order, from the experiment's key. `attributes` are those of all of them.

    One query once its plan is known; one more where any unit has a second name, and one more where it is adaptive.
    Where it does not run everybody gets the control, or, once it was decided to ship an arm, that arm. Raises NotFound.
    """
    found = _versions().filter(key=experiment).first()
    if found is None:
        raise errors.NotFound(f"There is no experiment {experiment!r}.")
    pk, version, holdouts, has_names = found
    plan = plan_of(pk, version, holdouts)
    names = canonical(units) if has_names else {}
    targeted = plan.targets(attributes or {})
    shown = _shown(pk, {names.get(unit, unit) for unit in units}) if plan.is_adaptive else {}
    return [
        plan.decide(unit, name=name, targeted=targeted, shown=shown.get(name))
        for unit in units
        for name in (names.get(unit, unit),)
    ]


@lru_cache(maxsize=1024)
def plan_of(pk: int, version: int, holdouts: int) -> Plan:  # noqa: ARG001 - the versions make a remembered plan right
    """The plan of one version of an experiment and of the holdouts."""
    experiment = Experiment.objects.get(pk=pk)
    arms = list(Arm.objects.filter(experiment=experiment).order_by("position"))
    choices = tuple(Choice(arm.key, arm.is_control, arm.content) for arm in arms)
    by_key = {choice.key: choice for choice in choices}
    control = next((choice for choice in choices if choice.control), None)
    held = _holdouts(experiment)
    batches = _batches(experiment)
    running = experiment.status == Status.RUNNING and experiment.source == Source.LIVE
    return Plan(
        key=experiment.key,
        arms=choices,
        assignment=_assignment(experiment, arms, held, batches) if running else None,
        everybody=by_key.get((experiment.decision or {}).get("arm", ""), control),
        reason=DECIDED if experiment.status == Status.DECIDED else NOT_RUNNING,
        control=control,
        condition=experiment.condition,
        forced=_forced(experiment, by_key),
        holdouts=held,
        batches=batches,
    )


def _versions() -> QuerySet[Experiment, tuple[int, int, int, bool]]:
    # Versions of holdouts only grow and none is ever deleted, so their sum names one state of all of them.
    # As a plain function, since Django groups by the rows' own key where it knows of an aggregate.
    total = Func("version", function="sum", output_field=IntegerField())
    holdouts = Subquery(Holdout.objects.order_by().annotate(total=total).values("total"))
    return Experiment.objects.annotate(
        holdouts_version=Coalesce(holdouts, 0), has_names=Exists(UnitIdentity.objects.all())
    ).values_list("pk", "version", "holdouts_version", "has_names")


def _assignment(
    experiment: Experiment, arms: Sequence[Arm], holdouts: tuple[HeldOut, ...], batches: Mapping[int, Sequence[float]]
) -> AssignmentPlan:
    weights = batches[max(batches)] if batches else [arm.weight for arm in arms]
    return AssignmentPlan(
        seed=experiment.seed,
        weights=tuple(weights),
        coverage=experiment.coverage,
        hash_version=experiment.hash_version,
        namespace=Namespace(**experiment.namespace) if experiment.namespace else None,
        holdouts=holdouts,
        dropped=frozenset(arm.position for arm in arms if arm.dropped_at is not None),
    )


def _holdouts(experiment: Experiment) -> tuple[HeldOut, ...]:
    named = Holdout.objects.filter(Q(is_global=True) | Q(experiments=experiment), is_active=True)
    return tuple(HeldOut(seed, share) for seed, share in named.distinct().order_by("pk").values_list("seed", "share"))


def _batches(experiment: Experiment) -> dict[int, Sequence[float]]:
    if experiment.allocation != Allocation.ADAPTIVE:
        return {}
    return dict(AllocationBatch.objects.filter(experiment=experiment).values_list("number", "weights"))


def _forced(experiment: Experiment, arms: Mapping[str, Choice]) -> dict[str, Choice]:
    if not lifecycle.can_change(experiment.status, lifecycle.Change.FORCED):
        return {}
    return {unit: arms[key] for unit, key in experiment.forced.items() if key in arms}


def _shown(pk: int, names: set[str]) -> dict[str, Shown]:
    rows = UnitTotals.objects.filter(experiment_id=pk, unit__in=names)
    found = rows.values_list("unit", "arm__position", "batch")
    return {unit: Shown(variation, batch) for unit, variation, batch in found}
