"""Moving a model version: check, stage, promote, roll back, retire, reopen. Each a conditional update with its entry.

The gate is judged anew at each promotion, from the figures of the last check, the files as they lie on the disk, and
the version that is in production then. A failing gate can be overruled by who may, with a written reason; files that
are not those that were registered can not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core import audit, errors
from core.audit import Actor
from core.localised import localised
from core.models import Job, User
from core.services.jobs import create_job
from models_ml import gate, lifecycle, queries
from models_ml.lifecycle import Kind, Move, Stage
from models_ml.models import ModelVersion
from models_ml.nn.artifacts import ModelFolderError, verified_hash
from models_ml.services.guards import member, require

SHORTEST_REASON = 20
LONGEST_REASON = 1000


@transaction.atomic
def request_check(version: ModelVersion, *, actor: Actor) -> Job:
    """A waiting job that measures this version, for the door to send. One that is open already is returned.

    Raises Forbidden without the role, Conflict for a retired version or a base.
    """
    require(actor, "models_ml.check_modelversion", _("have a model checked"))
    held = ModelVersion.objects.select_for_update(of=("self",)).select_related("check_job").get(pk=version.pk)
    _refuse_base(held)
    if not lifecycle.can_be_checked(held.stage):
        raise errors.Conflict(_("A retired version is not checked. Reopen it first."))
    if held.check_job is not None and held.check_job.is_open:
        return held.check_job
    job = create_job(
        task_name=queries.CHECK_TASK,
        queue="gpu",
        title=gettext_noop("Check %(name)s") % {"name": held.name},
        arguments={"version": held.pk},
        target=held,
        created_by=member(actor),
    )
    ModelVersion.objects.filter(pk=held.pk).update(check_job=job)
    audit.record("model.check_asked", held, actor=actor, job=str(job.pk))
    return job


@transaction.atomic
def keep_check(
    version: ModelVersion,
    *,
    figures: Mapping[str, gate.Value],
    details: Mapping[str, Mapping[str, Any]],
    compared_with: ModelVersion | None,
) -> ModelVersion:
    """Keep what a check measured: the figures that the gate reads, and the details of each measurement by its name.

    `compared_with` is the version in production whose loss was measured beside this one's.
    """
    held = ModelVersion.objects.select_for_update().get(pk=version.pk)
    own = {name: dict(details.get(name, {})) for name in ("forgetting", "robustness", "safety")}
    others = {name: dict(found) for name, found in details.items() if name not in own}
    report = {"figures": dict(figures), "compared_with": compared_with.pk if compared_with else None}
    ModelVersion.objects.filter(pk=held.pk).update(
        **own, gate=report, checked_at=timezone.now(), metrics={**held.metrics, "check": others}
    )
    kept = ModelVersion.objects.get(pk=held.pk)
    audit.record("model.checked", kept, actor="worker", passed=gate.passes(report_of(kept)), figures=dict(figures))
    return kept


def report_of(version: ModelVersion, *, intact: bool | None = None) -> list[gate.Line]:
    """The gate's lines as they stand now. `intact` is the outcome of a fresh look at the files, where one was had."""
    return _report(version, queries.production_model(Kind(version.kind)), intact=intact)


def _report(version: ModelVersion, production: ModelVersion | None, *, intact: bool | None) -> list[gate.Line]:
    figures = dict(version.gate.get("figures", {}))
    if intact is not None:
        figures["hashes_verified"] = intact
    return gate.judge(version.kind, against(figures, version, production))


def against(
    figures: dict[str, gate.Value], version: ModelVersion, production: ModelVersion | None
) -> dict[str, gate.Value]:
    """The figures, without a comparison that was made with another version than the one in production now."""
    if production is None or production.pk == version.pk:
        return figures | {"loss_over_production": 0.0}
    if version.gate.get("compared_with") != production.pk:
        return figures | {"loss_over_production": None}
    return figures


def stage(version: ModelVersion, *, actor: User) -> ModelVersion:
    """candidate → staged: somebody finds it worth promoting. Raises Conflict where no check was made."""
    require(actor, "models_ml.check_modelversion", _("stage a model"))
    _refuse_base(version)
    if version.checked_at is None:
        raise errors.Conflict(_("This version was not checked yet. Have it checked first."), code="unchecked")
    return _move(version, Move.STAGE, actor=actor)


def promote(version: ModelVersion, *, actor: User, reason: str = "") -> ModelVersion:
    """staged → production; the version before is retired. A person's decision, held by the gate.

    Raises Forbidden without the role, Conflict where the files changed, the gate fails and is not overruled, or another
    was promoted meanwhile, InvalidInput for a reason that is too short where one is needed.
    """
    require(actor, "models_ml.promote_modelversion", _("promote a model"))
    _refuse_base(version)
    production, intact = queries.production_model(Kind(version.kind)), _check_files(version)
    failing = gate.failing(_report(version, production, intact=intact))
    overruled = bool(failing) and _may_overrule(failing, actor=actor, reason=reason)
    return _replace(
        version,
        production,
        actor=actor,
        data={
            "reason": reason.strip(),
            "overruled": [line.name for line in failing] if overruled else [],
            "figures": version.gate.get("figures", {}),
        },
    )


def roll_back(kind: Kind, *, actor: User, reason: str) -> ModelVersion:
    """production → retired, and the version that it replaced is in production again, in one step.

    Raises Forbidden without the role, InvalidInput for no reason, Conflict where there is none before or its files
    changed.
    """
    require(actor, "models_ml.promote_modelversion", _("roll back a model"))
    reason = _reason(reason)
    now = queries.production_model(kind)
    before = now.replaced if now is not None else None
    if now is None or before is None:
        raise errors.Conflict(_("There is no version before this one to go back to."), code="nothing_before")
    _check_files(before)
    with transaction.atomic():
        _change(now, Move.ROLL_BACK, stage=Stage.RETIRED)
        back = ModelVersion.objects.filter(pk=before.pk, stage=Stage.RETIRED)
        if not back.update(stage=Stage.PRODUCTION, promoted_at=timezone.now()):
            raise errors.Conflict(_("The version before was changed meanwhile. Look again."), code="changed_meanwhile")
        restored = ModelVersion.objects.get(pk=before.pk)
        audit.record("model.rolled_back", now, actor=actor, to=restored.pk, reason=reason)
        audit.record("model.restored", restored, actor=actor, after=now.pk, reason=reason)
    return restored


def retire(version: ModelVersion, *, actor: User, reason: str = "") -> ModelVersion:
    """candidate or staged → retired: it is put away; its files and figures stay."""
    require(actor, "models_ml.check_modelversion", _("retire a model"))
    return _move(version, Move.RETIRE, actor=actor, reason=reason.strip()[:LONGEST_REASON])


def reopen(version: ModelVersion, *, actor: User) -> ModelVersion:
    """retired → candidate, without its check: what it was measured against is past."""
    require(actor, "models_ml.check_modelversion", _("reopen a model"))
    return _move(version, Move.REOPEN, actor=actor, checked_at=None, gate={})


def is_intact(version: ModelVersion) -> bool:
    """Whether the files are those that were registered. A hub model is as good as the commit it is named by."""
    folder = Path(queries.absolute(version.location))
    if not folder.is_dir():
        return bool(version.content_hash) and not _is_path(version.location)
    try:
        return verified_hash(folder) == version.content_hash
    except ModelFolderError:
        return False


def _is_path(location: str) -> bool:
    return location.startswith((".", "/")) or location.count("/") > 1


def _check_files(version: ModelVersion) -> bool:
    if not is_intact(version):
        sentence = _(
            "The files of “%(name)s” in %(place)s are not those that were registered: it is not put in production. "
            "Restore them, or train anew."
        )
        raise errors.Conflict(sentence % {"name": version.name, "place": version.location}, code="artifact_changed")
    return True


def _may_overrule(failing: list[gate.Line], *, actor: User, reason: str) -> bool:
    if not actor.has_perm("models_ml.override_gate"):
        sentences = " ".join(localised(line.sentence) for line in failing)
        sentence = _("The gate does not let this version through. %(reasons)s") % {"reasons": sentences}
        raise errors.Conflict(sentence, code="gate_failed")
    if len(reason.strip()) < SHORTEST_REASON:
        sentence = _("the gate fails; say in %(least)s characters or more why it is promoted all the same.")
        raise errors.InvalidInput.field("reason", sentence % {"least": SHORTEST_REASON})
    _reason(reason)
    return True


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON or "\x00" in reason:
        raise errors.InvalidInput.field("reason", _("say why, in 1 to %(most)s characters.") % {"most": LONGEST_REASON})
    return reason


def _refuse_base(version: ModelVersion) -> None:
    if version.kind == Kind.BASE:
        raise errors.Conflict(_("This is a base to train further; it neither writes nor scores, so it has no gate."))


def _replace(version: ModelVersion, seen: ModelVersion | None, *, actor: User, data: dict[str, Any]) -> ModelVersion:
    """Put `version` in the place of `seen`, the one that the gate compared it with; nothing where that has changed."""
    meanwhile = errors.Conflict(_("Another version was promoted meanwhile. Look again."), code="changed_meanwhile")
    try:
        with transaction.atomic():
            if seen is not None:
                held = ModelVersion.objects.filter(pk=seen.pk, stage=Stage.PRODUCTION)
                if not held.update(stage=Stage.RETIRED):
                    raise meanwhile
                audit.record("model.replaced", seen, actor=actor, by=version.pk)
            _change(version, Move.PROMOTE, stage=Stage.PRODUCTION, replaced=seen, promoted_at=timezone.now())
            promoted = ModelVersion.objects.get(pk=version.pk)
            audit.record("model.promoted", promoted, actor=actor, before=seen.pk if seen else None, **data)
    except IntegrityError as problem:
        raise meanwhile from problem
    return promoted


@transaction.atomic
def _move(version: ModelVersion, move: Move, *, actor: User, reason: str = "", **fields: Any) -> ModelVersion:
    _change(version, move, stage=lifecycle.target(move), **fields)
    moved = ModelVersion.objects.get(pk=version.pk)
    audit.record(f"model.{moved.stage}", moved, actor=actor, **({"reason": reason} if reason else {}))
    return moved


def _change(version: ModelVersion, move: Move, **fields: Any) -> None:
    """The conditional update: whoever changes no row came too late, or asks for what the stage does not allow."""
    if ModelVersion.objects.filter(pk=version.pk, stage__in=lifecycle.sources(move)).update(**fields):
        return
    stage = ModelVersion.objects.values_list("stage", flat=True).get(pk=version.pk)
    words = {"name": version.name, "stage": ModelVersion(stage=stage).get_stage_display()}
    sentence = _("“%(name)s” is %(stage)s now, which does not allow this.") % words
    raise errors.Conflict(sentence, code="wrong_stage", stage=stage)
