"""Making an experiment and moving it through its life. Each move is one conditional update, with its audit entry."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Unpack

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from core import audit, errors
from core.audit import Actor
from core.models import User
from experiments import lifecycle
from experiments.lifecycle import Move, Status
from experiments.models import Arm, ArmMoments, Experiment, Holdout, Phase, Source
from experiments.services.fold import exclude_after_stop
from experiments.services.phases import invalid, open_phase
from experiments.specification import KEY, Frame, Further, check
from experiments.stats.metrics import UNIT_COLUMNS, custom_columns

CURRENCY = re.compile(r"[A-Z]{3}")
MAX_ARMS = 50


@dataclass(frozen=True, slots=True)
class ArmInput:
    """One arm to be made. Weights are relative; they are brought to a sum of 1."""

    key: str
    name: str
    is_control: bool = False
    weight: float = 1.0
    content: dict[str, Any] = field(default_factory=dict)


def create_experiment(
    *,
    key: str,
    name: str,
    arms: Sequence[ArmInput],
    created_by: User | None,
    hypothesis: str = "",
    seed: str = "",
    coverage: float = 1.0,
    namespace: dict[str, Any] | None = None,
    currency: str = "USD",
    goal_metric: str = "conversion",
    planned_units: int | None = None,
    planned_end: datetime | None = None,
    source: Source = Source.LIVE,
    origin: dict[str, Any] | None = None,
    **further: Unpack[Further],
) -> Experiment:
    """A draft with its arms, or for `source=IMPORTED` a stopped one without moments yet.

    `planned_units` is the total over all arms. A live experiment needs exactly one control; an imported one may have
    none, and is then compared with its first arm. `further` are targeting, metrics, guardrails and the rest
    (experiments.specification). Raises InvalidInput naming the field (`arms.1.weight`), Conflict where the key is
    taken.
    """
    _check_experiment(key, name, currency, coverage, planned_units)
    _check_namespace(namespace)
    _check_arms(arms, live=source == Source.LIVE)
    if source == Source.LIVE:
        _check_further(further, Frame([arm.key for arm in arms], goal_metric, planned_units))
    holdouts = _holdouts(further.pop("holdouts", ()))
    try:
        with transaction.atomic():
            experiment = Experiment.objects.create(
                key=key,
                name=name.strip(),
                hypothesis=hypothesis,
                status=Status.DRAFT if source == Source.LIVE else Status.STOPPED,
                source=source,
                seed=seed or key,
                coverage=coverage,
                namespace=namespace,
                currency=currency,
                goal_metric=goal_metric,
                planned_units=planned_units,
                planned_end=planned_end,
                origin=origin,
                created_by=created_by,
                **further,
            )
            experiment.holdouts.set(holdouts)
            _create_arms(experiment, arms)
            audit.record("experiment.created", experiment, actor=created_by, arms=[arm.key for arm in arms])
    except IntegrityError as problem:
        if Experiment.objects.filter(key=key).exists():
            raise errors.Conflict(f"key: an experiment {key!r} exists already.", code="key_taken") from problem
        raise
    return experiment


def start_experiment(experiment: Experiment, *, actor: Actor) -> Experiment:
    """draft → running. From now on units are assigned, in the first phase."""
    now = timezone.now()
    with transaction.atomic():
        started = _move(experiment, Move.START, actor=actor, started_at=now, phase_started_at=now)
        open_phase(started, now)
    return started


def pause_experiment(experiment: Experiment, *, actor: Actor) -> Experiment:
    """running → paused. Everyone gets the control; nobody new enters."""
    return _move(experiment, Move.PAUSE, actor=actor)


def resume_experiment(experiment: Experiment, *, actor: Actor) -> Experiment:
    """paused → running."""
    return _move(experiment, Move.RESUME, actor=actor)


def stop_experiment(experiment: Experiment, *, actor: Actor) -> Experiment:
    """running or paused → stopped. Nothing that occurs later counts; late news of what occurred before still does."""
    with transaction.atomic():
        stopped = _move(experiment, Move.STOP, actor=actor, stopped_at=timezone.now())
        Phase.objects.filter(experiment=stopped, ended_at=None).update(ended_at=stopped.stopped_at)
        exclude_after_stop(stopped)
    return stopped


def decide_experiment(
    experiment: Experiment, *, action: str, actor: Actor, arm: str | None = None, reason: str = ""
) -> Experiment:
    """stopped → decided, with what was decided: `ship` names the arm everybody gets from now on, `keep` is the control.

    Raises InvalidInput for another action, or an arm that is missing, not of this experiment or not wanted.
    """
    if action not in {"ship", "keep"}:
        raise errors.InvalidInput.field("action", f"{action!r} is neither 'ship' nor 'keep'.")
    if action == "keep" and arm is not None:
        raise errors.InvalidInput.field("arm", _("only 'ship' names an arm."))
    if action == "ship" and not experiment.arms.filter(key=arm or "").exists():
        raise errors.InvalidInput.field("arm", _("this experiment has no arm %(arm)s.") % {"arm": repr(arm)})
    decision = {"action": action, "arm": arm, "reason": reason, "by": audit.label(actor)}
    return _move(experiment, Move.DECIDE, actor=actor, decided_at=timezone.now(), decision=decision)


@transaction.atomic
def _move(experiment: Experiment, move: Move, *, actor: Actor, **fields: Any) -> Experiment:
    """One move. Conflict where it is in no state that allows it, or another request was first."""
    if experiment.source == Source.IMPORTED and move != Move.DECIDE:
        raise errors.Conflict(_("An imported experiment is over."), code="experiment_imported")
    held = Experiment.objects.filter(pk=experiment.pk, status__in=lifecycle.sources(move))
    if not held.update(status=lifecycle.target(move), version=F("version") + 1, **fields):
        state = Experiment.objects.values_list("status", flat=True).get(pk=experiment.pk)
        sentence = _("The experiment is %(state)s, which does not allow this.") % {
            "state": Experiment(status=state).get_status_display()
        }
        raise errors.Conflict(sentence, code="state", status=state)
    moved = Experiment.objects.get(pk=experiment.pk)
    audit.record(f"experiment.{move.value}", moved, actor=actor, **({"decision": moved.decision} if fields else {}))
    return moved


def _create_arms(experiment: Experiment, arms: Sequence[ArmInput]) -> None:
    total = math.fsum(arm.weight for arm in arms)
    made = Arm.objects.bulk_create(
        Arm(
            experiment=experiment,
            position=position,
            key=arm.key,
            name=arm.name.strip() or arm.key,
            is_control=arm.is_control,
            weight=arm.weight / total,
            content=arm.content,
        )
        for position, arm in enumerate(arms)
    )
    if experiment.source == Source.LIVE:
        columns = (*UNIT_COLUMNS, *(column.key for column in custom_columns(experiment.metrics)))
        ArmMoments.objects.bulk_create(ArmMoments.empty(arm, columns) for arm in made)


def _check_experiment(key: str, name: str, currency: str, coverage: float, planned_units: int | None) -> None:
    if not KEY.fullmatch(key):
        raise errors.InvalidInput.field("key", "1 to 80 small letters, digits, hyphens and underscores are needed.")
    if not 0 < len(name.strip()) <= 200:
        raise errors.InvalidInput.field("name", "a name of 1 to 200 characters is needed.")
    if not CURRENCY.fullmatch(currency):
        raise errors.InvalidInput.field("currency", "a code of three capital letters, such as USD, is needed.")
    if not 0 <= coverage <= 1:
        raise errors.InvalidInput.field("coverage", f"{coverage} is not between 0 and 1.")
    if planned_units is not None and planned_units < 1:
        raise errors.InvalidInput.field("planned_units", "must be at least 1.")


def _check_namespace(namespace: dict[str, Any] | None) -> None:
    if namespace is None:
        return
    if set(namespace) != {"key", "start", "end"}:
        raise errors.InvalidInput.field("namespace", "needs exactly key, start and end.")
    if not isinstance(namespace["key"], str) or not 0 < len(namespace["key"]) <= 200:
        raise errors.InvalidInput.field("namespace", "key is text of 1 to 200 characters.")
    ends = (namespace["start"], namespace["end"])
    if not all(isinstance(end, int | float) for end in ends) or not 0 <= ends[0] <= ends[1] <= 1:
        raise errors.InvalidInput.field("namespace", "start and end must be in order and between 0 and 1.")


def _check_further(further: Further, frame: Frame) -> None:
    try:
        check(further, frame)
    except ValueError as problem:
        raise invalid(problem) from problem


def _holdouts(keys: Sequence[str]) -> list[Holdout]:
    """The holdouts of these keys. Raises InvalidInput naming the first that is not there or has ended."""
    found = {holdout.key: holdout for holdout in Holdout.objects.filter(key__in=keys, is_active=True)}
    for index, key in enumerate(keys):
        if key not in found:
            raise errors.InvalidInput.field(f"holdouts.{index}", f"there is no active holdout {key!r}.")
    return list(found.values())


def _check_arms(arms: Sequence[ArmInput], *, live: bool) -> None:
    if not 2 <= len(arms) <= MAX_ARMS:
        raise errors.InvalidInput.field("arms", f"2 to {MAX_ARMS} arms are needed, not {len(arms)}.")
    seen = Counter(arm.key for arm in arms)
    for index, arm in enumerate(arms):
        if not KEY.fullmatch(arm.key):
            raise errors.InvalidInput.field(f"arms.{index}.key", "80 small letters, digits, - and _ at most.")
        if seen[arm.key] > 1:
            raise errors.InvalidInput.field(f"arms.{index}.key", f"{arm.key!r} is there twice.")
        if len(arm.name) > 200:
            raise errors.InvalidInput.field(f"arms.{index}.name", "is longer than 200 characters.")
        if not (math.isfinite(arm.weight) and arm.weight >= 0):
            raise errors.InvalidInput.field(f"arms.{index}.weight", f"{arm.weight} is not a share.")
    if not math.fsum(arm.weight for arm in arms) > 0:
        raise errors.InvalidInput.field("arms", "one arm at least needs a weight above 0.")
    controls = sum(arm.is_control for arm in arms)
    if controls > 1 or (live and not controls):
        raise errors.InvalidInput.field("arms", f"exactly one arm is the control, not {controls}.")
