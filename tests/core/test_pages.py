"""The frame of the pages: signing in, headers, the menu."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests import people

pytestmark = pytest.mark.django_db


def test_signing_in_leads_home(client: Client) -> None:
    people.alice()
    answer = client.post(reverse("login"), {"username": "Alice@shop.test", "password": people.PASSWORD})
    assert (answer.status_code, answer["Location"]) == (302, reverse("home"))


def test_a_wrong_password_is_one_sentence(client: Client) -> None:
    people.alice()
    answer = client.post(reverse("login"), {"username": "alice@shop.test", "password": "wrong"})
    assert answer.status_code == 200
    assert "Please enter a correct e-mail address and password" in answer.content.decode().replace("email", "e-mail")


@pytest.mark.parametrize("name", ["core:jobs", "core:api_keys", "home"])
def test_a_stranger_is_sent_to_sign_in(client: Client, name: str) -> None:
    answer = client.get(reverse(name))
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, reverse("login"))


def test_every_answer_bears_the_security_headers(client: Client) -> None:
    answer = client.get(reverse("login"))
    assert "script-src 'self';" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "<script>" not in answer.content.decode()


def test_the_menu_marks_where_one_is(client: Client) -> None:
    client.force_login(people.alice())
    page = client.get(reverse("core:jobs")).content.decode()
    assert page.count('aria-current="page"') == 1
    assert reverse("core:api_keys") not in page


def test_only_who_may_make_keys_finds_them_in_the_menu(client: Client) -> None:
    shown = {}
    for member in (people.bob(), people.dora()):
        client.force_login(member)
        shown[member.name] = reverse("core:api_keys") in client.get(reverse("core:jobs")).content.decode()
    assert shown == {"Bob": False, "Dora": True}


def test_a_member_s_language_wins(client: Client) -> None:
    alice = people.alice()
    alice.language = "zh-hans"
    alice.save()
    client.force_login(alice)
    assert '<html lang="zh-hans">' in client.get(reverse("core:jobs")).content.decode()
