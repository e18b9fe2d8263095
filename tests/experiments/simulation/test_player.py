"""The player against a small platform of our own: what is sent, what a second run changes, how trouble is told."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import httpx
import numpy as np
import pytest

from core import errors
from experiments.simulation import shoppers
from experiments.simulation.client import Shop
from experiments.simulation.player import Progress, play
from experiments.stats.metrics import COUNTED_COLUMNS

STARTED = "2026-01-05T08:00:00+00:00"


class FakePlatform:
    """Answers as the REST interface does, keeps what it accepted by id, and fails as often as it is told."""

    def __init__(self, *, failures: list[int] | None = None, running: bool = True) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.failures = failures or []
        self.running = running
        self.decided: Counter[str] = Counter()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        if request.headers["Authorization"] != "Bearer good":
            return httpx.Response(401, json={"detail": "This API key is not known.", "code": "key_unknown"})
        if self.failures:
            status = self.failures.pop()
            if status == 0:
                raise httpx.ConnectError("connection refused")
            return httpx.Response(status, json={"detail": "busy", "code": "busy"})
        body = json.loads(request.content or b"{}")
        if path == "events":
            return self.ingest(body["events"])
        if path == "experiments/unknown" or body.get("experiment") == "unknown":
            return httpx.Response(404, json={"detail": "There is no experiment unknown.", "code": "not_found"})
        if path.startswith("experiments/"):
            arms = [{"key": "b", "is_control": False}, {"key": "control", "is_control": True}]
            return httpx.Response(200, json={"key": "x", "started_at": STARTED, "currency": "EUR", "arms": arms})
        if "units" in body:
            return httpx.Response(200, json={"decisions": [self.decide(unit) for unit in body["units"]]})
        return httpx.Response(200, json=self.decide(body["unit"]) | {"experiment": "x"})

    def decide(self, unit: str) -> dict[str, Any]:
        self.decided[unit] += 1
        if not self.running:
            return {"unit": unit, "in_experiment": False, "arm": "control", "reason": "not_running"}
        return {"unit": unit, "in_experiment": True, "arm": "b" if unit.endswith(tuple("13579")) else "control"}

    def ingest(self, events: list[dict[str, Any]]) -> httpx.Response:
        new = [event for event in events if event["id"] not in self.events]
        self.events.update({event["id"]: event for event in new})
        counts = {"accepted": len(new), "duplicates": len(events) - len(new), "rejected": []}
        return httpx.Response(202, json=counts)

    def shop(self, key: str = "good", **options: Any) -> Shop:
        return Shop("http://shop.test", key, transport=httpx.MockTransport(self), **options)


def units_of(events: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The unit columns that the events add up to, by the plain reading of their types."""
    totals: dict[str, dict[str, float]] = {}
    for event in events.values():
        unit = totals.setdefault(event["unit"], dict.fromkeys(COUNTED_COLUMNS, 0.0))
        match event["type"]:
            case "exposure":
                unit["impressions"] += 1
            case "click":
                unit["clicks"] += 1
            case "conversion":
                unit["converted"] = 1
                unit["orders"] += 1
                unit["revenue"] += event["value"]
                unit["margin"] += event["margin"]
            case "rating":
                unit["rating_sum"] += event["value"]
                unit["rating_count"] += 1
            case "cost":
                unit["cost"] += event["value"]
    return totals


@pytest.mark.parametrize("batch", [False, True])
def test_the_events_add_up_to_the_units_of_the_model(batch: bool) -> None:
    platform = FakePlatform()
    with platform.shop() as shop:
        played = play(shop, seed=4, shoppers=250, experiment="x", batch=batch)
    plan = shoppers.make_plan(4, ("control", "b"))
    expected = shoppers.outcomes(plan, np.arange(250) % 2, shoppers.draws(4, 0, 250)).units()
    found = units_of(platform.events)
    for index in range(250):
        row = [found[f"shopper-4-{index}"][column] for column in COUNTED_COLUMNS]
        assert row == pytest.approx(expected[index].tolist(), abs=1e-9)
    assert (played.shoppers, played.accepted, played.duplicates) == (250, len(platform.events), 0)
    assert played.arms == {"x": {"control": 125, "b": 125}}
    assert played.sums["x", "b"] == pytest.approx(expected[1::2].sum(axis=0))


def test_an_event_is_whole_and_dated_from_the_start_of_the_experiment() -> None:
    platform = FakePlatform()
    with platform.shop() as shop:
        play(shop, seed=4, shoppers=3, experiment="x", rate=100_000)
    first = next(event for event in platform.events.values() if event["unit"] == "shopper-4-0")
    assert first["type"] == "exposure"
    assert first["occurred_at"] == STARTED
    assert (first["experiment"], first["arm"]) == ("x", "control")
    costs = [event for event in platform.events.values() if event["type"] == "cost"]
    assert costs
    assert {event["currency"] for event in costs} == {"EUR"}


def test_a_second_run_sends_the_same_and_doubles_nothing() -> None:
    platform = FakePlatform()
    with platform.shop() as shop:
        once = play(shop, seed=4, shoppers=120, experiment="x")
        before = dict(platform.events)
        again = play(shop, seed=4, shoppers=120, experiment="x")
        rest = play(shop, seed=4, first=100, shoppers=40, experiment="x")
    assert again.accepted == 0
    assert again.duplicates == once.accepted
    assert {key: platform.events[key] for key in before} == before
    assert {event["unit"] for event in platform.events.values()} == {f"shopper-4-{index}" for index in range(140)}
    assert rest.shoppers == 40


def test_a_busy_platform_is_asked_again() -> None:
    platform = FakePlatform(failures=[503, 0, 429])
    with platform.shop() as shop:
        played = play(shop, seed=4, shoppers=5, experiment="x", threads=1)
    assert (played.retries, played.shoppers) == (3, 5)


def test_the_player_stops_when_told_and_tells_its_progress() -> None:
    platform = FakePlatform()
    seen: list[Progress] = []
    with platform.shop() as shop:
        played = play(
            shop, seed=4, shoppers=100_000, experiment="x", progress=seen.append, should_stop=lambda: len(seen) >= 2
        )
    assert played.stopped
    assert 100 <= played.shoppers < 5_000
    assert seen[-1].total == 100_000
    assert len({event["unit"] for event in platform.events.values()}) == played.shoppers


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"key": "bad"}, errors.Unauthenticated, "not known"),
        ({"experiment": "unknown"}, errors.NotFound, "no experiment unknown"),
        ({"failures": [0] * 99, "patience": 0.3}, errors.Unavailable, "does not answer"),
        ({"running": False}, errors.Conflict, "not running"),
        ({"shoppers": 0}, errors.InvalidInput, "shoppers"),
        ({"seed": -1}, errors.InvalidInput, "seed"),
        ({"rate": 0.0}, errors.InvalidInput, "rate"),
        ({"rate": float("nan")}, errors.InvalidInput, "rate"),
        ({"threads": 0}, errors.InvalidInput, "threads"),
        ({"days": -1.0}, errors.InvalidInput, "days"),
        ({"campaign": "c"}, errors.InvalidInput, "either an experiment or a campaign"),
    ],
)
def test_trouble_is_a_sentence_and_nothing_is_sent(
    options: dict[str, Any], kind: type[errors.CopyliftError], words: str
) -> None:
    platform = FakePlatform(failures=options.pop("failures", None), running=options.pop("running", True))
    shop = platform.shop(options.pop("key", "good"), patience=options.pop("patience", 5.0))
    with shop, pytest.raises(kind, match=words):
        play(shop, **{"seed": 4, "shoppers": 5, "experiment": "x", **options})
    assert platform.events == {}


def test_an_address_of_something_else_is_told() -> None:
    other = httpx.MockTransport(lambda request: httpx.Response(200, text="<html>hello</html>"))
    with (
        Shop("http://other.test", "good", transport=other) as shop,
        pytest.raises(errors.Unavailable, match="not as Copylift does"),
    ):
        play(shop, seed=1, shoppers=1, experiment="x")
