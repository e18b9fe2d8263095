"""Training runs: started once, their figures kept step by step, and their result entered into the registry.

A run's state is its job's; nothing here repeats it. `plan` is a `TuningPlan` as JSON with the places as the registry
writes them; the worker opens them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core import audit, errors
from core.audit import Actor
from core.localised import localised
from core.services.jobs import create_job
from models_ml import queries
from models_ml.fingerprint import code_version
from models_ml.lifecycle import Kind
from models_ml.models import BuildStatus, DatasetVersion, ModelVersion, TrainingPoint, TrainingRun
from models_ml.nn.artifacts import file_hashes, verified_hash
from models_ml.nn.tuning.plan import GENERATING, TuningError, TuningPlan
from models_ml.services.guards import member, require, require_name, sentence
from models_ml.services.registry import location_of

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")


def start_training(
    *,
    name: str,
    dataset: DatasetVersion,
    base: str | ModelVersion,
    actor: Actor,
    settings_of_plan: Mapping[str, Any] | None = None,
    request_key: str = "",
) -> TrainingRun:
    """A run with its waiting job, for the door to send. The same `request_key` again is the same run.

    `base` is a registered version, or a hub id or folder. Raises Forbidden without the role, InvalidInput naming the
    field of the plan, Conflict where the dataset is not ready.
    """
    require(actor, "models_ml.add_trainingrun", _("train a model"))
    name, key = require_name(name), request_key or uuid.uuid4().hex
    _check_dataset(dataset)
    plan = make_plan(dataset=dataset, base=base, values=settings_of_plan or {})
    try:
        return _create(name=name, dataset=dataset, base=base, plan=plan, request_key=key, actor=actor)
    except IntegrityError:
        return TrainingRun.objects.get(request_key=key)


def make_plan(*, dataset: DatasetVersion, base: str | ModelVersion, values: Mapping[str, Any]) -> TuningPlan:
    """The checked plan. Raises InvalidInput naming the field, also where the objective needs another kind of rows."""
    location = base.location if isinstance(base, ModelVersion) else base
    same = dataset.same_as or dataset
    try:
        plan = TuningPlan.from_json({**values, "base": location, "dataset": same.folder})
    except TuningError as problem:
        raise errors.InvalidInput.field(problem.field, localised(sentence(problem.message))) from problem
    except TypeError as problem:
        raise errors.InvalidInput.field("plan", sentence(str(problem))) from problem
    if plan.task != dataset.task:
        words = {"objective": plan.objective, "task": plan.task, "held": dataset.task}
        said = _("%(objective)s learns from rows of the kind “%(task)s”; this dataset holds “%(held)s”.") % words
        raise errors.InvalidInput.field("objective", said)
    return plan


def _check_dataset(dataset: DatasetVersion) -> None:
    if dataset.status not in {BuildStatus.READY, BuildStatus.DUPLICATE}:
        raise errors.Conflict(_("This dataset is not ready: wait until it is built, or choose another."))


@transaction.atomic
def _create(
    *, name: str, dataset: DatasetVersion, base: str | ModelVersion, plan: TuningPlan, request_key: str, actor: Actor
) -> TrainingRun:
    run = TrainingRun.objects.create(
        name=name,
        plan=plan.to_json(),
        objective=plan.objective,
        method=plan.method,
        seed=plan.seed,
        dataset=dataset.same_as or dataset,
        base=plan.base,
        base_version=base if isinstance(base, ModelVersion) else None,
        request_key=request_key,
        created_by=member(actor),
    )
    run.job = create_job(
        task_name=queries.TRAIN_TASK,
        queue="gpu",
        title=gettext_noop("Train %(name)s") % {"name": name},
        arguments={"run": run.pk},
        target=run,
        created_by=member(actor),
    )
    run.folder = f"models/run-{run.pk}"
    run.save(update_fields=["job", "folder"])
    audit.record("training.asked", run, actor=actor, job=str(run.job.pk), plan=run.plan)
    return run


def keep_point(run: TrainingRun, step: int, values: Mapping[str, float]) -> None:
    """The figures of one step, added to those the step has; a resumed run writes over what it passes again."""
    known = TrainingPoint.objects.filter(run=run, step=step).values_list("values", flat=True).first() or {}
    TrainingPoint.objects.update_or_create(run=run, step=step, defaults={"values": {**known, **finite(values)}})


def finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """The figures as JSON can hold them: what is not a number becomes null."""
    infinite = (float("inf"), float("-inf"))
    return {name: None if value != value or value in infinite else float(value) for name, value in values.items()}  # noqa: PLR0124


def keep_result(run: TrainingRun, metrics: Mapping[str, Any]) -> ModelVersion:
    """Register what a run made, as a candidate with its dataset, base and hashes. Telling twice changes nothing.

    Raises ModelFolderError where the folder is not what the run recorded.
    """
    TrainingRun.objects.filter(pk=run.pk).update(metrics=dict(metrics))
    known = ModelVersion.objects.filter(run=run).first()
    return known or _register(run, metrics)


def kind_of(objective: str) -> Kind:
    """What a model of this objective can be in the registry."""
    if objective in GENERATING:
        return Kind.WRITER
    return Kind.SCORER if objective == "score_pairs" else Kind.BASE


@transaction.atomic
def _register(run: TrainingRun, metrics: Mapping[str, Any]) -> ModelVersion:
    folder = folder_of(run)
    hashes = file_hashes(folder)
    version = ModelVersion.objects.create(
        name=run.name,
        kind=kind_of(run.objective),
        base=run.base,
        method=run.method,
        location=location_of(folder),
        content_hash=verified_hash(folder),
        tokenizer_hash=next((hashes[name] for name in TOKENIZERS if name in hashes), ""),
        code_version=code_version(),
        size_bytes=sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        dataset=run.dataset,
        run=run,
        card={"plan": run.plan, "dataset": run.dataset.content_hash, "objective": run.objective},
        metrics=dict(metrics),
        created_by=run.created_by,
    )
    audit.record("model.registered", version, actor="worker", run=run.pk, content_hash=version.content_hash)
    return version


def folder_of(run: TrainingRun) -> Path:
    """Where a run writes its model."""
    return Path(settings.VAR) / run.folder
