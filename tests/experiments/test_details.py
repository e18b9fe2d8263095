"""Details of an analysis: made once by the worker, slices told only at looks, health on the page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from experiments import reports, services, tasks
from experiments.models import Analysis, ArmMoments
from tests import people
from tests.experiments.shop import event, exposure, fold, now, running, send

pytestmark = pytest.mark.django_db

DIMENSIONS = [{"key": "device", "values": ["phone", "desktop"]}]


def visit(count: int, *, lost: str = "") -> None:
    """Shoppers in turn in `a` and `b`, half on phones; `b` sells on phones only; `lost` is a device that loses `b`."""
    events = []
    for number in range(count):
        arm, device = "ab"[number % 2], ("phone", "desktop")[number // 2 % 2]
        if arm == "b" and device == lost and number % 3:
            continue
        events.append(exposure(f"u-{number}", arm, properties={"device": device}))
        every = 2 if (arm, device) == ("b", "phone") else 10
        if number // 4 % every == 0:
            events.append(event("conversion", f"u-{number}", value=10, margin=4))
    send(*events)
    fold()


def newest() -> Analysis:
    return Analysis.objects.order_by("-pk")[0]


def test_slices_and_health_are_made_once() -> None:
    running(planned_units=1000, planned_looks=2, dimensions=DIMENSIONS)
    visit(600)
    tasks.refresh_analyses()
    analysis = newest()
    assert analysis.look == 1
    details = analysis.details
    assert details is not None
    (device,) = details["slices"]
    assert (device["dimension"], device["arm"]) == ("device", "b")
    values = {one["value"]: one for one in device["values"]}
    assert values["phone"]["units"] == [150, 150]
    assert values["phone"]["p_value_corrected"] < 0.001 < values["desktop"]["p_value_corrected"]
    assert device["differs_p_value"] < 0.001
    assert {one["code"] for one in details["health"]} >= {"shares", "two_arms", "bots", "freshness", "power"}
    assert len(details["days"]) == 1
    assert details["days"][0]["units"] == {"a": 300, "b": 300}
    # 400 of 1,000 are missing, and 600 came today.
    assert details["days_left"]["days"] == 1
    assert services.make_details(analysis) is False


def test_between_looks_no_slice_is_told() -> None:
    running(planned_units=5000, planned_looks=2, dimensions=DIMENSIONS)
    visit(600)
    tasks.refresh_analyses()
    details = newest().details
    assert details is not None
    assert (details["slices"], details["days"]) == ([], [])


def test_the_device_that_lost_an_arm_is_named_on_the_page(client: Client) -> None:
    running(planned_units=1000, planned_looks=2, dimensions=DIMENSIONS)
    visit(2000, lost="desktop")
    tasks.refresh_analyses()
    client.force_login(people.ana())
    text = client.get(reverse("experiments:detail", args=["welcome"])).content.decode()
    assert "Shares are off where device is desktop; without them the shares are as planned." in text


def test_the_page_shows_slices_guardrails_looks_and_both_readings(client: Client) -> None:
    running(
        planned_units=1000,
        planned_looks=2,
        dimensions=DIMENSIONS,
        guardrails=[{"metric": "revenue_per_shopper", "margin": 0.1}],
    )
    visit(600)
    send(*(exposure(f"bot-{number}", "ab"[number % 2], is_bot=True) for number in range(40)))
    fold()
    tasks.refresh_analyses()
    client.force_login(people.ana())
    address = reverse("experiments:detail", args=["welcome"])
    text = client.get(address).content.decode()
    for words in ("Guardrails", "by device", "look 1 of 2", "with bots", "expect about", "Other checks"):
        assert words in text
    assert "600 shoppers" in " ".join(text.split())
    both = client.get(address, {"bots": "1"}).content.decode()
    assert "640 shoppers" in " ".join(both.split())
    assert "without bots" in both
    assert "These figures count the shoppers marked as bots" in both
    assert "These figures count the shoppers marked as bots" not in text
    assert "Conversion rate, day by day" in text
    assert "To be expected" in text


def test_a_bot_before_the_first_shopper_keeps_no_other_experiment_waiting() -> None:
    running()
    running("other")
    send(exposure("bot", "a", is_bot=True), exposure("u-1", "a", "other"), exposure("u-2", "b", "other"))
    fold()
    tasks.refresh_analyses()
    assert {one.experiment.key for one in Analysis.objects.filter(details__isnull=False)} == {"welcome", "other"}


def test_the_tone_of_the_verdict_is_of_the_reading_that_is_shown() -> None:
    experiment = running(planned_units=1000, planned_looks=2)
    visit(600)
    send(*(exposure(f"bot-{number}", "a", is_bot=True) for number in range(600)))
    fold()
    tasks.refresh_analyses()
    shown = reports.context(experiment, with_bots=True)
    assert (shown["results"]["verdict"]["code"], shown["tone"]) == ("invalid", "bad")


def test_health_follows_the_moments_between_looks_and_the_clock() -> None:
    running(planned_units=10_000, planned_looks=50)
    visit(600)
    tasks.refresh_analyses()
    first = newest()
    assert first.look == 3
    # Nothing but arm a, and no look is due.
    send(*(exposure(f"late-{number}", "a") for number in range(190)))
    fold()
    tasks.refresh_analyses()
    assert newest() == first
    health = {one["code"]: one for one in (newest().details or {})["health"]}
    assert health["shares"]["status"] == "fail"
    ArmMoments.objects.update(last_event_at=now() - timedelta(hours=60))
    tasks.refresh_analyses()
    health = {one["code"]: one for one in (newest().details or {})["health"]}
    assert health["freshness"]["sentence"] == "The newest event is 60 hours old: has the shop stopped sending?"


def test_one_bot_before_anybody_else_keeps_no_experiment_waiting() -> None:
    running("first")
    running("second")
    send(exposure("bot", "a", "first", is_bot=True), exposure("u-1", "a", "second"))
    fold()
    tasks.refresh_analyses()
    assert Analysis.objects.filter(details__isnull=False).count() == 2
