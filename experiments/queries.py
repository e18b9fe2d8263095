"""Reads of experiments, for pages and the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from django.db.models import Case, IntegerField, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from core import errors
from experiments.assignment import AssignmentPlan, Namespace, assign
from experiments.lifecycle import Status
from experiments.models import Analysis, Arm, Experiment, Source

OPEN_FIRST = Case(
    When(status=Status.RUNNING, then=0),
    When(status=Status.PAUSED, then=1),
    default=2,
    output_field=IntegerField(),
)


def experiment_list(words: str = "") -> QuerySet[Experiment]:
    """All experiments whose key or name holds `words`: running ones first, then the newest. Each brings its arms.

    `latest_units` and `latest_sentence` come from the newest analysis and are None where there is none.
    """
    newest = Analysis.objects.filter(experiment=OuterRef("pk"))
    found = Experiment.objects.prefetch_related("arms").order_by(OPEN_FIRST, "-created_at", "-id")
    found = found.annotate(
        latest_units=Subquery(newest.annotate(seen=Cast(KT("results__units"), IntegerField())).values("seen")[:1]),
        latest_sentence=Subquery(newest.values("sentence")[:1]),
    )
    return found.filter(Q(key__icontains=words) | Q(name__icontains=words)) if words else found


def experiment_by_key(key: str) -> Experiment:
    """One experiment with its arms. Raises NotFound."""
    found = Experiment.objects.prefetch_related("arms").filter(key=key).first()
    if found is None:
        raise errors.NotFound(f"There is no experiment {key!r}.")
    return found


def arms_of(experiment: Experiment) -> list[Arm]:
    """The arms in their order, each with its moments where it has any."""
    return list(Arm.objects.filter(experiment=experiment).select_related("moments").order_by("position"))


def latest_analysis(experiment: Experiment) -> Analysis | None:
    """The newest analysis, or None where none was made yet."""
    return Analysis.objects.filter(experiment=experiment).first()


# --- deciding ---------------------------------------------------------------------------------------------------
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
