"""Webhooks: signed, sent once for each webhook, tried again with growing waits, given up in the open."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.utils import timezone

from core import errors, outgoing, queries
from core.models import AuditEntry, DeliveryState, Webhook, WebhookDelivery
from core.services import webhook_sending, webhooks
from core.tasks import deliver_webhooks, forget_deliveries
from tests import people

pytestmark = pytest.mark.django_db


class Receiver:
    """The other side: keeps what came and answers as told."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, dict[str, str]]] = []
        self.answer: outgoing.Answer | errors.CopyliftError = outgoing.Answer(200, "")

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str], timeout: float) -> outgoing.Answer:
        """Stands in the place of outgoing.post."""
        assert url == "https://shop.example/hook"
        assert timeout < webhook_sending.CLAIM.total_seconds()
        self.calls.append((body, dict(headers)))
        if isinstance(self.answer, errors.CopyliftError):
            raise self.answer
        return self.answer


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """The other side, reached."""
    fake = Receiver()
    monkeypatch.setattr(outgoing, "post", fake.post)
    return fake


def hook(events: tuple[str, ...] = ("copy.approved",), name: str = "shop") -> Webhook:
    """A webhook with a secret."""
    return Webhook.objects.create(
        name=name, url="https://shop.example/hook", secret=webhooks.new_secret(), events=list(events)
    )


def only() -> WebhookDelivery:
    """The one delivery there is."""
    return WebhookDelivery.objects.get()


def test_an_event_is_sent_signed_so_that_the_receiver_can_verify_it(receiver: Receiver) -> None:
    secret = hook().secret
    webhooks.emit("copy.approved", key="copy-1", title="春季 & <b>sale</b>")
    assert deliver_webhooks() == 1
    body, headers = receiver.calls[0]
    assert json.loads(body)["data"] == {"title": "春季 & <b>sale</b>"}
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    shared = base64.b64decode(secret.removeprefix("whsec_"))
    proof = base64.b64encode(hmac.new(shared, signed, hashlib.sha256).digest()).decode()
    assert (headers["webhook-id"], headers["webhook-signature"]) == ("copy-1", f"v1,{proof}")
    assert (only().state, only().last_status, only().attempts) == (DeliveryState.SENT, 200, 1)
    assert deliver_webhooks() == 0


def test_the_signature_is_that_of_the_published_example() -> None:
    # The example of the Standard Webhooks libraries' own tests.
    assert (
        webhook_sending.signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            b'{"test": 2432232314}',
        )
        == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_only_webhooks_that_are_told_of_it_get_an_event_and_a_repeat_changes_nothing(receiver: Receiver) -> None:
    hook()
    hook(("message.sms",), "gateway")
    for _ in range(2):
        webhooks.emit("copy.approved", key="copy-1")
    assert WebhookDelivery.objects.count() == 1
    assert deliver_webhooks() == 1
    assert len(receiver.calls) == 1


@pytest.mark.parametrize("status", [500, 503, 408, 425, 429])
def test_a_passing_failure_is_tried_again_later_under_the_same_id_and_body(receiver: Receiver, status: int) -> None:
    hook()
    webhooks.emit("copy.approved", key="copy-1", n=1)
    receiver.answer = outgoing.Answer(status, "")
    deliver_webhooks()
    row = only()
    assert (row.state, row.last_status) == (DeliveryState.WAITING, status)
    assert row.next_attempt_at is not None
    assert row.next_attempt_at > timezone.now()
    assert deliver_webhooks() == 0
    WebhookDelivery.objects.update(next_attempt_at=timezone.now())
    receiver.answer = outgoing.Answer(204, "")
    deliver_webhooks()
    (first, first_headers), (second, second_headers) = receiver.calls
    assert first == second
    assert first_headers["webhook-id"] == second_headers["webhook-id"]
    assert only().state == DeliveryState.SENT


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422])
def test_a_lasting_refusal_is_given_up_at_once(receiver: Receiver, status: int) -> None:
    hook()
    webhooks.emit("copy.approved", key="copy-1")
    receiver.answer = outgoing.Answer(status, "")
    deliver_webhooks()
    assert (only().state, only().attempts, only().next_attempt_at) == (DeliveryState.FAILED, 1, None)


def test_after_eight_attempts_it_is_given_up_and_a_person_may_send_it_again(receiver: Receiver) -> None:
    hook()
    webhooks.emit("copy.approved", key="copy-1")
    receiver.answer = errors.Unavailable("nobody answers")
    for _ in range(8):
        WebhookDelivery.objects.update(next_attempt_at=timezone.now())
        deliver_webhooks()
    assert (only().state, only().attempts, only().last_error) == (DeliveryState.FAILED, 8, "nobody answers")
    assert webhooks.send_again(only(), actor=people.dora())
    receiver.answer = outgoing.Answer(200, "")
    deliver_webhooks()
    assert only().state == DeliveryState.SENT
    assert {headers["webhook-id"] for _, headers in receiver.calls} == {"copy-1"}


def test_gone_switches_the_webhook_off_with_all_that_waits(receiver: Receiver) -> None:
    ours = hook()
    webhooks.emit("copy.approved", key="copy-1")
    webhooks.emit("copy.approved", key="copy-2")
    receiver.answer = outgoing.Answer(410, "")
    deliver_webhooks()
    ours.refresh_from_db()
    assert not ours.is_active
    assert len(receiver.calls) == 1
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {DeliveryState.FAILED}
    assert AuditEntry.objects.filter(action="webhook.gone").count() == 1


def test_what_waits_for_a_webhook_that_is_off_stays(receiver: Receiver) -> None:
    ours, dora = hook(), people.dora()
    webhooks.emit("copy.approved", key="copy-1")
    webhooks.switch(ours, active=False, actor=dora)
    assert deliver_webhooks() == 0
    assert receiver.calls == []
    webhooks.switch(ours, active=True, actor=dora)
    assert deliver_webhooks() == 1


def test_a_worker_that_died_gives_the_delivery_back_after_its_claim(receiver: Receiver) -> None:
    hook()
    webhooks.emit("copy.approved", key="copy-1")
    lost = webhook_sending.claim()
    assert lost is not None
    assert webhook_sending.claim() is None
    WebhookDelivery.objects.update(next_attempt_at=timezone.now())
    assert deliver_webhooks() == 1
    # The first worker was only slow: its late failure does not undo what came after.
    webhook_sending.fail(lost, status=500, error="late")
    assert (only().state, only().attempts) == (DeliveryState.SENT, 2)


def test_the_waits_grow_to_about_a_day_and_a_longer_wish_of_the_receiver_counts() -> None:
    waits = [webhook_sending.wait(attempt) for attempt in range(1, 8)]
    assert waits == sorted(waits)
    assert timedelta(hours=18) < sum(waits, timedelta()) < timedelta(hours=28)
    assert webhook_sending.asked_wait("120") == timedelta(minutes=2)
    assert webhook_sending.asked_wait("9" * 400) == timedelta(days=1)
    assert timedelta(hours=23) < webhook_sending.asked_wait("Fri, 31 Dec 2099 23:59:59 GMT") <= timedelta(days=1)
    for word in ("", "soon", "-5", "²", "Mon, 01 Jan 2001 00:00:00 GMT"):
        assert webhook_sending.asked_wait(word) == timedelta()


def test_the_sender_of_a_message_can_read_where_it_stands(receiver: Receiver) -> None:
    hook(("message.sms",))
    webhooks.emit("message.sms", key="m-1")
    webhooks.emit("message.sms", key="m-2")
    WebhookDelivery.objects.filter(key="m-2").update(state=DeliveryState.FAILED)
    assert queries.webhook_delivery_states(["m-1", "m-2", "m-3"]) == {"m-1": "waiting", "m-2": "failed"}
    deliver_webhooks()
    assert queries.webhook_delivery_states(["m-1", "m-3"]) == {"m-1": "sent"}
    assert len(receiver.calls) == 1


def test_an_address_inside_is_no_webhook() -> None:
    dora = people.dora()
    with pytest.raises(errors.InvalidInput):
        webhooks.add_webhook(name="inside", url="http://169.254.169.254/", events=["ping"], created_by=dora)
    assert not Webhook.objects.exists()


def test_what_was_taken_long_ago_goes_and_everything_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "DELETED_AT_ONCE", 2)
    ours = Webhook.objects.create(name="w", url="https://w.example/", secret="s", events=["copy.approved"])
    old, young = timezone.now() - timedelta(days=31), timezone.now() - timedelta(days=29)
    for number in range(5):
        WebhookDelivery.objects.create(webhook=ours, event="ping", key=f"old-{number}", state="sent", sent_at=old)
    kept = {"young": ("sent", young), "failed": ("failed", None), "waiting": ("waiting", None)}
    for key, (state, sent_at) in kept.items():
        row = WebhookDelivery.objects.create(webhook=ours, event="ping", key=key, state=state, sent_at=sent_at)
        WebhookDelivery.objects.filter(pk=row.pk).update(created_at=old)
    assert forget_deliveries() == 5
    assert set(WebhookDelivery.objects.values_list("key", flat=True)) == set(kept)
    assert forget_deliveries() == 0
