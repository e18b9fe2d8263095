"""`next` leads to this site only: at the sign-in, the sign-out and the switch of language."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests import people

pytestmark = pytest.mark.django_db
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "http:evil.example",
    "https:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "\t//evil.example",
    "/%09/evil.example",
    "http://testserver@evil.example/",
]


def is_here(address: str) -> bool:
    """Whether a browser stays on this site: a path that begins with one slash and no second or backslash."""
    return address.startswith("/") and address[1:2] not in {"/", "\\", "\t"}


@pytest.mark.parametrize("address", ELSEWHERE)
@pytest.mark.parametrize("place", ["query", "form"])
def test_signing_in_leads_nowhere_else(client: Client, address: str, place: str) -> None:
    people.alice()
    form = {"username": "alice@shop.test", "password": people.PASSWORD}
    query = {"next": address} if place == "query" else None
    sent = form | ({"next": address} if place == "form" else {})
    answer = client.post(reverse("login", query=query), sent)
    assert answer.status_code == 302
    assert is_here(answer["Location"]), answer["Location"]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_who_is_signed_in_already_is_led_nowhere_else(client: Client, address: str) -> None:
    client.force_login(people.alice())
    answer = client.get(reverse("login"), {"next": address})
    assert is_here(answer["Location"]), answer["Location"]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_signing_out_and_the_language_lead_nowhere_else(client: Client, address: str) -> None:
    client.force_login(people.alice())
    for name in ("set_language", "logout"):
        answer = client.post(
            reverse(name), {"next": address, "language": "en"}, headers={"Referer": "https://evil.example/x"}
        )
        assert is_here(answer["Location"]), (name, answer["Location"])


def test_an_address_of_this_site_is_followed(client: Client) -> None:
    people.alice()
    form = {"username": "alice@shop.test", "password": people.PASSWORD}
    answer = client.post(reverse("login", query={"next": "/products/?q=a"}), form)
    assert answer["Location"] == "/products/?q=a"
