"""Dataset versions: asked for once, built by a job, and the same rows are the same version.

building ──built──► ready            (or `duplicate`, where another version holds the same rows)
   ▲  └────ended without──► failed
   └──────resumed───────────┘
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core import audit, errors
from core.audit import Actor
from core.localised import localised
from core.models.job import Status
from core.services.jobs import create_job
from models_ml.data.errors import DataError
from models_ml.data.plan import DatasetPlan, Source, check_roles
from models_ml.models import BuildStatus, DatasetVersion, SourceFile
from models_ml.queries import BUILD_TASK
from models_ml.services.guards import member, require, require_name, sentence

SAMPLE_ROWS = 20


@dataclass(frozen=True)
class ChosenSource:
    """A kept file with what a person said of it: its kind, which column is what, and its language where known."""

    file: SourceFile
    kind: str
    columns: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None


@dataclass(frozen=True)
class Built:
    """What a build left: hash, counts by split, the report of drops, and a few rows to look at."""

    content_hash: str
    counts: dict[str, Any]
    report: dict[str, Any]
    sample: Sequence[Mapping[str, Any]]


def create_dataset(
    *, name: str, task: str, sources: Sequence[ChosenSource], actor: Actor, **options: Any
) -> DatasetVersion:
    """A version being built, with its job for the door to send; the row that is there where the same was asked before.

    `options` are further fields of `DatasetPlan`. Raises Forbidden without the role, InvalidInput naming the field.
    """
    require(actor, "models_ml.add_datasetversion", _("make a dataset"))
    name, plan = require_name(name), make_plan(task, sources, options)
    key = _request_key(plan, [source.file.sha256 for source in sources])
    asked = _asked_before(key)
    if asked is not None:
        return asked
    try:
        return _create(name=name, plan=plan, request_key=key, actor=actor)
    except IntegrityError:
        return DatasetVersion.objects.get(request_key=key, status__in=[BuildStatus.BUILDING, BuildStatus.READY])


def make_plan(task: str, sources: Sequence[ChosenSource], options: Mapping[str, Any]) -> DatasetPlan:
    """The plan of a build, its paths relative to VAR. Raises InvalidInput naming the field."""
    if not sources:
        raise errors.InvalidInput.field("sources", _("at least one file is needed."))
    try:
        files = tuple(
            Source(one.kind, one.file.path, format=one.file.format, columns=one.columns, language=one.language)
            for one in sources
        )
        plan = DatasetPlan(task=task, sources=files, **options)
        for file in files:
            check_roles(file, task)
    except DataError as problem:
        raise errors.InvalidInput.field(problem.field, localised(sentence(problem.message))) from problem
    return plan


@transaction.atomic
def _create(*, name: str, plan: DatasetPlan, request_key: str, actor: Actor) -> DatasetVersion:
    dataset = DatasetVersion.objects.create(
        name=name, task=plan.task, plan=plan.to_json(), request_key=request_key, created_by=member(actor)
    )
    job = create_job(
        task_name=BUILD_TASK,
        queue="default",
        title=gettext_noop("Build the dataset %(name)s") % {"name": name},
        arguments={"dataset": dataset.pk},
        target=dataset,
        created_by=member(actor),
    )
    dataset.job, dataset.folder = job, f"datasets/versions/{dataset.pk}"
    dataset.save(update_fields=["job", "folder"])
    audit.record("dataset.asked", dataset, actor=actor, job=str(job.pk), task=plan.task)
    return dataset


def _asked_before(key: str) -> DatasetVersion | None:
    open_states = [BuildStatus.BUILDING, BuildStatus.READY]
    found = DatasetVersion.objects.select_related("job").filter(request_key=key, status__in=open_states).first()
    if found is None or (found.status == BuildStatus.BUILDING and settle(found)):
        return None
    return found


def settle(dataset: DatasetVersion) -> bool:
    """Mark a version failed whose job ended without building it. True where it was marked now."""
    changed = DatasetVersion.objects.filter(
        pk=dataset.pk, status=BuildStatus.BUILDING, job__status__in=[Status.FAILED, Status.CANCELLED]
    ).update(status=BuildStatus.FAILED)
    return bool(changed)


def begin(dataset: DatasetVersion) -> DatasetVersion:
    """Back to building for a resumed job. Raises Conflict where the same was built or asked for meanwhile."""
    try:
        with transaction.atomic():
            DatasetVersion.objects.filter(pk=dataset.pk, status=BuildStatus.FAILED).update(status=BuildStatus.BUILDING)
    except IntegrityError as problem:
        raise errors.Conflict(_("The same dataset was asked for again meanwhile; use that one.")) from problem
    return DatasetVersion.objects.get(pk=dataset.pk)


def keep_built(dataset: DatasetVersion, built: Built) -> DatasetVersion:
    """building → ready, or → duplicate of the version that holds the same rows. Telling twice changes nothing."""
    first = DatasetVersion.objects.filter(content_hash=built.content_hash, status=BuildStatus.READY)
    same = first.exclude(pk=dataset.pk).first()
    try:
        return _keep(dataset, built, same)
    except IntegrityError:
        return _keep(dataset, built, first.exclude(pk=dataset.pk).get())


@transaction.atomic
def _keep(dataset: DatasetVersion, built: Built, same: DatasetVersion | None) -> DatasetVersion:
    changed = DatasetVersion.objects.filter(pk=dataset.pk, status=BuildStatus.BUILDING).update(
        status=BuildStatus.DUPLICATE if same else BuildStatus.READY,
        same_as=same,
        content_hash=built.content_hash,
        counts=built.counts,
        report=built.report,
        sample=list(built.sample)[:SAMPLE_ROWS],
        ready_at=timezone.now(),
    )
    kept = DatasetVersion.objects.select_related("same_as").get(pk=dataset.pk)
    if changed:
        audit.record("dataset.built", kept, actor="worker", content_hash=built.content_hash, same=same and same.pk)
    return kept


def folder_of(dataset: DatasetVersion) -> Path:
    """Where the rows lie; of a duplicate, those of the version it equals."""
    return Path(settings.VAR) / (dataset.same_as.folder if dataset.same_as else dataset.folder)


def _request_key(plan: DatasetPlan, files: Iterable[str]) -> str:
    asked = {"plan": plan.to_json(), "files": list(files)}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
