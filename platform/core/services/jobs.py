"""The moves of a job, each a conditional update on the old state: whoever changes no row came too late.

queued ──claim──► running ──finish──► succeeded
  ▲  │               │ ├────fail────► failed ──resume──► queued
  │  └──cancel──►    │ └──(asked)───► cancelled ──resume──► queued
  └────lease lost────┘
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core import audit, errors
from core.models import Job, User
from core.models.job import Status

LEASE = timedelta(seconds=20)
# A queued job that nobody took: the message may have died with the broker, or been sent before it was up.
SEND_AGAIN_AFTER = timedelta(seconds=30)
LOG_TAIL_CHARACTERS = 8000


@transaction.atomic
def create_job(
    *,
    task_name: str,
    queue: str,
    title: str,
    arguments: dict[str, Any] | None = None,
    target: models.Model | None = None,
    created_by: User | None = None,
) -> Job:
    """A waiting job. The door that made it sends it with `core.dispatch.send_on_commit`."""
    job = Job.objects.create(
        task_name=task_name,
        queue=queue,
        title=title[:200],
        arguments=arguments or {},
        object_type=target._meta.label if target is not None else "",
        object_id=str(target.pk) if target is not None else "",
        created_by=created_by,
    )
    audit.record("job.asked", job, actor=created_by, title=job.title)
    return job


def claim_job(job_id: uuid.UUID | str) -> Job | None:
    """Take a waiting job under a fresh lease, or None where another worker has it or it is no longer waiting."""
    lease, now = uuid.uuid4(), timezone.now()
    taken = Job.objects.filter(pk=job_id, status=Status.QUEUED).update(
        status=Status.RUNNING,
        lease=lease,
        lease_expires_at=now + LEASE,
        attempt=F("attempt") + 1,
        started_at=now,
        finished_at=None,
        error=None,
        cancel_requested_at=None,
    )
    return Job.objects.get(pk=job_id) if taken else None


def held(job: Job) -> models.QuerySet[Job]:
    """The row as long as it is ours: running under this lease."""
    return Job.objects.filter(pk=job.pk, status=Status.RUNNING, lease=job.lease)


def renew_lease(job: Job) -> bool:
    """Keep the job for another lease. False where it was taken away."""
    return bool(held(job).update(lease_expires_at=timezone.now() + LEASE))


def report(job: Job, **fields: Any) -> bool:
    """Write progress. False where the job is no longer ours."""
    return bool(held(job).update(lease_expires_at=timezone.now() + LEASE, **fields))


def finish_job(job: Job, *, result: dict[str, Any] | None) -> bool:
    """running → succeeded."""
    return _end(job, Status.SUCCEEDED, percent=100, result=result or {}, stage="", message="")


def fail_job(job: Job, *, code: str, message: str) -> bool:
    """running → failed, with a sentence for the page."""
    return _end(job, Status.FAILED, error={"code": code, "message": message})


def stop_job(job: Job) -> bool:
    """running → cancelled, once the work has noticed the wish."""
    return _end(job, Status.CANCELLED, message="")


def release_job(job: Job) -> bool:
    """running → queued: the worker is told to stop and another shall go on from the checkpoint."""
    return bool(
        held(job).update(
            status=Status.QUEUED, lease=None, lease_expires_at=None, sent_at=None, attempt=F("attempt") - 1
        )
    )


def _end(job: Job, status: Status, **fields: Any) -> bool:
    ended = held(job).update(status=status, finished_at=timezone.now(), lease=None, lease_expires_at=None, **fields)
    return bool(ended)


@transaction.atomic
def cancel_job(job: Job, *, actor: User) -> bool:
    """Cancel a waiting job at once, or ask a running one to stop. False where it had ended."""
    now = timezone.now()
    changed = Job.objects.filter(pk=job.pk, status=Status.QUEUED).update(
        status=Status.CANCELLED, finished_at=now, cancel_requested_at=now
    ) or Job.objects.filter(pk=job.pk, status=Status.RUNNING, cancel_requested_at=None).update(cancel_requested_at=now)
    if changed:
        audit.record("job.cancelled", job, actor=actor)
    return bool(changed)


@transaction.atomic
def resume_job(job: Job, *, actor: User) -> Job:
    """Queue a failed or cancelled job again; it goes on from its checkpoint. Conflict where it is in another state."""
    changed = Job.objects.filter(pk=job.pk, status__in=[Status.FAILED, Status.CANCELLED]).update(
        status=Status.QUEUED, attempt=0, sent_at=None, error=None, cancel_requested_at=None, finished_at=None
    )
    if not changed:
        raise errors.Conflict(_("Only a failed or cancelled job can be resumed."), code="job_not_resumable")
    audit.record("job.resumed", job, actor=actor)
    return Job.objects.get(pk=job.pk)


def requeue_lost_jobs() -> list[Job]:
    """Give up jobs whose worker died too often, put the others back, and return every waiting job that must be sent.

    Safe to run from several places at once: each move is one conditional update.
    """
    now = timezone.now()
    lost = Q(status=Status.RUNNING, lease_expires_at__lt=now)
    Job.objects.filter(lost, cancel_requested_at__isnull=False).update(
        status=Status.CANCELLED, finished_at=now, lease=None, lease_expires_at=None
    )
    Job.objects.filter(lost, attempt__gte=F("max_attempts")).update(
        status=Status.FAILED,
        finished_at=now,
        lease=None,
        lease_expires_at=None,
        error={"code": "worker_lost", "message": gettext_noop("The worker died each time this was tried.")},
    )
    Job.objects.filter(lost).update(
        status=Status.QUEUED,
        lease=None,
        lease_expires_at=None,
        sent_at=None,
        message=gettext_noop("The worker was lost; trying again."),
    )
    waiting = Q(sent_at=None, created_at__lt=now - timedelta(seconds=2)) | Q(sent_at__lt=now - SEND_AGAIN_AFTER)
    return list(Job.objects.filter(waiting, status=Status.QUEUED))


def note_sent(job_id: uuid.UUID | str) -> None:
    """Remember when the broker last got the message."""
    Job.objects.filter(pk=job_id).update(sent_at=timezone.now())
