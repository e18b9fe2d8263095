"""POST /api/v1/events: what is stored, what is refused with which status and field, and that nothing else happened."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from experiments import services
from experiments.models import Event
from tests.experiments.shop import Api, draft, fold, later, now, running, totals

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api("events")


def click(**fields: Any) -> dict[str, Any]:
    return {"id": "c-1", "type": "click", "unit": "u-1"} | fields


def exposure(**fields: Any) -> dict[str, Any]:
    return {"id": "x-1", "type": "exposure", "unit": "u-1", "experiment": "welcome", "arm": "a"} | fields


def refused(answer: Any, status: int, field: str) -> str:
    """The sentence about the field, after checking status, content type and that nothing was stored."""
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert not Event.objects.exists()
    problem = answer.json()
    assert [found["field"] for found in problem["errors"]] == [field]
    return str(problem["errors"][0]["message"])


# --- what is taken --------------------------------------------------------------------------------------------------
def test_one_event_is_stored_as_it_was_sent(api: Api) -> None:
    experiment = running()
    at = now() - timedelta(days=2)
    sent = {
        "id": "order-1",
        "type": "conversion",
        "unit": "shopper 中文 \t\n\\N",
        "experiment": "welcome",
        "arm": "b",
        "occurred_at": at.isoformat(),
        "value": 19.99,
        "margin": -3,
        "currency": "USD",
        "properties": {"sku": ["A-1", {"größe": "M"}], "note": "line\nbreak\tand \\ and 'quotes'"},
    }
    answer = api.post("/events", sent)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    stored = Event.objects.get()
    assert stored.day == at.date()
    assert (stored.id, stored.kind, stored.unit, stored.occurred_at) == ("order-1", "conversion", sent["unit"], at)
    assert (stored.experiment_id, stored.arm_id) == (experiment.pk, experiment.arms.get(key="b").pk)
    assert (stored.value, stored.margin, stored.currency) == (Decimal("19.99"), Decimal(-3), "USD")
    assert stored.properties == sent["properties"]
    assert not stored.is_bot


def test_a_time_is_ours_where_none_is_given_and_zones_are_understood(api: Api) -> None:
    before = datetime.now(UTC)
    api.post("/events", {"events": [click(), click(id="c-2", occurred_at="2026-11-24T07:00:00+08:00")]})
    ours, theirs = Event.objects.order_by("id")
    assert before <= ours.occurred_at == ours.received_at <= datetime.now(UTC)
    assert theirs.occurred_at == datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert theirs.day.isoformat() == "2026-11-23"


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/jsonl; charset=utf-8"])
def test_lines_of_json(api: Api, content_type: str) -> None:
    body = "\n".join(json.dumps(click(id=f"c-{number}")) for number in range(3)) + "\n\n"
    assert api.post("/events", body.encode(), content_type=content_type).json()["accepted"] == 3


def test_gzip_in_one_or_several_members_and_a_byte_order_mark(api: Api) -> None:
    first, second = (json.dumps(click(id=name)).encode() + b"\n" for name in ("c-1", "c-2"))
    body = gzip.compress(b"\xef\xbb\xbf" + first) + gzip.compress(second)
    answer = api.post("/events", body, content_type="application/x-ndjson", **{"Content-Encoding": "gzip"})
    assert answer.json() == {"accepted": 2, "duplicates": 0, "rejected": []}


def test_a_repeated_request_changes_nothing(api: Api) -> None:
    running()
    batch = {"events": [exposure(), click(), click()]}
    assert api.post("/events", batch).json() == {"accepted": 2, "duplicates": 1, "rejected": []}
    again = api.post("/events", batch)
    assert again.status_code == 202
    assert again.json() == {"accepted": 0, "duplicates": 3, "rejected": []}
    assert Event.objects.count() == 2
    fold()
    assert (found := totals()) is not None
    assert (found.impressions, found.clicks) == (1, 1)


def test_a_repeat_over_midnight_is_a_duplicate_and_next_week_is_another_event() -> None:
    running()
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    times = [midnight - timedelta(seconds=1), midnight, midnight - timedelta(days=7)]
    results = [services.ingest([services.EventInput("e-1", "click", "u-1", at)], now()) for at in times]
    assert [(result.accepted, result.duplicates) for result in results] == [(1, 0), (0, 1), (1, 0)]


def test_good_events_of_a_batch_are_taken_and_the_others_named(api: Api) -> None:
    running()
    batch = [click(), {"id": "c-2", "type": "click"}, exposure(arm="z"), "text", click(id=7), exposure(id="x-2")]
    answer = api.post("/events", {"events": batch})
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 2,
        "duplicates": 0,
        "rejected": [
            {"index": 1, "id": "c-2", "field": "unit", "message": "is missing."},
            {"index": 2, "id": "x-1", "field": "arm", "message": "experiment 'welcome' has no arm 'z'."},
            {"index": 3, "id": None, "field": "event", "message": "must be an object."},
            {"index": 4, "id": None, "field": "id", "message": "must be text, not a number."},
        ],
    }
    assert set(Event.objects.values_list("id", flat=True)) == {"c-1", "x-2"}


def test_a_broken_line_is_one_event_lost(api: Api) -> None:
    body = json.dumps(click()).encode() + b'\n{"id": "c-2"\n'
    answer = api.post("/events", body, content_type="application/x-ndjson").json()
    assert answer["accepted"] == 1
    assert answer["rejected"] == [
        {
            "index": 1,
            "id": None,
            "field": "event",
            "message": "this line is not JSON (Expecting ',' delimiter at column 13).",
        }
    ]


@pytest.mark.parametrize(
    "properties",
    [{"bot": True}, {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, {"user_agent": "HeadlessChrome/120"}],
)
def test_bots_are_marked(api: Api, properties: dict[str, Any]) -> None:
    assert api.post("/events", click(properties=properties)).status_code == 202
    assert Event.objects.get().is_bot


def test_an_ordinary_browser_is_no_bot(api: Api) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
    api.post("/events", click(properties={"user_agent": agent, "bot": False}))
    assert not Event.objects.get().is_bot


# --- what is refused, field by field --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"id": None}, "id", "is missing."),
        ({"id": ""}, "id", "must have 1 to 100 characters, not 0."),
        ({"id": "x" * 101}, "id", "must have 1 to 100 characters, not 101."),
        ({"id": "a\0b"}, "id", "holds a NUL character."),
        ({"id": 5}, "id", "must be text, not a number."),
        ({"type": None}, "type", "is missing."),
        ({"type": "view"}, "type", "must be one of exposure, click, conversion, rating, cost, custom."),
        ({"type": ["click"]}, "type", "must be text, not a list."),
        ({"unit": None}, "unit", "is missing."),
        ({"unit": "u" * 201}, "unit", "must have 1 to 200 characters, not 201."),
        ({"unit": "\ud800"}, "unit", "holds half a character (a lone surrogate) at 0."),
        ({"unit": True}, "unit", "must be text, not a truth value."),
        ({"shopper": "u-1"}, "shopper", "is not a field of an event."),
        ({"\ud800": 1}, "\\ud800", "is not a field of an event."),
        ({"experiment": "nowhere"}, "experiment", "there is no experiment 'nowhere'."),
        ({"experiment": "not-started"}, "experiment", "'not-started' has not been started."),
        ({"experiment": "imported"}, "experiment", "'imported' was imported and takes no events."),
        ({"experiment": {"key": "welcome"}}, "experiment", "must be text, not an object."),
        ({"arm": "a"}, "arm", "names an arm without an experiment."),
        ({"occurred_at": "yesterday"}, "occurred_at", "is not a time such as 2026-03-01T09:30:00Z."),
        ({"occurred_at": "2026-11-24"}, "occurred_at", "needs a zone: 2026-03-01T09:30:00Z, or +08:00 at its end."),
        ({"occurred_at": "0001-01-01T00:00:00+23:59"}, "occurred_at", "is not a time such as 2026-03-01T09:30:00Z."),
        ({"occurred_at": 1700000000}, "occurred_at", "must be text, not a number."),
        ({"value": 1}, "value", "does not belong to a click."),
        ({"margin": 1}, "margin", "does not belong to a click."),
        ({"currency": "USD"}, "currency", "does not belong to a click."),
        ({"type": "exposure"}, "experiment", "is missing."),
        ({"type": "exposure", "experiment": "welcome"}, "arm", "is missing."),
        ({"type": "conversion", "value": -0.01}, "value", "must be between 0 and 1,000,000,000."),
        ({"type": "conversion", "value": "19.99"}, "value", "must be a number, not text."),
        ({"type": "conversion", "value": True}, "value", "must be a number, not a truth value."),
        ({"type": "conversion", "value": float("nan")}, "value", "must be a finite number."),
        ({"type": "conversion", "value": float("inf")}, "value", "must be a finite number."),
        ({"type": "conversion", "margin": 1e10}, "margin", "must be between -1,000,000,000 and 1,000,000,000."),
        ({"type": "conversion", "currency": "usd"}, "currency", "must be three capital letters, such as USD."),
        (
            {"type": "conversion", "experiment": "welcome", "currency": "EUR"},
            "currency",
            "this experiment counts in USD, not EUR.",
        ),
        ({"type": "rating"}, "value", "is missing; a rating needs one."),
        ({"type": "rating", "value": 0}, "value", "must be between 1 and 5."),
        ({"type": "rating", "value": 5.5}, "value", "must be between 1 and 5."),
        ({"type": "cost"}, "value", "is missing; a cost needs one."),
        ({"properties": []}, "properties", "must be an object, not a list."),
        ({"properties": {"a": "\0"}}, "properties.a", "holds a NUL character."),
        ({"properties": {"a": ["\udfff"]}}, "properties.a.0", "holds half a character (a lone surrogate) at 0."),
        ({"properties": {"a": {"b": float("nan")}}}, "properties.a.b", "must be a finite number."),
        ({"properties": {"a": "x" * 4096}}, "properties", "take 4105 bytes; at most 4096 are kept."),
        ({"properties": {"a": [[[[[[1]]]]]]}}, "properties", "are nested more than 5 deep."),
        ({"properties": {"bot": "yes"}}, "properties.bot", "must be true or false."),
    ],
)
def test_a_field_that_cannot_be_used(api: Api, change: dict[str, Any], field: str, message: str) -> None:
    running()
    draft("not-started")
    draft("imported", source="imported")
    event = {name: value for name, value in (click() | change).items() if value is not None}
    assert refused(api.post("/events", event), 422, field) == message


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(86_400 + 60, "lies more than a day ahead."), (-400 * 86_400 - 60, "lies more than 400 days back.")],
)
def test_a_time_out_of_the_window(api: Api, seconds: int, message: str) -> None:
    # Not made when the tests are collected: that may be minutes ago.
    at = later(seconds).isoformat()
    assert refused(api.post("/events", click(occurred_at=at)), 422, "occurred_at") == message


def test_the_edges_of_the_window_are_taken_and_their_days_made(api: Api) -> None:
    edges = [later(86_400 - 60), later(-400 * 86_400 + 60)]
    events = [click(id=f"c-{index}", occurred_at=at.isoformat()) for index, at in enumerate(edges)]
    assert api.post("/events", {"events": events}).json()["accepted"] == 2


def test_a_batch_without_one_usable_event_is_422_and_names_each(api: Api) -> None:
    answer = api.post("/events", {"events": [click(id=""), click(unit=3)]})
    assert answer.status_code == 422
    problem = answer.json()
    assert [found["field"] for found in problem["errors"]] == ["events.0.id", "events.1.unit"]
    assert [found["index"] for found in problem["data"]["rejected"]] == [0, 1]
    assert not Event.objects.exists()


# --- what is refused as a whole -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, "body"),
        (b"\xef\xbb\xbf \n", 400, "body"),
        (b"{", 400, "body"),
        (b'{"id": "\xff"}', 400, "body"),
        ('{"id": "e"}'.encode("utf-16"), 400, "body"),
        (b"[" * 100_000, 400, "body"),
        (b'{"value": ' + b"9" * 5000 + b"}", 400, "body"),
        (b"[]", 422, "body"),
        (b"3", 422, "body"),
        (b'{"events": []}', 422, "events"),
        (b'{"events": {}}', 422, "events"),
        (b'{"events": [], "source": "web"}', 422, "source"),
    ],
)
def test_a_body_that_cannot_be_used(api: Api, body: bytes, status: int, field: str) -> None:
    refused(api.post("/events", body), status, field)


@pytest.mark.parametrize(
    "body",
    [b"plain", gzip.compress(b"{}", mtime=0)[:-4], gzip.compress(b"{}", mtime=0) + b"rest"],
    ids=["plain", "cut_off", "with_a_rest"],
)
def test_a_body_that_is_not_the_gzip_it_says(api: Api, body: bytes) -> None:
    refused(api.post("/events", body, **{"Content-Encoding": "gzip"}), 400, "body")


def test_a_zip_bomb_stops_at_the_limit(api: Api, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    answer = api.post("/events", bomb, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    assert answer.json()["detail"] == "The body is larger than 100000 bytes when decompressed."


def test_too_much(api: Api, settings: Any) -> None:
    many = api.post("/events", {"events": [click(id=f"c-{number}") for number in range(1001)]})
    assert (many.status_code, many.json()["code"]) == (413, "too_large")
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert api.post("/events", b" " * 1001).status_code == 413
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("text/csv", {}),
        ("application/json; charset=latin-1", {}),
        ("application/json", {"Content-Encoding": "br"}),
    ],
)
def test_media_we_do_not_read(api: Api, content_type: str, headers: dict[str, str]) -> None:
    assert api.post("/events", b"{}", content_type=content_type, **headers).status_code == 415


def test_a_chunked_body_is_not_taken_for_an_empty_one(api: Api) -> None:
    answer = api.post("/events", b"{}", **{"Transfer-Encoding": "chunked"})
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


def test_only_a_key_for_events_may_send_them() -> None:
    assert Api("decide", "read").post("/events", click()).status_code == 403
    keyless = Api("events")
    keyless.client.defaults.pop("HTTP_AUTHORIZATION")
    assert keyless.post("/events", click()).status_code == 401
    assert not Event.objects.exists()
