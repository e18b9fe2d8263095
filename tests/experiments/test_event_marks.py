"""Marks and names of events: who is a bot, what was fetched ahead, and that a mark refuses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.models import Event
from experiments.schemas.marks import is_ahead, is_crawler
from tests.experiments.shop import Api, running

CRAWLERS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0) Chrome/116.0 Safari/537.36",
    "Mozilla/5.0 (compatible; Baiduspider/2.0)",
    "Sogou web spider/4.0",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; GPTBot/1.2",
    "facebookexternalhit/1.1",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 11) Chrome/109 Mobile Safari/537.36 Chrome-Lighthouse",
    "python-requests/2.32.3",
    "curl/8.5.0",
    "Go-http-client/2.0",
    "SomeShopper/1.0 (+https://example.com/about-us)",
    "Uptime Monitor/2.0",
]
BROWSERS = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) Version/17.4 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 7) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/119 Mobile Safari/537.36 MicroMessenger/8.0.44",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.4; rv:124.0) Gecko/20100101 Firefox/124.0",
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)",
    "Bottega/3.1 (iOS 17)",
    "",
]


@pytest.fixture
def api() -> Api:
    return Api("events")


def event(**fields: Any) -> dict[str, Any]:
    return {"id": "e-1", "type": "click", "unit": "u-1"} | fields


@pytest.mark.parametrize("agent", CRAWLERS)
def test_a_crawler_is_known_by_a_word(agent: str) -> None:
    assert is_crawler(agent)


@pytest.mark.parametrize("agent", BROWSERS)
def test_a_browser_is_none(agent: str) -> None:
    assert not is_crawler(agent)


@pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender", "Preview", 'prefetch;anonymous-client-ip="x"'])
def test_a_purpose_that_is_ahead_of_the_shopper(purpose: str) -> None:
    assert is_ahead(purpose)


@pytest.mark.parametrize("purpose", [None, "", "navigate", True, 1, ["prefetch"]])
def test_any_other_purpose_is_none(purpose: Any) -> None:
    assert not is_ahead(purpose)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("properties", "marks"),
    [
        ({}, (False, False)),
        ({"bot": True}, (True, False)),
        ({"bot": False, "user_agent": CRAWLERS[0]}, (True, False)),
        ({"user_agent": BROWSERS[0]}, (False, False)),
        ({"user_agent": 7}, (False, False)),
        ({"prefetch": True}, (False, True)),
        ({"prefetch": False, "page": "prefetch"}, (False, False)),
        ({"purpose": "prefetch"}, (False, True)),
        ({"sec_purpose": "prefetch;prerender"}, (False, True)),
        ({"sec_purpose": "prefetch", "bot": True}, (True, True)),
    ],
)
def test_what_properties_say_is_marked_and_kept(api: Api, properties: dict[str, Any], marks: tuple[bool, bool]) -> None:
    assert api.post("/events", event(properties=properties)).json()["accepted"] == 1
    stored = Event.objects.get()
    assert (stored.is_bot, stored.is_prefetch) == marks
    assert stored.properties == properties


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Sec-Purpose", "Purpose"])
def test_a_request_made_ahead_marks_all_of_its_events(api: Api, name: str) -> None:
    running()
    batch = {"events": [event(), event(id="e-2", type="exposure", experiment="welcome", arm="a")]}
    assert api.post("/events", batch, **{name: "prefetch"}).json()["accepted"] == 2
    assert list(Event.objects.values_list("is_prefetch", flat=True)) == [True, True]


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["bot", "prefetch"])
def test_a_mark_that_is_no_truth_value_is_refused(api: Api, field: str) -> None:
    answer = api.post("/events", event(properties={field: "yes"}))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": f"properties.{field}", "code": "invalid", "message": "must be true or false."}
    ]
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_custom_event_has_a_name_and_may_have_none(api: Api) -> None:
    name = "newsletter\tsign-up \\N 订阅"
    batch = {"events": [event(type="custom", name=name, value=-3), event(id="e-2", type="custom")]}
    assert api.post("/events", batch).json() == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert list(Event.objects.order_by("id").values_list("name", "value")) == [(name, -3), (None, None)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "sign-up"}, "does not belong to a click."),
        ({"type": "custom", "name": ""}, "must have 1 to 80 characters, not 0."),
        ({"type": "custom", "name": "n" * 81}, "must have 1 to 80 characters, not 81."),
        ({"type": "custom", "name": 5}, "must be text, not a number."),
        ({"type": "custom", "name": "a\0b"}, "holds a NUL character."),
    ],
)
def test_a_name_that_cannot_be_used(api: Api, fields: dict[str, Any], message: str) -> None:
    answer = api.post("/events", event(**fields))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "name", "code": "invalid", "message": message}]
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_whole_number_beyond_all_floats_is_refused_and_no_error_of_ours(api: Api) -> None:
    body = b'{"id": "e-1", "type": "custom", "unit": "u-1", "value": 1' + b"0" * 400 + b"}"
    answer = api.post("/events", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "value"
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_properties_are_stored_as_they_were_sent(api: Api) -> None:
    properties = {
        "text": 'a\\b \\u0000 \\N "quoted" \t\n\r \u2028 😀',
        "nested": {"a": [1, 2.5, {"b": [None, True]}]},
        "{[{[{[": "brackets in text",
        "number": 12345678901234567890123,
    }
    assert api.post("/events", event(properties=properties)).json()["accepted"] == 1
    assert Event.objects.get().properties == properties
