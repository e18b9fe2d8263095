"""Long work as a row: anyone can see how far it is, cancel it, and it survives the death of its worker.

The broker only wakes a worker; this row decides. A worker holds a lease that it renews; when it dies the lease runs
out and the sweeper queues the job again (Redis' own redelivery is too slow and, after an hour, doubles long tasks).
"""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Where a job stands; the moves between them are in core.services.jobs."""

    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class Job(models.Model):
    """One piece of long work."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task_name = models.CharField(_("task"), max_length=120)
    queue = models.CharField(_("queue"), max_length=20, default="default")
    title = models.CharField(_("what"), max_length=200)
    status = models.CharField(_("state"), max_length=10, choices=Status.choices, default=Status.QUEUED)
    stage = models.CharField(_("stage"), max_length=60, blank=True)
    percent = models.FloatField(_("percent"), default=0)
    message = models.CharField(_("message"), max_length=300, blank=True)
    log_tail = models.TextField(_("log"), blank=True)
    arguments = models.JSONField(_("arguments"), default=dict, blank=True)
    checkpoint = models.JSONField(_("checkpoint"), default=dict, blank=True)
    result = models.JSONField(_("result"), null=True, blank=True)
    error = models.JSONField(_("error"), null=True, blank=True)
    object_type = models.CharField(max_length=80, blank=True)
    object_id = models.CharField(max_length=80, blank=True)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    max_attempts = models.PositiveSmallIntegerField(_("attempts at most"), default=5)
    lease = models.UUIDField(null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancel_requested_at = models.DateTimeField(_("cancel asked"), null=True, blank=True)
    created_by = models.ForeignKey("core.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(_("begun"), null=True, blank=True)
    finished_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-created_at"]
        permissions = [("cancel_job", "Can cancel and resume jobs")]
        constraints = [
            models.CheckConstraint(condition=models.Q(percent__gte=0, percent__lte=100), name="core_job_percent_range"),
        ]
        indexes = [
            models.Index(fields=["object_type", "object_id", "-created_at"], name="core_job_object"),
            # The sweeper's query: unfinished jobs whose lease or sending is old.
            models.Index(
                fields=["status", "lease_expires_at"],
                name="core_job_open",
                condition=models.Q(status__in=["queued", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.get_status_display()})"

    @property
    def is_open(self) -> bool:
        """Neither done, failed nor cancelled."""
        return self.status in {Status.QUEUED, Status.RUNNING}
