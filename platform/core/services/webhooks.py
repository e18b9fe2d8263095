"""Telling other systems: an event becomes one row for each webhook that wants it, in the caller's transaction.

A worker sends the rows (`core.tasks`), so nothing waits for another system, and nothing is told that was rolled back.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from core.models import Webhook, WebhookDelivery


def emit(event: str, *, key: str, **payload: Any) -> int:
    """Write the event down for every active webhook that is told of it; how many. `key` makes a repeat harmless."""
    hooks = Webhook.objects.filter(is_active=True, events__contains=[event])
    rows = [
        WebhookDelivery(webhook=hook, event=event, key=key, payload=payload, next_attempt_at=timezone.now())
        for hook in hooks
    ]
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
