"""The doors of the snippet: own origins only, approved copy only, and events of what was decided here alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import signing
from django.core.cache import cache
from django.test import Client

from campaigns import api_placements, services
from campaigns.models import Campaign, Placement
from campaigns.queries import placements as queries
from campaigns.queries.placements import read_token
from core.models import User
from experiments.models import Event
from tests import people
from tests.campaigns import shop
from tests.campaigns.test_placements import made

pytestmark = pytest.mark.django_db
ORIGIN = "https://shop.example"
CONTROL = "Shop our bags"


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    """No call is counted yet."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def alice() -> User:
    """A marketer."""
    return people.alice()


@pytest.fixture
def placement(alice: User) -> Placement:
    """A placement that shows a running campaign for everyone and for students."""
    return made(alice, campaign=shop.launched(alice, channel="banner", landing_url="https://shop.example/bags"))


def call(placement: Placement | str, door: str, body: Any, origin: str | None = ORIGIN, **headers: str) -> Any:
    """A call as a browser makes it: plain text with its origin."""
    key = placement if isinstance(placement, str) else placement.public_key
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {**({"Origin": origin} if origin else {}), **headers}
    return Client().post(f"/api/v1/placements/{key}/{door}", content, content_type="text/plain", headers=told)


def decide(placement: Placement, unit: str = "web-1", **attributes: Any) -> dict[str, Any]:
    """What a page is answered."""
    answer = call(placement, "decide", {"unit": unit, "attributes": attributes})
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def treated(placement: Placement, *, control: bool = False) -> dict[str, Any]:
    """The answer to the first unit that gets a new text, or the control."""
    found = (decide(placement, f"web-{number}") for number in range(200))
    return next(one for one in found if one["token"] and (one["headline"] == CONTROL) is control)


def event(token: object, **fields: Any) -> dict[str, Any]:
    """One event in a body."""
    return {"events": [{"id": "e-1", "type": "exposure", "token": token, **fields}]}


# --- deciding -------------------------------------------------------------------------------------------------------
def test_a_page_gets_the_texts_and_nothing_of_how_they_were_chosen(placement: Placement) -> None:
    said = treated(placement)
    assert set(said) == {"show", "headline", "body", "call_to_action", "url", "language", "ai", "token", "test"}
    assert said["show"] is True
    assert said["headline"].startswith("Canvas Tote, 20")
    assert (said["url"], said["language"]) == ("https://shop.example/bags", "en")


def test_a_unit_gets_the_same_each_time_and_students_their_own_test(placement: Placement) -> None:
    first = decide(placement, "web-7")
    assert decide(placement, "web-7")["headline"] == first["headline"]
    assert decide(placement, "web-7", student=True)["test"] != first["test"]


def test_only_approved_copy_is_ever_shown(alice: User) -> None:
    campaign = shop.generated(alice, channel="banner")
    placement = made(alice, campaign=campaign)
    assert decide(placement) == {"show": False, "token": None}


def test_where_no_campaign_is_chosen_the_page_keeps_its_own(alice: User) -> None:
    assert decide(made(alice)) == {"show": False, "token": None}


def test_once_the_breaker_is_pulled_everyone_gets_the_control_and_no_token(placement: Placement, alice: User) -> None:
    assert placement.campaign is not None
    services.trip_campaign(placement.campaign, reason="wrong price", actor=alice)
    for number in range(20):
        said = decide(placement, f"web-{number}")
        assert (said["show"], said["headline"], said["token"]) == (True, CONTROL, None)


def test_a_finished_campaign_shows_the_control_and_an_archived_one_nothing(placement: Placement, alice: User) -> None:
    assert placement.campaign is not None
    services.finish_campaign(placement.campaign, actor=alice)
    assert {decide(placement, f"web-{number}")["headline"] for number in range(20)} == {CONTROL}
    Campaign.objects.update(status="archived")
    assert decide(placement)["show"] is False


def test_a_link_that_leads_to_no_page_is_left_out(placement: Placement) -> None:
    from experiments.models import Arm, Experiment

    for arm in Arm.objects.all():
        arm.content["landing_url"] = "javascript:alert(1)"
        arm.save()
    for experiment in Experiment.objects.all():
        experiment.version += 1
        experiment.save()
    assert {decide(placement, f"web-{number}")["url"] for number in range(10)} == {""}


# --- who may ask ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("door", ["decide", "events"])
@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://shop.example", "https://shop.example:8443"]
)
def test_a_page_of_another_origin_is_refused_and_told_nothing(
    placement: Placement, door: str, origin: str | None
) -> None:
    body = {"unit": "u"} if door == "decide" else event(treated(placement)["token"])
    answer = call(placement, door, body, origin)
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
    assert "Access-Control-Allow-Origin" not in answer
    assert not Event.objects.exists()


@pytest.mark.parametrize("key", ["pl_000000000000000000000000", "home-page", "pl_%00"])
def test_an_unknown_key_is_not_found(placement: Placement, key: str) -> None:
    assert call(key, "decide", {"unit": "u"}).status_code == 404


def test_a_placement_that_is_off_is_not_found(placement: Placement) -> None:
    Placement.objects.update(is_active=False)
    assert call(placement, "decide", {"unit": "u"}).status_code == 404


def test_an_answer_bears_the_headers_that_let_the_page_read_it(placement: Placement) -> None:
    for body, status in (({"unit": "u"}, 200), ({}, 422)):
        answer = call(placement, "decide", body)
        assert answer.status_code == status
        assert answer["Access-Control-Allow-Origin"] == ORIGIN
        assert "Origin" in answer["Vary"]
        assert answer["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Credentials" not in answer
        assert "Set-Cookie" not in answer


@pytest.mark.parametrize(("origin", "status"), [(ORIGIN, 204), ("https://evil.example", 403)])
@pytest.mark.parametrize("door", ["decide", "events"])
def test_a_preflight_is_answered_to_own_pages_alone(placement: Placement, door: str, origin: str, status: int) -> None:
    answer = Client().options(f"/api/v1/placements/{placement.public_key}/{door}", headers={"Origin": origin})
    assert answer.status_code == status
    assert ("Access-Control-Allow-Methods" in answer) is (status == 204)


def test_a_flood_from_one_address_waits_and_others_do_not(
    placement: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_placements, "MOST_DECISIONS", 3)
    monkeypatch.setattr("core.rates.time.time", lambda: 1_000_000.0)
    statuses = [call(placement, "decide", {"unit": "u"}).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    elsewhere = Client(REMOTE_ADDR="198.51.100.9")
    url = f"/api/v1/placements/{placement.public_key}/decide"
    assert (
        elsewhere.post(url, b'{"unit": "u"}', content_type="text/plain", headers={"Origin": ORIGIN}).status_code == 200
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"no json", 422), (b"[" * 5000, 422), (b"[]", 422), (b'{"unit": ""}', 422),
     (b'{"unit": "a\\u0000b"}', 422), (b'{"unit": "u", "more": 1}', 422), (b'"' + b"x" * 20_000 + b'"', 413)],
    ids=["empty", "text", "deep", "list", "no unit", "nul", "unknown field", "too large"],
)  # fmt: skip
def test_a_question_that_cannot_be_read_is_refused(placement: Placement, body: bytes, status: int) -> None:
    assert call(placement, "decide", body).status_code == status


# --- events ---------------------------------------------------------------------------------------------------------
def test_an_event_is_of_the_unit_the_experiment_and_the_arm_that_were_decided(placement: Placement) -> None:
    said = treated(placement)
    answer = call(placement, "events", event(said["token"], kept=True))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    decided = read_token(placement, said["token"])
    assert decided is not None
    stored = Event.objects.get()
    assert (stored.kind, stored.unit, stored.is_bot) == ("exposure", decided.unit, False)
    assert stored.properties == {"placement": "home-page", "kept": True}
    assert stored.id.endswith("-e-1")


def test_the_same_event_twice_counts_once(placement: Placement) -> None:
    token = treated(placement)["token"]
    call(placement, "events", event(token))
    assert call(placement, "events", event(token)).json()["duplicates"] == 1
    assert Event.objects.count() == 1


def test_a_purchase_bears_its_value_and_a_custom_event_its_name(placement: Placement) -> None:
    token = treated(placement)["token"]
    body = {
        "events": [
            {"id": "o-1", "type": "conversion", "token": token, "value": 49.9, "currency": "USD"},
            {"id": "o-2", "type": "custom", "token": token, "name": "wish list"},
            {"id": "o-3", "type": "conversion", "token": token, "value": 5, "currency": "EUR"},
        ]
    }
    answer = call(placement, "events", body)
    assert answer.json()["accepted"] == 2
    assert [(one["index"], one["field"]) for one in answer.json()["rejected"]] == [(2, "currency")]
    assert {(one.kind, one.name, str(one.value)) for one in Event.objects.all()} == {
        ("conversion", None, "49.900000"),
        ("custom", "wish list", "None"),
    }


def test_a_token_of_another_placement_or_a_forged_one_is_refused(placement: Placement, alice: User) -> None:
    other = made(alice, name="Other", campaign=placement.campaign)
    token = treated(placement)["token"]
    forged = signing.dumps([placement.pk, "u", "welcome", "a", None], salt="other")
    for door, said in (
        (other, token),
        (placement, forged),
        (placement, token[:-2] + "xx"),
        (placement, None),
        (placement, {}),
    ):
        answer = call(door, "events", event(said))
        assert answer.status_code == 422
        assert answer.json()["data"]["rejected"][0]["field"] == "token"
    assert not Event.objects.exists()


def test_a_token_ends_after_its_time(placement: Placement, monkeypatch: pytest.MonkeyPatch) -> None:
    token = treated(placement)["token"]
    monkeypatch.setattr(queries, "TOKEN_SECONDS", -1)
    assert call(placement, "events", event(token)).status_code == 422
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"unit": "other"}, "unit"), ({"experiment": "other"}, "experiment"), ({"arm": "control"}, "arm"),
     ({"margin": 5}, "margin"), ({"type": "cost", "value": 1}, "type"), ({"type": "rating", "value": 5}, "type"),
     ({"id": "a b"}, "id"), ({"id": "x" * 61}, "id"), ({"value": 3}, "value"),
     ({"occurred_at": "2026-01-01T00:00:00Z"}, "occurred_at")],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)  # fmt: skip
def test_a_page_says_nothing_but_what_pages_may_say(placement: Placement, fields: dict[str, Any], field: str) -> None:
    answer = call(placement, "events", event(treated(placement)["token"], **fields))
    assert answer.status_code == 422
    assert answer.json()["data"]["rejected"][0]["field"] == field
    assert not Event.objects.exists()


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": {}}, [], {"events": [1] * 21}])
def test_a_body_without_a_list_of_events_is_refused(placement: Placement, body: Any) -> None:
    assert call(placement, "events", body).status_code == 422


def test_a_crawler_is_marked_and_its_user_agent_not_kept(placement: Placement) -> None:
    call(placement, "events", event(treated(placement)["token"]), **{"User-Agent": "Mozilla/5.0 Googlebot/2.1"})
    stored = Event.objects.get()
    assert stored.is_bot
    assert "Googlebot" not in json.dumps(stored.properties)


# --- the script -----------------------------------------------------------------------------------------------------
def test_the_script_is_small_and_long_kept_and_open_to_every_page(client: Client) -> None:
    packed = client.get("/snippet/v1.js", headers={"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert len(packed.content) < 3 * 1024
    assert packed["Access-Control-Allow-Origin"] == "*"
    assert "max-age=86400" in packed["Cache-Control"]
    plain = client.get("/snippet/v1.js")
    assert "Content-Encoding" not in plain
    text = plain.content.decode()
    assert "innerHTML" not in text
    assert "document.cookie" not in text
    assert client.get("/snippet/v1.js", headers={"If-None-Match": plain["ETag"]}).status_code == 304
