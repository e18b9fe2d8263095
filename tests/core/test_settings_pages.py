"""The settings: webhooks are an administrator's, the account everyone's; a chosen language is kept."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.models import AuditEntry, User, Webhook, WebhookDelivery
from core.services import webhooks
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name leads to a public address."""

    def answer(*_: Any, **__: Any) -> Any:
        return [(0, 0, 0, "", ("93.184.215.14", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def hook() -> Webhook:
    """A webhook."""
    return Webhook.objects.create(
        name="<b>gateway</b>", url="https://sms.example/", secret=webhooks.new_secret(), events=["message.sms"]
    )


def moves(ours: Webhook, delivery: WebhookDelivery) -> list[str]:
    """Every page of webhooks that changes something."""
    names = ["core:webhook_rotate", "core:webhook_switch", "core:webhook_ping"]
    return [reverse(name, args=[ours.pk]) for name in names] + [reverse("core:webhook_again", args=[delivery.pk])]


@pytest.mark.parametrize("person", [people.alice, people.bob, people.ana, people.charlie])
def test_only_an_administrator_sees_or_changes_webhooks(client: Client, person: Any) -> None:
    ours = hook()
    delivery = webhooks.ping(ours, actor=people.dora())
    before = (Webhook.objects.values().get(), WebhookDelivery.objects.values().get(), AuditEntry.objects.count())
    client.force_login(person())
    assert client.get(reverse("core:webhooks")).status_code == 403
    assert client.get(reverse("core:webhook", args=[ours.pk])).status_code == 403
    assert [client.post(url).status_code for url in moves(ours, delivery)] == [403] * 4
    assert client.post(reverse("core:webhooks"), {"name": "x"}).status_code == 403
    after = (Webhook.objects.values().get(), WebhookDelivery.objects.values().get(), AuditEntry.objects.count())
    assert after == before


@pytest.mark.usefixtures("public")
def test_a_webhook_is_made_and_its_secret_shown_once(client: Client) -> None:
    client.force_login(people.dora())
    sent = {"name": "gateway", "url": "https://sms.example/in", "events": ["copy.approved"]}
    answer = client.post(reverse("core:webhooks"), sent)
    made = Webhook.objects.get()
    assert made.secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    for page in (reverse("core:webhooks"), reverse("core:webhook", args=[made.pk])):
        assert made.secret not in client.get(page).content.decode()
    assert made.secret not in str(AuditEntry.objects.values())


def test_an_address_inside_is_refused_beside_its_field(client: Client) -> None:
    client.force_login(people.dora())
    sent = {"name": "x", "url": "http://127.0.0.1/", "events": ["copy.approved"]}
    answer = client.post(reverse("core:webhooks"), sent)
    assert "inside a private network" in answer.content.decode()
    assert not Webhook.objects.exists()


def test_the_pages_escape_names_and_keep_their_queries_few(client: Client, django_assert_max_num_queries: Any) -> None:
    ours, dora = hook(), people.dora()
    for _ in range(5):
        webhooks.ping(ours, actor=dora)
    client.force_login(dora)
    for page in (reverse("core:webhooks"), reverse("core:webhook", args=[ours.pk])):
        with django_assert_max_num_queries(8):
            answer = client.get(page)
        assert "&lt;b&gt;gateway" in answer.content.decode()
        assert "<b>gateway" not in answer.content.decode()


def test_an_administrator_rotates_switches_pings_and_sends_again(client: Client) -> None:
    ours, dora = hook(), people.dora()
    client.force_login(dora)
    old = ours.secret
    answer = client.post(reverse("core:webhook_rotate", args=[ours.pk]))
    ours.refresh_from_db()
    assert ours.secret != old
    assert ours.secret in answer.content.decode()
    client.post(reverse("core:webhook_ping", args=[ours.pk]))
    delivery = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(state="failed", attempts=8)
    client.post(reverse("core:webhook_again", args=[delivery.pk]))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("waiting", 0)
    client.post(reverse("core:webhook_switch", args=[ours.pk]), {"active": "0"})
    ours.refresh_from_db()
    assert not ours.is_active


def test_the_language_of_the_foot_is_kept_for_a_member_and_next_stays_here(client: Client) -> None:
    alice = people.alice()
    client.force_login(alice)
    answer = client.post(reverse("set_language"), {"language": "zh-hans", "next": "https://evil.example/"})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert User.objects.get(pk=alice.pk).language == "zh-hans"
    client.post(reverse("set_language"), {"language": "xx", "next": "/"})
    client.get(reverse("set_language"), {"language": "en"})
    assert User.objects.get(pk=alice.pk).language == "zh-hans"


def test_everyone_changes_their_own_name_and_nothing_else(client: Client) -> None:
    charlie = people.charlie()
    client.force_login(charlie)
    client.post(reverse("core:settings"), {"name": "Charles", "language": "en", "is_staff": "1", "email": "x@y.test"})
    charlie.refresh_from_db()
    assert (charlie.name, charlie.language, charlie.is_staff) == ("Charles", "en", False)
    assert charlie.email == "charlie@shop.test"
