"""POST /brands/{key}/check: what the rules say of a text, with nothing stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from campaigns.models import Copy
from core.services.api_keys import issue_api_key
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def post(client: Client, *, scope: str = "read", key: str = "lumen", reader: str = "en", **fields: Any) -> Any:
    """The response to a request with a fresh key."""
    _key, secret = issue_api_key(name="editor", scopes=[scope], created_by=None)
    body = {"body": "An eco-friendly bag", "channel": "product_page", "language": "en", "day": "2026-11-25", **fields}
    headers = {"Authorization": f"Bearer {secret}", "Accept-Language": reader}
    return client.post(f"/api/v1/brands/{key}/check", json.dumps(body), "application/json", headers=headers)


def test_a_text_goes_in_and_the_findings_come_out(client: Client) -> None:
    shop.brand(jurisdictions=["FR"])
    answer = post(client).json()
    assert (answer["brand"], answer["day"], answer["blocks"]) == ("lumen", "2026-11-25", True)
    assert [pack["pack"] for pack in answer["packs"]] == ["house", "brand", "channel", "eu"]
    (found,) = answer["findings"]
    assert (found["rule"], found["part"], found["start"], found["end"]) == ("eu.generic_green", "body", 3, 15)
    assert (found["severity"], found["jurisdiction"], found["verified"]) == ("block", "EU", True)
    assert found["article"].endswith("Annex I, point 4a")
    assert found["remedy"] == "Say which property, of which part, and how it is shown."
    assert not Copy.objects.exists()


def test_the_day_decides_and_a_clean_text_has_no_finding(client: Client) -> None:
    shop.brand(jurisdictions=["EU"])
    before = post(client, day="2026-09-26").json()
    assert [one["rule"] for one in before["findings"]] == ["words.environment"]
    assert before["blocks"] is False
    assert post(client, body="A bag for the day").json()["findings"] == []


def test_the_sentences_are_in_the_readers_language(client: Client) -> None:
    shop.brand()
    (found,) = post(client, body="So cheap", reader="zh-hans").json()["findings"]
    assert found["message"] == "品牌不使用“cheap”这个词。"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"channel": "radio"}, "channel"),
        ({"language": "fr"}, "language"),
        ({"day": "soon"}, "day"),
        ({"body": "x" * 1001}, "body"),
        ({"body": "a\0b"}, "body"),
        ({"colour": "red"}, "colour"),
    ],
    ids=["channel", "language", "day", "long", "nul", "unknown"],
)
def test_what_cannot_be_used_is_named(client: Client, fields: dict[str, str], field: str) -> None:
    shop.brand()
    answer = post(client, **fields)
    assert answer.status_code == 422
    assert field in json.dumps(answer.json())


def test_a_key_that_may_not_read_and_an_unknown_brand_are_refused(client: Client) -> None:
    shop.brand()
    assert post(client, scope="decide").status_code == 403
    assert post(client, key="nobody").status_code == 404


def test_a_stranger_to_the_brand_finds_nothing_by_session_either(client: Client) -> None:
    owner = shop.brand()
    owner.members.add(people.bob())
    client.force_login(people.alice())
    body = {"body": "So cheap", "channel": "sms", "language": "en"}
    assert client.post("/api/v1/brands/lumen/check", json.dumps(body), "application/json").status_code in {403, 404}
