"""The settings of the whole shop: one row, made by its first change. Each change is an entry of the trail."""

from __future__ import annotations

from django.db import transaction

from core import audit
from core.models import ShopSettings, User

RETENTION = ("event_retention_days", "message_retention_days")


@transaction.atomic
def change_retention(
    *, event_retention_days: int | None, message_retention_days: int | None, actor: User
) -> ShopSettings:
    """How long events and messages are kept from now on; nothing is written where nothing differs."""
    ShopSettings.objects.get_or_create(pk=1)
    row = ShopSettings.objects.select_for_update().get(pk=1)
    before = {name: getattr(row, name) for name in RETENTION}
    after = {"event_retention_days": event_retention_days, "message_retention_days": message_retention_days}
    if after != before:
        ShopSettings.objects.filter(pk=1).update(**after)
        row.refresh_from_db()
        audit.record("retention.changed", row, actor=actor, before=before, after=after)
    return row
