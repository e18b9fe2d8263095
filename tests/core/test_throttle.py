"""Guessing passwords gets slow; nobody can lock another's account; without the cache people still get in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django.fixtures import Settings
from redis.exceptions import ConnectionError as CacheAway

from core import throttle
from core.models import AuditEntry
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_counts() -> Iterator[None]:
    """Each test begins with nothing counted."""
    cache.clear()
    yield
    cache.clear()


def sign_in(client: Client, password: str, address: str = "198.51.100.1", door: str = "login") -> Any:
    """One try as Bob."""
    sent = {"username": "Bob@shop.test", "password": password}
    return client.post(reverse(door), sent, REMOTE_ADDR=address)


@pytest.mark.parametrize("door", ["login", "admin:login"])
def test_after_five_wrong_passwords_even_the_right_one_waits(client: Client, door: str) -> None:
    people.bob()
    for _ in range(5):
        assert "Too many tries" not in sign_in(client, "wrong", door=door).content.decode()
    answer = sign_in(client, people.PASSWORD, door=door)
    assert "Too many tries. Wait 15 seconds" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    entry = AuditEntry.objects.get(action="sign_in.slowed_down")
    assert entry.data == {"address": "198.51.100.1", "seconds": 15}


def test_the_owner_gets_in_from_elsewhere_however_often_others_guess(client: Client) -> None:
    people.bob()
    for number in range(60):
        sign_in(client, "wrong", f"203.0.113.{number}")
    # Under attack each address has one try.
    assert "Too many tries" in sign_in(client, "wrong", "203.0.113.59").content.decode()
    assert sign_in(client, people.PASSWORD, "198.51.100.9").status_code == 302


def test_one_address_that_tries_many_accounts_waits() -> None:
    waits = [throttle.count_try(f"member{number}@shop.test", "203.0.113.7") for number in range(50)]
    assert waits == [0] * 49 + [15]
    assert throttle.seconds_to_wait("another@shop.test", "203.0.113.7") > 0
    assert throttle.seconds_to_wait("another@shop.test", "203.0.113.8") == 0


def test_the_waits_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [throttle.count_try("bob@shop.test", "203.0.113.7") for _ in range(13)]
    assert waits == [0, 0, 0, 0, 15, 30, 60, 120, 240, 480, 900, 900, 900]


def test_the_right_password_clears_what_was_counted(client: Client) -> None:
    people.bob()
    for _ in range(4):
        sign_in(client, "wrong")
    assert sign_in(client, people.PASSWORD).status_code == 302
    client.logout()
    for _ in range(4):
        assert "Too many tries" not in sign_in(client, "wrong").content.decode()


def test_an_unknown_account_is_slowed_down_alike_and_leaves_no_entry(client: Client) -> None:
    for _ in range(6):
        answer = client.post(reverse("login"), {"username": "nobody@shop.test", "password": "wrong"})
    assert "Too many tries" in answer.content.decode()
    assert not AuditEntry.objects.exists()


def test_without_the_cache_people_sign_in(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise CacheAway

    people.bob()
    for name in ("get", "get_many", "add", "incr", "delete_many"):
        monkeypatch.setattr(cache, name, away)
    for _ in range(6):
        answer = sign_in(client, "wrong")
        assert (answer.status_code, "Too many tries" in answer.content.decode()) == (200, False)
    assert sign_in(client, people.PASSWORD).status_code == 302


def test_a_forged_forwarding_header_does_not_hide_who_calls(settings: Settings) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.2", HTTP_X_FORWARDED_FOR="1.1.1.1, 203.0.113.7")
    settings.HTTPS = False
    assert throttle.address_of(request) == "10.0.0.2"
    settings.HTTPS = True
    assert throttle.address_of(request) == "203.0.113.7"


def test_a_key_that_the_cache_drops_in_between_is_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "add", lambda *_: False)
    assert throttle.one_more("dropped-in-between", 60) == 1
    assert throttle.one_more("dropped-in-between", 60) == 2
