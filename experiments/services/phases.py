"""Changing an experiment while it is on: what moves nobody at once, everything else as a new phase.

Units would change arms if weights, seed or a lower coverage took effect in place, and their figures would mix two
treatments. So a phase ends with its figures and the next one hashes anew; only raising the coverage, dropping an arm
and forcing arms for QA go on within a phase.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import errors
from core.audit import Actor
from experiments import specification
from experiments.lifecycle import Change
from experiments.models import Allocation, AllocationBatch, Arm, Experiment, Phase
from experiments.services.changing import change
from experiments.services.fold import reset_experiment


@transaction.atomic
def start_phase(
    experiment: Experiment,
    *,
    actor: Actor,
    weights: Mapping[str, float] | None = None,
    coverage: float | None = None,
    reason: str = "",
) -> Experiment:
    """End the current phase and begin one with a new seed; weights by the key of the arm, relative, and the coverage
    stay as they are where not given. Its figures begin at nothing.

    Raises InvalidInput naming the field, Conflict where it is not on or somebody else changed it.
    """
    now = timezone.now()
    arms = list(Arm.objects.filter(experiment=experiment).order_by("position"))
    shares = _shares(arms, weights)
    share = experiment.coverage if coverage is None else _coverage(coverage)
    number = experiment.phase + 1
    seed = f"{experiment.key}#{number}"
    told = {"phase": number, "weights": shares, "coverage": share, "reason": reason}
    changed = change(
        experiment, Change.PHASE, actor=actor, told=told,
        phase=number, phase_started_at=now, seed=seed, coverage=share,
    )  # fmt: skip
    for arm in arms:
        arm.weight = shares[arm.key]
    Arm.objects.bulk_update(arms, ["weight"])
    open_phase(changed, now, reason=reason)
    reset_experiment(changed)
    return changed


def open_phase(experiment: Experiment, now: datetime, *, reason: str = "") -> Phase:
    """Close the phase that is open, if any, and write down the experiment's present one, in the caller's transaction.

    An adaptive experiment begins its phase with a batch of the arms' own weights.
    """
    Phase.objects.filter(experiment=experiment, ended_at=None).update(ended_at=now)
    weights = dict(Arm.objects.filter(experiment=experiment).order_by("position").values_list("key", "weight"))
    if experiment.allocation == Allocation.ADAPTIVE:
        last = AllocationBatch.objects.filter(experiment=experiment).order_by("-number").first()
        AllocationBatch.objects.create(
            experiment=experiment,
            number=1 if last is None else last.number + 1,
            weights=list(weights.values()),
            basis={"phase": experiment.phase},
            started_at=now,
        )
    return Phase.objects.create(
        experiment=experiment,
        number=experiment.phase,
        seed=experiment.seed,
        weights=weights,
        coverage=experiment.coverage,
        reason=reason,
        started_at=now,
    )


@transaction.atomic
def raise_coverage(experiment: Experiment, *, to: float, actor: Actor) -> Experiment:
    """Let more units in. Nobody who is in moves. Raises Conflict for a lower coverage: that needs a new phase."""
    share = _coverage(to)
    if share <= experiment.coverage:
        raise errors.Conflict(
            _("The coverage is %(share)s and can only be raised. Start a new phase to lower it.")
            % {"share": f"{experiment.coverage:g}"},
            code="coverage_not_raised",
        )
    told = {"from": experiment.coverage, "to": share}
    return change(experiment, Change.COVERAGE, actor=actor, told=told, coverage=share)


@transaction.atomic
def drop_arm(experiment: Experiment, *, arm: str, actor: Actor, reason: str = "") -> Experiment:
    """Show an arm to nobody any more: its units get the control and count no further. Nobody else moves.

    Raises NotFound for an unknown arm, Conflict for the control, for an arm dropped before and for the last one left
    beside the control.
    """
    dropped = Arm.objects.filter(experiment=experiment, key=arm).first()
    if dropped is None:
        raise errors.NotFound(_("This experiment has no arm %(arm)s.") % {"arm": repr(arm)})
    if dropped.is_control:
        raise errors.Conflict(_("The control cannot be dropped."), code="control")
    changed = change(experiment, Change.DROP, actor=actor, told={"arm": arm, "reason": reason})
    if not Arm.objects.filter(pk=dropped.pk, dropped_at=None).update(dropped_at=timezone.now()):
        raise errors.Conflict(_("The arm %(arm)s was dropped before.") % {"arm": repr(arm)}, code="dropped")
    if not Arm.objects.filter(experiment=experiment, dropped_at=None, is_control=False).exists():
        raise errors.Conflict(_("No arm would be left beside the control. Stop the experiment."), code="last_arm")
    return changed


@transaction.atomic
def set_forced_arms(experiment: Experiment, *, forced: dict[str, str], actor: Actor) -> Experiment:
    """Which units see which arm for QA, all of them anew; they are in no experiment and count nowhere."""
    keys = list(Arm.objects.filter(experiment=experiment).values_list("key", flat=True))
    try:
        specification.check_forced(forced, specification.Frame(keys))
    except ValueError as problem:
        raise invalid(problem) from problem
    return change(experiment, Change.FORCED, actor=actor, told={"forced": forced}, forced=forced)


def invalid(problem: ValueError) -> errors.InvalidInput:
    """The answer for a ValueError that names its field first."""
    field, _colon, sentence = str(problem).partition(": ")
    return errors.InvalidInput.field(field, f"{sentence}.")


def _coverage(share: float) -> float:
    if not 0 <= share <= 1:
        raise errors.InvalidInput.field("coverage", f"{share} is not between 0 and 1.")
    return share


def _shares(arms: list[Arm], weights: Mapping[str, float] | None) -> dict[str, float]:
    if weights is None:
        return {arm.key: arm.weight for arm in arms}
    keys = [arm.key for arm in arms]
    if set(weights) != set(keys):
        raise errors.InvalidInput.field("weights", f"exactly one weight is needed for each of {', '.join(keys)}.")
    for key, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise errors.InvalidInput.field(f"weights.{key}", f"{weight} is not a share.")
    total = math.fsum(weights.values())
    if total <= 0:
        raise errors.InvalidInput.field("weights", "one arm at least needs a weight above 0.")
    return {key: weights[key] / total for key in keys}
