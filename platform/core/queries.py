"""Reads of the ground: jobs and keys for their pages."""

from __future__ import annotations

import uuid

from django.db import models

from core import errors
from core.models import ApiKey, Job


def recent_jobs(limit: int = 100) -> list[Job]:
    """The newest jobs, open ones first."""
    rank = models.Case(
        models.When(status__in=["queued", "running"], then=0), default=1, output_field=models.IntegerField()
    )
    return list(Job.objects.select_related("created_by").order_by(rank, "-created_at")[:limit])


def job_by_id(job_id: uuid.UUID | str) -> Job:
    """One job. Raises NotFound."""
    job = Job.objects.select_related("created_by").filter(pk=job_id).first()
    if job is None:
        raise errors.NotFound("There is no such job.")
    return job


def jobs_of(target: models.Model, limit: int = 10) -> list[Job]:
    """The newest jobs about one thing."""
    return list(Job.objects.filter(object_type=target._meta.label, object_id=str(target.pk))[:limit])


def jobs_by_task(task_name: str, limit: int = 10) -> list[Job]:
    """The newest jobs of one task."""
    return list(Job.objects.filter(task_name=task_name)[:limit])


def api_keys() -> models.QuerySet[ApiKey]:
    """All keys, usable ones first."""
    return ApiKey.objects.select_related("created_by").order_by(models.F("revoked_at").desc(nulls_first=True), "-id")
