"""docs/events.md keeps its word: its examples are taken, its limits are the code's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from experiments import schemas
from experiments.models import Event, EventKind
from experiments.schemas import events, properties
from experiments.services.counting import CLOCK_SLACK
from tests.experiments.shop import Api, running

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text(encoding="utf-8")


@pytest.mark.django_db
def test_the_curl_examples_give_the_answers_beside_them() -> None:
    running("welcome")
    api = Api("decide", "events")
    bodies = [json.loads(body) for body in re.findall(r"-d '(\{.*?\})'", GUIDE, flags=re.DOTALL)]
    answers = [json.loads(body) for body in re.findall(r"```json\n(.*?)\n```", GUIDE, flags=re.DOTALL)]
    decision = api.post("/decide", bodies[0]).json()
    assert decision.keys() == answers[0].keys()
    assert (decision["unit"], decision["reason"]) == (answers[0]["unit"], answers[0]["reason"])
    assert api.post("/events", bodies[1]).json() == answers[1]
    assert Event.objects.count() == 3


def test_the_limits_are_those_of_the_code() -> None:
    assert f"at most {events.MOST_BEHIND.days} days back" in GUIDE
    assert events.MOST_AHEAD.days == 1
    assert "one day ahead" in GUIDE
    assert f"at most {properties.MOST_PROPERTY_BYTES:,} bytes" in GUIDE
    assert f"over {schemas.MAX_EVENTS:,} events" in GUIDE
    assert f"up to {schemas.MAX_UNITS:,} units" in GUIDE
    assert CLOCK_SLACK.total_seconds() == 3600
    assert "one hour before" in GUIDE
    assert properties.MOST_PROPERTY_DEPTH == 5
    assert "five levels" in GUIDE


def test_every_field_and_type_has_its_row() -> None:
    assert set(
        re.findall(r"^\| `(\w+)` \| (?:required|optional|default|by|exposure|conversion|money)", GUIDE, re.MULTILINE)
    ) == (events.KEYS)
    assert all(f"`{kind}`" in GUIDE for kind in EventKind.values)
