"""Reads of the ground: jobs and keys for their pages."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core import access, errors
from core.models import ApiKey, AuditEntry, DeliveryState, Job, User, Webhook, WebhookDelivery


def recent_jobs(user: User, limit: int = 100) -> list[Job]:
    """The newest jobs about what the member may see, open ones first."""
    rank = models.Case(
        models.When(status__in=["queued", "running"], then=0), default=1, output_field=models.IntegerField()
    )
    found = access.visible(user, Job.objects.select_related("created_by"))
    return list(found.order_by(rank, "-created_at")[:limit])


def job_by_id(job_id: uuid.UUID | str, user: User | None = None) -> Job:
    """One job, for a member only where it is about what they may see. Raises NotFound."""
    jobs = Job.objects.select_related("created_by")
    job = (access.visible(user, jobs) if user else jobs).filter(pk=job_id).first()
    if job is None:
        raise errors.NotFound(_("There is no such job."))
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


def webhooks() -> models.QuerySet[Webhook]:
    """All webhooks, those in use first, each with how many deliveries wait and how many were given up."""
    return Webhook.objects.annotate(
        waiting=models.Count("deliveries", filter=models.Q(deliveries__state=DeliveryState.WAITING)),
        given_up=models.Count("deliveries", filter=models.Q(deliveries__state=DeliveryState.FAILED)),
    ).order_by("-is_active", "name", "id")


def last_deliveries(hook: Webhook, limit: int = 50) -> list[WebhookDelivery]:
    """The newest deliveries of one webhook, without what they carry, which may be about a person."""
    return list(hook.deliveries.defer("payload")[:limit])


def webhook_delivery_states(keys: Iterable[str]) -> dict[str, str]:
    """Where each known event stands: `sent` once one webhook took it, else `waiting`, else `failed`."""
    rank = {DeliveryState.FAILED: 0, DeliveryState.WAITING: 1, DeliveryState.SENT: 2}
    states: dict[str, str] = {}
    for key, state in WebhookDelivery.objects.filter(key__in=list(keys)).values_list("key", "state"):
        if key not in states or rank[DeliveryState(state)] > rank[DeliveryState(states[key])]:
            states[key] = state
    return states


def trail(
    *, who: str = "", action: str = "", what: str = "", since: date | None = None, until: date | None = None
) -> models.QuerySet[AuditEntry]:
    """The audit trail, the newest first; `since` and `until` are whole days in the shop's time zone."""
    found = AuditEntry.objects.order_by("-id")
    if who:
        found = found.filter(actor_label__icontains=who)
    if action:
        found = found.filter(action__icontains=action)
    if what:
        found = found.filter(Q(object_label__icontains=what) | Q(object_type__icontains=what) | Q(object_id=what))
    if since:
        found = found.filter(at__gte=timezone.make_aware(datetime.combine(since, time.min)))
    if until:
        found = found.filter(at__lt=timezone.make_aware(datetime.combine(until, time.min)) + timedelta(days=1))
    return found
