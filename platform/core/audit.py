"""Writing the audit trail: one call beside the change it records, in the same transaction."""

from __future__ import annotations

from typing import Any

from django.db import models

from core.models import ApiKey, AuditEntry, User
from core.request_id import current_request_id

Actor = User | ApiKey | str | None


def record(action: str, target: models.Model, *, actor: Actor, **data: Any) -> AuditEntry:
    """Add one entry. `actor` is a member, an API key, the name of a process, or None for the platform itself."""
    return AuditEntry.objects.create(
        action=action,
        actor_id=actor.pk if isinstance(actor, User) else None,
        actor_label=label(actor),
        object_type=target._meta.label,
        object_id=str(target.pk),
        object_label=str(target)[:200],
        data=data,
        request_id=current_request_id(),
    )


def label(actor: Actor) -> str:
    """How an actor is named in the trail."""
    match actor:
        case User():
            return actor.email
        case ApiKey():
            return f"key {actor.prefix}"
        case str():
            return actor
        case None:
            return "platform"


def history(target: models.Model) -> models.QuerySet[AuditEntry]:
    """Everything recorded about one thing, newest first."""
    return AuditEntry.objects.filter(object_type=target._meta.label, object_id=str(target.pk))
