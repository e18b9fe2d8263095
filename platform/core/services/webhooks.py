"""Telling other systems: an event becomes one row for each webhook that wants it, in the caller's transaction.

A worker sends the rows (`core.services.webhook_sending`), so nothing waits for another system, and nothing is told
that was rolled back. A secret is shown once, when it is made.
"""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core import audit, errors, outgoing
from core.models import DeliveryState, User, Webhook, WebhookDelivery, WebhookEvent

SECRET_SCHEME = "whsec_"  # noqa: S105 - how every secret begins
SECRET_BYTES = 32
# What was taken is of no use after this; what was given up stays, since a person may send it again.
KEPT = timedelta(days=30)
DELETED_AT_ONCE = 5000


def emit(event: str, *, key: str, **payload: Any) -> int:
    """Write the event down for every active webhook that is told of it; how many. `key` makes a repeat harmless."""
    hooks = Webhook.objects.filter(is_active=True, events__contains=[event])
    rows = [
        WebhookDelivery(webhook=hook, event=event, key=key, payload=payload, next_attempt_at=timezone.now())
        for hook in hooks
    ]
    WebhookDelivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def new_secret() -> str:
    """A secret as Standard Webhooks writes it: a scheme and base64 of random bytes."""
    return SECRET_SCHEME + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


@transaction.atomic
def add_webhook(*, name: str, url: str, events: list[str], created_by: User) -> tuple[Webhook, str]:
    """A new webhook and its secret. Raises InvalidInput for an address that may not be called, or no event."""
    if not events or set(events) - set(WebhookEvent.values):
        raise errors.InvalidInput.field("events", _("choose at least one of the events."))
    outgoing.check(url)
    secret = new_secret()
    hook = Webhook.objects.create(name=name, url=url, events=sorted(events), secret=secret, created_by=created_by)
    audit.record("webhook.added", hook, actor=created_by, url=url, events=hook.events)
    return hook, secret


@transaction.atomic
def rotate_secret(hook: Webhook, *, actor: User) -> str:
    """A new secret in the place of the old one, which signs nothing from now on."""
    secret = new_secret()
    Webhook.objects.filter(pk=hook.pk).update(secret=secret)
    audit.record("webhook.secret_rotated", hook, actor=actor)
    return secret


@transaction.atomic
def switch(hook: Webhook, *, active: bool, actor: User) -> bool:
    """Turn a webhook on or off; off keeps what waits for it. False where it stood so already."""
    changed = Webhook.objects.filter(pk=hook.pk, is_active=not active).update(is_active=active)
    if changed:
        audit.record("webhook.switched_on" if active else "webhook.switched_off", hook, actor=actor)
    return bool(changed)


@transaction.atomic
def ping(hook: Webhook, *, actor: User) -> WebhookDelivery:
    """Write down a try for this webhook alone, whatever it is told of."""
    row = WebhookDelivery.objects.create(
        webhook=hook, event=WebhookEvent.PING, key=f"ping-{uuid.uuid4()}", next_attempt_at=timezone.now()
    )
    audit.record("webhook.pinged", hook, actor=actor)
    return row


@transaction.atomic
def send_again(delivery: WebhookDelivery, *, actor: User) -> bool:
    """Put an ended delivery back under its old key. False where it still waits."""
    changed = (
        WebhookDelivery.objects.filter(pk=delivery.pk)
        .exclude(state=DeliveryState.WAITING)
        .update(state=DeliveryState.WAITING, attempts=0, next_attempt_at=timezone.now(), last_error="", sent_at=None)
    )
    if changed:
        audit.record("webhook.sent_again", delivery, actor=actor)
    return bool(changed)


def forget_taken() -> int:
    """Delete deliveries that were taken more than KEPT ago, in portions that hold no lock for long; how many."""
    before, gone = timezone.now() - KEPT, 0
    while True:
        old = WebhookDelivery.objects.filter(state=DeliveryState.SENT, sent_at__lt=before).order_by("pk")
        deleted, _rows = WebhookDelivery.objects.filter(
            pk__in=list(old.values_list("pk", flat=True)[:DELETED_AT_ONCE])
        ).delete()
        gone += deleted
        if deleted < DELETED_AT_ONCE:
            return gone


def forget_payloads(keys: Iterable[str]) -> int:
    """Empty what these events carried; how many deliveries. What still waits is given up: it would go out empty."""
    return _forget(WebhookDelivery.objects.filter(key__in=list(keys)))


def forget_old_payloads(events: Iterable[str], before: datetime) -> int:
    """The same for ended deliveries of these events that were made before a moment."""
    old = WebhookDelivery.objects.filter(event__in=list(events), created_at__lt=before)
    return _forget(old.exclude(state=DeliveryState.WAITING))


def _forget(rows: QuerySet[WebhookDelivery]) -> int:
    full = rows.exclude(payload={})
    full.filter(state=DeliveryState.WAITING).update(
        state=DeliveryState.FAILED, next_attempt_at=None, last_error=_("what it carried was erased")
    )
    return full.update(payload={})
