"""Push and text messages: one signed event each for the shop's gateway, what becomes of it, and what is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Message, Shopper, Wave
from campaigns.services import erase_shopper, forgetting, send_test, waves
from core import errors
from core.models import AuditEntry, ShopSettings, Webhook, WebhookDelivery
from tests import people
from tests.campaigns import posting

pytestmark = pytest.mark.django_db


def text_wave(count: int = 2, *, channel: str = "sms") -> Wave:
    """A wave whose messages are with the gateway's webhook."""
    posting.webhook(f"message.{channel}")
    campaign = posting.campaign(channel=channel)
    posting.shoppers(count)
    return posting.sent(campaign)


def asked_again() -> int:
    """The beat, at a time at which it asks again."""
    Message.objects.filter(state="waiting").update(not_before=timezone.now() - timedelta(seconds=1))
    return waves.send_waiting()


@pytest.mark.parametrize("channel", ["sms", "push"])
def test_each_message_is_one_event_under_its_own_key(channel: str) -> None:
    wave = text_wave(3, channel=channel)
    assert (wave.state, wave.counts) == ("done", {"handed": 3})
    rows = WebhookDelivery.objects.order_by("key")
    assert [row.key for row in rows] == [f"message-{pk}" for pk in sorted(Message.objects.values_list("pk", flat=True))]
    first = rows[0].payload
    assert first["to"] in {"+491701200000", "token-0"}
    assert first["test"] is False
    assert first["link"].startswith("http://localhost:8000/c/")
    assert ("text" in first, "title" in first) == (True, channel == "push")
    assert "unit" not in first


def test_what_the_gateway_took_is_sent_and_what_it_gave_up_has_failed() -> None:
    wave = text_wave(3)
    keys = [f"message-{pk}" for pk in Message.objects.order_by("pk").values_list("pk", flat=True)]
    WebhookDelivery.objects.filter(key=keys[0]).update(state="sent")
    WebhookDelivery.objects.filter(key=keys[1]).update(state="failed")
    asked_again()
    found = list(Message.objects.order_by("pk").values_list("state", "error"))
    assert found == [("sent", ""), ("failed", "given_up"), ("waiting", "")]
    wave.refresh_from_db()
    assert wave.counts == {"failed": 1, "handed": 1, "sent": 1}
    Webhook.objects.get().delete()
    asked_again()
    assert Message.objects.order_by("-pk")[0].error == "webhook_gone"


def test_asking_again_hands_nothing_over_twice() -> None:
    text_wave(2)
    for _ in range(2):
        asked_again()
    assert WebhookDelivery.objects.count() == 2


def test_without_a_gateway_no_wave_begins() -> None:
    campaign = posting.campaign(channel="sms")
    posting.shoppers(1)
    with pytest.raises(errors.Conflict, match="No webhook is told"):
        posting.wave(campaign)
    assert Message.objects.count() == 0


def test_a_gateway_that_goes_in_the_middle_fails_the_message_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    posting.webhook("message.sms")
    campaign = posting.campaign(channel="sms")
    posting.shoppers(1)
    monkeypatch.setattr("core.services.webhooks.emit", lambda *_, **__: 0)
    posting.sent(campaign)
    message = Message.objects.get()
    assert (message.state, message.error) == ("failed", "no_listener")


def test_a_test_by_text_message_goes_to_a_typed_number_and_the_trail_does_not_name_it() -> None:
    alice = people.alice()
    posting.webhook("message.sms")
    campaign = posting.campaign(alice, channel="sms")
    assert send_test(campaign, text="control", actor=alice, address="+49 170 555") == "+49170555"
    (row,) = WebhookDelivery.objects.all()
    assert (row.payload["test"], row.payload["to"]) == (True, "+49170555")
    assert "555" not in str(AuditEntry.objects.get(action="campaign.test_message").data)
    with pytest.raises(errors.InvalidInput):
        send_test(campaign, text="control", actor=alice, address="call me")
    assert WebhookDelivery.objects.count() == 1


def test_addresses_go_when_the_shop_says_so_and_not_before() -> None:
    text_wave(2)
    WebhookDelivery.objects.update(state="sent")
    asked_again()
    month = timezone.now() + timedelta(days=31)
    assert forgetting.forget_old_messages(month) == 0
    assert not Message.objects.filter(address="").exists()
    ShopSettings.objects.create(pk=1, message_retention_days=30)
    assert forgetting.forget_old_messages(timezone.now() + timedelta(days=29)) == 0
    assert forgetting.forget_old_messages(month) == 2
    assert set(Message.objects.values_list("address", "state")) == {("", "sent")}
    assert list(WebhookDelivery.objects.values_list("payload", flat=True)) == [{}, {}]
    assert forgetting.forget_old_messages(month) == 0


def test_erasing_a_shopper_empties_what_webhooks_carried_and_sends_no_more_of_it() -> None:
    text_wave(2)
    erased, other = Shopper.objects.order_by("pk")
    key = f"message-{Message.objects.get(shopper=erased).pk}"
    erase_shopper(erased, actor=None)
    gone = WebhookDelivery.objects.get(key=key)
    assert (gone.payload, gone.state) == ({}, "failed")
    assert WebhookDelivery.objects.exclude(key=key).get().payload["to"] == other.phone


def test_a_message_that_still_waits_is_not_forgotten() -> None:
    text_wave(1)
    ShopSettings.objects.create(pk=1, message_retention_days=1)
    assert forgetting.forget_old_messages(timezone.now() + timedelta(days=3)) == 0
    payload: dict[str, Any] = WebhookDelivery.objects.get().payload
    assert payload["to"]
