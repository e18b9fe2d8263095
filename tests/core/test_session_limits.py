"""A session ends when its member was away for long, and some days after signing in whatever the member does."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core import session_limits
from tests import people

pytestmark = pytest.mark.django_db
HOUR = 3600
SETTINGS = reverse("core:settings")


class Clock:
    """The time as the rule sees it, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        """Seconds since 1970."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of these tests."""
    moved = Clock()
    monkeypatch.setattr(session_limits, "time", moved)
    return moved


@pytest.fixture
def alice(client: Client, clock: Clock) -> Client:
    """Alice, signed in just now."""
    people.alice()
    answer = client.post(reverse("login"), {"username": "alice@shop.test", "password": people.PASSWORD})
    assert answer.status_code == 302
    return client


def is_in(client: Client, **headers: str) -> bool:
    return client.get(SETTINGS, headers=headers or None).status_code == 200


def test_who_comes_back_in_time_stays_and_each_visit_begins_the_wait_anew(alice: Client, clock: Clock) -> None:
    for _ in range(5):
        clock.now += 11 * HOUR
        assert is_in(alice)


def test_who_was_away_too_long_signs_in_again(alice: Client, clock: Clock) -> None:
    clock.now += 12 * HOUR + 1
    answer = alice.get(SETTINGS)
    assert (answer.status_code, answer["Location"]) == (302, f"{reverse('login')}?next={SETTINGS}")
    clock.now -= 12 * HOUR
    assert not is_in(alice)


def test_a_page_that_renews_itself_is_no_sign_of_anybody(alice: Client, clock: Clock) -> None:
    for _ in range(13):
        clock.now += HOUR
        last = alice.get(SETTINGS, headers={"HX-Request": "true"})
    assert (last.status_code, last["HX-Refresh"]) == (204, "true")
    assert not is_in(alice)


def test_what_a_member_sends_by_htmx_is_a_sign(alice: Client, clock: Clock) -> None:
    for _ in range(3):
        clock.now += 11 * HOUR
        alice.post(reverse("set_language"), {"language": "en"}, headers={"HX-Request": "true"})
    assert is_in(alice)


def test_fourteen_days_after_signing_in_it_ends_for_the_busiest(alice: Client, clock: Clock) -> None:
    for _ in range(14 * 24 // 8):
        assert is_in(alice)
        clock.now += 8 * HOUR
    clock.now += 1
    assert not is_in(alice)


def test_the_limits_are_settings(alice: Client, clock: Clock, settings: Any) -> None:
    settings.COPYLIFT_SESSION_IDLE_MINUTES = 5
    clock.now += 299
    assert is_in(alice)
    clock.now += 301
    assert not is_in(alice)


def test_a_session_from_before_the_rule_goes_on(client: Client, clock: Clock) -> None:
    client.force_login(people.alice())
    session = client.session
    for name in (session_limits.BEGAN, session_limits.SEEN):
        del session[name]
    session.save()
    assert is_in(client)
    assert client.session[session_limits.BEGAN] == clock.now


def test_signs_are_written_once_a_minute(alice: Client, clock: Clock) -> None:
    began = clock.now
    clock.now += 59
    assert is_in(alice)
    assert alice.session[session_limits.SEEN] == began
    clock.now += 1
    assert is_in(alice)
    assert alice.session[session_limits.SEEN] == clock.now
