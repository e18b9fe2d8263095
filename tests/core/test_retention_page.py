"""How long things are kept is an administrator's to say, and each change is written down."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.models import AuditEntry, ShopSettings
from tests import people

pytestmark = pytest.mark.django_db
PAGE = reverse("core:retention")


@pytest.mark.parametrize("person", [people.alice, people.bob, people.ana, people.charlie], ids=lambda one: one.__name__)
def test_nobody_but_an_administrator_sees_or_changes_it(client: Client, person: Any) -> None:
    client.force_login(person())
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"event_retention_days": "1"}).status_code == 403
    assert not ShopSettings.objects.exists()


def test_a_change_is_kept_and_written_down_once(client: Client) -> None:
    client.force_login(people.dora())
    form = {"event_retention_days": "90", "message_retention_days": ""}
    for _ in range(2):
        assert client.post(PAGE, form).status_code == 302
    row = ShopSettings.objects.get()
    assert (row.event_retention_days, row.message_retention_days) == (90, None)
    entry = AuditEntry.objects.get(action="retention.changed")
    assert entry.actor_label == "dora@shop.test"
    assert entry.data == {
        "before": {"event_retention_days": None, "message_retention_days": None},
        "after": {"event_retention_days": 90, "message_retention_days": None},
    }
    assert 'value="90"' in client.get(PAGE).content.decode()


@pytest.mark.parametrize("days", ["-1", "36501", "soon", "1.5"])
def test_a_length_that_cannot_be_used_changes_nothing(client: Client, days: str) -> None:
    client.force_login(people.dora())
    assert client.post(PAGE, {"event_retention_days": days, "message_retention_days": "5"}).status_code == 422
    assert not ShopSettings.objects.exists()
    assert not AuditEntry.objects.filter(action="retention.changed").exists()


def test_the_page_says_what_the_environment_says(client: Client, settings: Any) -> None:
    client.force_login(people.dora())
    assert "kept for ever" in client.get(PAGE).content.decode()
    settings.COPYLIFT_EVENT_RETENTION_DAYS = 30
    assert "30 days for events" in client.get(PAGE).content.decode()
