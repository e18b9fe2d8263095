"""What a unit gets: read on each request, so a plan is remembered by version and costs one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from core import errors
from experiments.assignment import AssignmentPlan, Namespace, assign
from experiments.lifecycle import Status
from experiments.models import Arm, Experiment, Source

NOT_RUNNING = "not_running"
DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Decision:
    """What one unit gets. Only a unit that is `in_experiment` may be reported as exposed."""

    experiment: str
    unit: str
    in_experiment: bool
    arm: str | None
    control: bool
    reason: str
    content: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Choice:
    """An arm as deciding needs it."""

    key: str
    control: bool
    content: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """All that decides for one version of an experiment: the assignment where it runs, else what everybody gets."""

    key: str
    arms: tuple[Choice, ...]
    assignment: AssignmentPlan | None
    everybody: Choice | None
    reason: str

    def decide(self, unit: str) -> Decision:
        """The decision for a unit: its arm, or the fallback with the reason."""
        if self.assignment is None:
            return self._decision(unit, self.everybody, self.reason)
        found = assign(unit, self.assignment)
        if not found.in_experiment:
            return self._decision(unit, self.everybody, found.reason.value)
        return self._decision(unit, self.arms[found.variation], found.reason.value, in_experiment=True)

    def _decision(self, unit: str, arm: Choice | None, reason: str, *, in_experiment: bool = False) -> Decision:
        return Decision(
            experiment=self.key,
            unit=unit,
            in_experiment=in_experiment,
            arm=arm.key if arm else None,
            control=arm is not None and arm.control,
            reason=reason,
            content=arm.content if arm else {},
        )


def decide(experiment: str, units: Sequence[str]) -> list[Decision]:
    """What these units get, in their order, from the experiment's key. One query once its plan is known.

    Where it does not run everybody gets the control, or, once it was decided to ship an arm, that arm. Raises NotFound.
    """
    found = Experiment.objects.filter(key=experiment).values_list("pk", "version").first()
    if found is None:
        raise errors.NotFound(f"There is no experiment {experiment!r}.")
    plan = plan_of(*found)
    return [plan.decide(unit) for unit in units]


@lru_cache(maxsize=1024)
def plan_of(pk: int, version: int) -> Plan:  # noqa: ARG001 - the version is what makes a remembered plan right
    """The plan of one version of an experiment. Arms never change, and each change of state makes a new version."""
    experiment = Experiment.objects.get(pk=pk)
    arms = list(Arm.objects.filter(experiment=experiment).order_by("position"))
    choices = tuple(Choice(arm.key, arm.is_control, arm.content) for arm in arms)
    shipped = (experiment.decision or {}).get("arm")
    everybody = next((choice for choice in choices if choice.key == shipped), None)
    return Plan(
        key=experiment.key,
        arms=choices,
        assignment=_assignment(experiment, arms) if experiment.status == Status.RUNNING else None,
        everybody=everybody or next((choice for choice in choices if choice.control), None),
        reason=DECIDED if experiment.status == Status.DECIDED else NOT_RUNNING,
    )


def _assignment(experiment: Experiment, arms: Sequence[Arm]) -> AssignmentPlan | None:
    if experiment.source == Source.IMPORTED:
        return None
    return AssignmentPlan(
        seed=experiment.seed,
        weights=tuple(arm.weight for arm in arms),
        coverage=experiment.coverage,
        hash_version=experiment.hash_version,
        namespace=Namespace(**experiment.namespace) if experiment.namespace else None,
    )
