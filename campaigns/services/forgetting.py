"""Addresses of old messages go when the shop's retention says so, and with them what webhooks carried of them.

The row stays: it says that somebody had a message, so that nobody gets two, and who that was only as long as the
shopper is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from campaigns.models import Message
from campaigns.queries.delivery import EVENTS
from campaigns.services.gateways import key_of
from core.models import ShopSettings
from core.services import webhooks

PART = 5000
MOST_PARTS = 200


def forget_old_messages(now: datetime | None = None) -> int:
    """Forget what is older than the shop keeps; of how many messages. Nothing where the shop keeps them for ever."""
    days = ShopSettings.current().message_retention_days
    if days is None:
        return 0
    before = (now or timezone.now()) - timedelta(days=days)
    old = Message.objects.filter(created_at__lt=before).exclude(address="").exclude(state=Message.State.WAITING)
    webhooks.forget_old_payloads(list(EVENTS.values()), before)
    forgotten = 0
    for _part in range(MOST_PARTS):
        keys = list(old.order_by("id").values_list("pk", flat=True)[:PART])
        if not keys:
            break
        Message.objects.filter(pk__in=keys).update(address="")
        forgotten += len(keys)
    return forgotten


def forget_carried(messages: Iterable[int]) -> int:
    """Empty what webhooks were told of these messages, address and text; how many rows that were."""
    return webhooks.forget_payloads([key_of(pk) for pk in messages])
