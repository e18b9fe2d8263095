"""Sending what was written down for webhooks, signed as Standard Webhooks (github.com/standard-webhooks) lays down.

A row is claimed by moving its next attempt past the longest a call can take, in a short transaction; the call itself
holds no lock. So a killed worker loses nothing: the row falls due again, and the receiver knows the repeat by its id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core import audit, errors, outgoing
from core.models import DeliveryState, Webhook, WebhookDelivery
from core.services.webhooks import SECRET_SCHEME

CALL_SECONDS = 10.0
# Longer than a call and its name look-up; a worker that died gives the row back after this.
CLAIM = timedelta(minutes=2)
MOST_ATTEMPTS = 8
# 15 s, 1 min, 4 min, … 17 h: seven waits of 23 hours in all, each longer or shorter by up to a fifth.
FIRST_WAIT_SECONDS = 15.0
GROWTH = 4
JITTER = 0.2
LONGEST_WAIT = timedelta(days=1)
GONE = 410
# Answers below 500 after which another try may still be taken.
PASSING = frozenset({408, 425, 429})
RANDOM = secrets.SystemRandom()


def claim() -> WebhookDelivery | None:
    """The delivery that is due longest, ours for CLAIM; None where nothing is due that another does not hold."""
    now = timezone.now()
    with transaction.atomic():
        due = WebhookDelivery.objects.filter(
            state=DeliveryState.WAITING, next_attempt_at__lte=now, webhook__is_active=True
        )
        row = due.select_for_update(skip_locked=True, of=("self",)).order_by("next_attempt_at").first()
        if row is None:
            return None
        WebhookDelivery.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1, next_attempt_at=now + CLAIM)
    return WebhookDelivery.objects.select_related("webhook").get(pk=row.pk)


def send(row: WebhookDelivery) -> None:
    """One attempt of a claimed delivery, and what follows from the answer."""
    sent_at = timezone.now()
    try:
        content = body(row)
        answer = outgoing.post(
            row.webhook.url, body=content, headers=headers(row, content, sent_at), timeout=CALL_SECONDS
        )
    except errors.InvalidInput as refusal:
        fail(row, status=None, error=refusal.message)
    except errors.CopyliftError as problem:
        put_off(row, status=None, error=problem.message)
    else:
        settle(row, answer)


def settle(row: WebhookDelivery, answer: outgoing.Answer) -> None:
    """Taken, put off, given up, or the end of the webhook, by the answer's status."""
    error = _("answered %(status)d") % {"status": answer.status}
    if 200 <= answer.status < 300:
        held(row).update(
            state=DeliveryState.SENT,
            sent_at=timezone.now(),
            last_status=answer.status,
            last_error="",
            next_attempt_at=None,
        )
    elif answer.status == GONE:
        fail(row, status=GONE, error=error)
        end_webhook(row.webhook)
    elif answer.status >= 500 or answer.status in PASSING:
        put_off(row, status=answer.status, error=error, retry_after=answer.retry_after)
    else:
        fail(row, status=answer.status, error=error)


def held(row: WebhookDelivery) -> QuerySet[WebhookDelivery]:
    """The row as long as this attempt is the last one."""
    return WebhookDelivery.objects.filter(pk=row.pk, state=DeliveryState.WAITING, attempts=row.attempts)


def put_off(row: WebhookDelivery, *, status: int | None, error: str, retry_after: str = "") -> None:
    """Try again later, or give up after the last attempt."""
    if row.attempts >= MOST_ATTEMPTS:
        fail(row, status=status, error=error)
        return
    pause = max(wait(row.attempts), asked_wait(retry_after))
    held(row).update(next_attempt_at=timezone.now() + pause, last_status=status, last_error=error[:300])


def fail(row: WebhookDelivery, *, status: int | None, error: str) -> None:
    """Give up; a person may send it again."""
    held(row).update(state=DeliveryState.FAILED, last_status=status, last_error=error[:300], next_attempt_at=None)


@transaction.atomic
def end_webhook(hook: Webhook) -> None:
    """The receiver says it is gone for good: nothing more goes there until somebody switches it on."""
    if Webhook.objects.filter(pk=hook.pk, is_active=True).update(is_active=False):
        hook.deliveries.filter(state=DeliveryState.WAITING).update(
            state=DeliveryState.FAILED, next_attempt_at=None, last_error=_("the webhook was switched off")
        )
        audit.record("webhook.gone", hook, actor=None)


def wait(attempts: int) -> timedelta:
    """How long after the given attempt, with jitter."""
    seconds = FIRST_WAIT_SECONDS * GROWTH ** (attempts - 1)
    return timedelta(seconds=seconds * RANDOM.uniform(1 - JITTER, 1 + JITTER))


def asked_wait(retry_after: str) -> timedelta:
    """Retry-After as seconds or a date; nothing where it is neither, a day at most."""
    if retry_after.isascii() and retry_after.isdigit():
        return min(timedelta(seconds=min(int(retry_after[:9]), 10**6)), LONGEST_WAIT)
    try:
        asked = parsedate_to_datetime(retry_after) - timezone.now()
    except (ValueError, TypeError):
        return timedelta()
    return min(max(asked, timedelta()), LONGEST_WAIT)


def body(row: WebhookDelivery) -> bytes:
    """The same bytes in every attempt."""
    content = {"type": row.event, "timestamp": row.created_at.isoformat(), "data": row.payload}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def headers(row: WebhookDelivery, content: bytes, sent_at: datetime) -> dict[str, str]:
    """The id that stays, the time of this attempt, and the signature over both and the body."""
    moment = str(int(sent_at.timestamp()))
    return {
        "Content-Type": "application/json",
        "webhook-id": row.key,
        "webhook-timestamp": moment,
        "webhook-signature": "v1," + signature(row.webhook.secret, row.key, moment, content),
    }


def signature(secret: str, key: str, moment: str, content: bytes) -> str:
    """Base64 of HMAC-SHA256 over `id.timestamp.body`."""
    shared = base64.b64decode(secret.removeprefix(SECRET_SCHEME))
    signed = f"{key}.{moment}.".encode() + content
    return base64.b64encode(hmac.new(shared, signed, hashlib.sha256).digest()).decode("ascii")
