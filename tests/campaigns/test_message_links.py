"""What comes back after a message: stopping by one click (RFC 8058), the way to the shop, bounces and complaints."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from email.message import Message as Letter
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail, signing
from django.core.mail import EmailMessage
from django.test import Client

from campaigns import message_links as links
from campaigns.models import Campaign, Consent, Message, Product, Shopper, Suppression, Wave
from campaigns.services import answering, erase_shopper
from core.models import AuditEntry
from core.services.api_keys import issue_api_key
from experiments.models import Event
from tests import people
from tests.campaigns import posting

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


@pytest.fixture(autouse=True)
def _https(settings: Any) -> None:
    settings.PUBLIC_URL = "https://copy.shop.test"


def letter(language: str = "en") -> Letter:
    """The e-mail that one shopper got, as a mail program reads it."""
    campaign = posting.campaign()
    Campaign.objects.update(language=language)
    posting.shoppers(1)
    posting.sent(campaign)
    return read(mail.outbox[0])


def read(sent: EmailMessage) -> Letter:
    """As it comes over the wire, headers unfolded."""
    return message_from_bytes(sent.message().as_bytes(), policy=policy.default)


def body(of: Letter, kind: str) -> str:
    """The part of one kind, as text."""
    part = next(part for part in of.walk() if part.get_content_type() == kind)
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def stop_path(of: Letter) -> str:
    """The address behind List-Unsubscribe, without the host."""
    return urlsplit(str(of["List-Unsubscribe"]).strip(" <>")).path


def click_path(of: Letter) -> str:
    """The address of the button."""
    return next(urlsplit(word).path for word in body(of, "text/plain").split() if "/c/" in word)


def test_an_email_bears_what_one_click_and_the_law_ask_for() -> None:
    one = letter()
    uri = str(one["List-Unsubscribe"]).strip()
    assert uri.startswith("<https://copy.shop.test/u/")
    assert uri.endswith("/>")
    assert one["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert one["From"] == "Lumen <hello@lumen.test>"
    assert one["X-Copylift-Message"] == str(Message.objects.get().pk)
    for kind in ("text/plain", "text/html"):
        text = body(one, kind)
        assert "1 Lamp Street, London" in text
        assert uri.strip("<>") in text
        assert Message.objects.get().address not in text
        assert "u-0" not in text


def test_one_click_needs_no_sign_in_no_token_and_no_visit() -> None:
    path = stop_path(letter())
    answer = Client(enforce_csrf_checks=True).post(path, ONE_CLICK)
    assert answer.status_code == 200
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer.cookies == {}
    one = Suppression.objects.get()
    assert (one.value, one.channel, one.reason) == ("u0@example.test", "email", "unsubscribed")
    assert list(Consent.objects.values_list("channel", "given", "source")) == [("email", False, "unsubscribe")]
    assert Shopper.objects.get().channels == ["push", "sms"]
    assert AuditEntry.objects.filter(action="suppression.added").count() == 1


def test_looking_stops_nothing_and_shows_the_button(client: Client) -> None:
    path = stop_path(letter())
    for look in (client.get, client.head):
        assert look(path).status_code == 200
    page = client.get(path).content.decode()
    assert '<form method="post">' in page
    assert "No more messages from Lumen?" in page
    assert 'content="noindex, nofollow"' in page
    assert "u0@example.test" not in page
    assert (Suppression.objects.count(), Consent.objects.count()) == (0, 0)


def test_the_page_speaks_the_language_of_the_message(client: Client) -> None:
    one = letter(language="zh")
    path = stop_path(one)
    assert "不再接收这些邮件" in body(one, "text/html")
    assert 'lang="zh-Hans"' in body(one, "text/html")
    assert "不再接收" in client.get(path, headers={"Accept-Language": "en"}).content.decode()


def test_stopping_twice_is_stopping_once(client: Client) -> None:
    path = stop_path(letter())
    for _ in range(2):
        assert client.post(path, ONE_CLICK).status_code == 200
    assert (Suppression.objects.count(), Consent.objects.count()) == (1, 1)


def test_stopping_holds_for_the_address_written_to_and_the_one_known_now(client: Client) -> None:
    path = stop_path(letter())
    Shopper.objects.update(email="new@example.test")
    client.post(path, ONE_CLICK)
    assert set(Suppression.objects.values_list("value", flat=True)) == {"u0@example.test", "new@example.test"}


def test_who_was_erased_meanwhile_is_told_that_it_is_done(client: Client) -> None:
    path = stop_path(letter())
    erase_shopper(Shopper.objects.get(), actor=None)
    assert client.post(path, ONE_CLICK).status_code == 200
    assert Suppression.objects.count() == 0


def test_a_link_that_is_not_ours_stops_nobody(client: Client) -> None:
    path = stop_path(letter())
    forged = signing.Signer(key="guessed", salt=links.STOP_SALT).sign_object([1, 1, "email"])
    other = links.click_url(links.Click(1, 1, "button")).rsplit("/", 2)[1]
    for token in (path.split("/")[2][:-2], forged, other, "plan"):
        assert client.post(f"/u/{token}/", ONE_CLICK).status_code == 404
    assert (Suppression.objects.count(), Consent.objects.count()) == (0, 0)


def test_the_button_leads_to_the_campaigns_page_and_counts_once(client: Client) -> None:
    path = click_path(letter())
    for _ in range(3):
        answer = client.get(path, headers=BROWSER)
        assert (answer.status_code, answer["Location"]) == (302, "https://shop.test/autumn")
    (click,) = Event.objects.filter(kind="click")
    message = Message.objects.get()
    exposure = Event.objects.get(kind="exposure")
    assert (click.unit, click.experiment_id, click.arm_id) == ("u-0", exposure.experiment_id, exposure.arm_id)
    assert click.id == f"message-{message.pk}-click-button"
    assert not click.is_bot


def test_a_program_that_follows_links_does_not_stand_for_the_shopper(client: Client) -> None:
    path = click_path(letter())
    client.head(path)
    assert not Event.objects.filter(kind="click").exists()
    client.get(path, headers={"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"})
    client.get(path, headers=BROWSER)
    assert sorted(Event.objects.filter(kind="click").values_list("is_bot", flat=True)) == [False, True]


def test_without_a_landing_page_the_button_leads_to_the_product(client: Client) -> None:
    path = click_path(letter())
    Campaign.objects.update(landing_url="")
    Product.objects.update(url="https://shop.test/bag")
    assert client.get(path)["Location"] == "https://shop.test/bag"


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "//evil.test", "ftp://evil.test/x"])
def test_a_link_leads_nowhere_but_to_the_shop(client: Client, url: str) -> None:
    path = click_path(letter())
    Campaign.objects.update(landing_url=url)
    answer = client.get(f"{path}?next=https://evil.test")
    assert answer.status_code == 404
    assert not Event.objects.filter(kind="click").exists()


def test_a_changed_link_is_refused(client: Client) -> None:
    path = click_path(letter())
    assert client.get(path[:-3] + "xx/").status_code == 404
    assert not Event.objects.filter(kind="click").exists()


def tell(client: Client, report: dict[str, Any], scope: str = "write") -> Any:
    """A bounce over REST."""
    _key, secret = issue_api_key(name="mail", scopes=[scope], created_by=None)
    return client.post(
        "/api/v1/bounces", json.dumps(report), content_type="application/json", headers={"X-API-Key": secret}
    )


@pytest.mark.parametrize("by", ["address", "message"])
def test_a_bounce_suppresses_the_address_and_is_noted_on_the_message(client: Client, by: str) -> None:
    letter()
    message = Message.objects.get()
    named = {"message": message.pk} if by == "message" else {"address": "U0@example.test", "channel": "email"}
    for noted in (1, 0):
        answer = tell(client, {"reason": "bounced", **named})
        assert (answer.status_code, answer.json()) == (200, {"noted": noted})
    message.refresh_from_db()
    assert (message.state, message.error) == ("failed", "bounced")
    assert Suppression.objects.get().reason == "bounced"
    assert Wave.objects.get().counts == {"failed": 1}


def test_a_complaint_stays_for_good(client: Client) -> None:
    letter()
    tell(client, {"reason": "bounced", "address": "u0@example.test", "channel": "email"})
    tell(client, {"reason": "complained", "address": "u0@example.test", "channel": "email"})
    assert Suppression.objects.get().reason == "complained"


@pytest.mark.parametrize(
    ("report", "status"),
    [
        ({"reason": "bored", "address": "a@b.test"}, 422),
        ({"reason": "bounced"}, 422),
        ({"reason": "bounced", "message": 999}, 404),
        ({"reason": "bounced", "address": "a@b.test", "who": "x"}, 422),
        ({"reason": "bounced", "address": "a@b.test", "channel": "fax"}, 422),
    ],
    ids=["reason", "nothing", "unknown-message", "unknown-field", "channel"],
)
def test_a_report_that_cannot_be_used_changes_nothing(client: Client, report: dict[str, Any], status: int) -> None:
    letter()
    assert tell(client, report).status_code == status
    assert Suppression.objects.count() == 0
    assert Message.objects.get().state == "sent"


def test_a_report_needs_a_key_that_may_write(client: Client) -> None:
    letter()
    assert tell(client, {"reason": "bounced", "address": "u0@example.test"}, scope="read").status_code == 403
    assert client.post("/api/v1/bounces", "{}", content_type="application/json").status_code == 401
    assert Suppression.objects.count() == 0


def test_the_links_of_a_test_message_change_nothing(client: Client) -> None:
    alice = people.alice()
    campaign = posting.campaign(alice)
    from campaigns.services import send_test

    assert send_test(campaign, text="control", actor=alice) == "alice@shop.test"
    (test,) = mail.outbox
    assert test.subject == "[Test] Shop our bags"
    one = read(test)
    assert "This was a test message" in client.post(stop_path(one), ONE_CLICK).content.decode()
    assert client.get(click_path(one))["Location"] == "https://shop.test/autumn"
    assert (Suppression.objects.count(), Message.objects.count(), Event.objects.count()) == (0, 0, 0)


def test_a_click_that_cannot_be_stored_still_leads_to_the_shop(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    path = click_path(letter())

    def broken(*_: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(answering, "ingest", broken)
    assert client.get(path)["Location"] == "https://shop.test/autumn"
