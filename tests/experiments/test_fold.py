"""Each event counts once, in the right arm, whatever order it comes in."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from experiments import services
from experiments.models import ArmMoments, Event, FoldCursor, SliceMoments, UnitTotals
from experiments.services import auditing
from experiments.stats.metrics import COUNTED_COLUMNS, UNIT_COLUMNS
from experiments.stats.moments import Moments
from tests.experiments.shop import draft, event, exposure, fold, later, now, running, send, totals

pytestmark = pytest.mark.django_db


def moments(arm: str, experiment: str = "welcome") -> Moments:
    return ArmMoments.objects.get(arm__key=arm, arm__experiment__key=experiment).value()


def test_a_unit_is_counted_with_all_that_it_did() -> None:
    experiment = running()
    send(
        exposure(),
        exposure(),
        event("click"),
        event("conversion", value="19.99", margin="7.5"),
        event("conversion", value="5.01", margin="1", currency="USD"),
        event("rating", value=4),
        event("cost", value="0.002"),
        event("custom", value=99),
    )
    assert fold() == 7
    found = totals()
    assert found is not None
    assert [getattr(found, name) for name in COUNTED_COLUMNS] == [
        2, 1, 1, 2, Decimal("25.00"), Decimal("8.5"), Decimal("0.002"), 4, 1,
    ]  # fmt: skip
    assert moments("a").n == 1
    assert moments("a").mean("revenue") == 25.0
    assert moments("b").n == 0
    assert services.audit_moments(experiment) == []


def test_folding_again_changes_nothing() -> None:
    running()
    send(exposure(), event("click"))
    fold()
    before = moments("a")
    assert fold() == 0
    assert moments("a") == before


def test_the_cursor_steps_over_numbers_that_duplicates_used_up() -> None:
    running()
    first = exposure()
    send(first)
    send(first)
    send(event("click"))
    assert fold() == 2
    assert (
        FoldCursor.objects.get().sequence >= Event.objects.order_by("-sequence").values_list("sequence", flat=True)[0]
    )


def test_a_batch_limit_loses_nothing() -> None:
    running()
    send(*(exposure(f"u-{number}", "ab"[number % 2]) for number in range(7)))
    assert [services.fold_events(limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert (moments("a").n, moments("b").n) == (4, 3)


# --- late and out of order ------------------------------------------------------------------------------------------
def test_a_click_that_arrives_before_its_exposure_counts_once_the_exposure_is_there() -> None:
    experiment = running()
    send(event("click", occurred_at=later(5)))
    fold()
    assert totals() is None
    assert Event.objects.count() == 1
    send(exposure(occurred_at=later(0)))
    fold()
    found = totals()
    assert found is not None
    assert (found.impressions, found.clicks) == (1, 1)
    assert services.audit_moments(experiment) == []


def test_an_event_of_a_unit_never_exposed_is_kept_and_counts_nowhere() -> None:
    running()
    send(event("conversion", "stranger", value=10))
    fold()
    assert Event.objects.get().unit == "stranger"
    assert not UnitTotals.objects.exists()
    assert moments("a").n == moments("b").n == 0


def test_what_was_bought_long_before_the_first_exposure_does_not_count() -> None:
    running()
    at = later(0)
    send(
        event("conversion", value=10, occurred_at=at - timedelta(hours=1, seconds=1)),
        event("conversion", value=1, occurred_at=at - timedelta(minutes=59)),
        exposure(occurred_at=at),
    )
    fold()
    found = totals()
    assert found is not None
    assert found.orders == 1
    assert found.revenue == Decimal(1)


def test_a_late_exposure_of_an_earlier_time_brings_in_what_lies_between() -> None:
    experiment = running()
    at = later(0)
    send(event("click", occurred_at=at - timedelta(hours=5)), exposure(occurred_at=at))
    fold()
    assert (found := totals()) is not None
    assert found.clicks == 0
    send(exposure(occurred_at=at - timedelta(hours=6)))
    fold()
    assert (found := totals()) is not None
    assert (found.clicks, found.impressions, found.first_exposed_at) == (1, 2, at - timedelta(hours=6))
    assert services.audit_moments(experiment) == []


def test_an_event_that_names_an_experiment_counts_there_alone() -> None:
    running("first")
    running("second")
    send(exposure(experiment="first"), exposure(experiment="second"))
    send(event("click"), event("click", experiment="second"))
    fold()
    clicks = {found.experiment.key: found.clicks for found in UnitTotals.objects.select_related("experiment")}
    assert clicks == {"first": 1, "second": 2}


def test_bots_are_kept_and_counted_apart() -> None:
    experiment = running()
    send(exposure(is_bot=True), exposure("u-2"), event("click", "u-2", is_bot=True), exposure("u-3"))
    fold()
    assert (found := totals("u-2")) is not None
    assert found.is_marked
    assert found.clicks == 1
    assert moments("a").n == 1
    assert {(row.dimension, row.n) for row in SliceMoments.objects.all()} == {("day", 1), ("marked", 2)}
    assert SliceMoments.objects.get(dimension="marked").moments().total("clicks") == 1
    assert services.audit_moments(experiment) == []


def test_money_of_another_currency_is_an_order_and_no_revenue() -> None:
    running(currency="EUR")
    send(exposure(), event("conversion", value=10, currency="USD"), event("cost", value=3, currency="USD"))
    fold()
    assert (found := totals()) is not None
    assert (found.orders, found.converted) == (1, 1)
    assert found.revenue == found.cost == Decimal(0)


# --- two arms -------------------------------------------------------------------------------------------------------
def test_a_unit_seen_in_two_arms_counts_in_neither_and_is_told() -> None:
    experiment = running()
    send(exposure(), event("click"), exposure("u-2", "b"), exposure("u-3", "a"))
    fold()
    assert (moments("a").n, moments("b").n) == (2, 1)
    send(exposure(arm="b"))
    fold()
    assert (found := totals()) is not None
    assert found.in_two_arms
    assert found.arm.key == "a"
    assert (moments("a").n, moments("b").n) == (1, 1)
    assert moments("a").total("clicks") == 0
    send(event("click"), exposure("u-4", "b"))
    fold()
    assert moments("a").total("clicks") == moments("b").total("clicks") == 0
    assert services.analyse(experiment).results["two_arms"] == 1
    assert services.audit_moments(experiment) == []


# --- stop -----------------------------------------------------------------------------------------------------------
def test_nothing_later_than_the_stop_counts_and_late_news_of_before_does() -> None:
    experiment = running()
    at = now()
    send(exposure(occurred_at=at))
    fold()
    experiment = services.stop_experiment(experiment, actor="test")
    assert experiment.stopped_at is not None
    send(
        event("click", occurred_at=at),
        event("click", occurred_at=experiment.stopped_at + timedelta(seconds=1)),
        exposure("u-2", "b", occurred_at=experiment.stopped_at + timedelta(seconds=1)),
    )
    fold()
    assert (found := totals()) is not None
    assert found.clicks == 1
    assert totals("u-2") is None
    assert services.audit_moments(experiment) == []


def test_stopping_takes_back_what_clocks_running_ahead_had_counted() -> None:
    experiment = running()
    send(
        exposure(occurred_at=now()),
        event("conversion", value=50, occurred_at=later(3600)),
        exposure("u-2", "b", occurred_at=later(3600)),
    )
    fold()
    assert moments("a").total("revenue") == 50
    assert moments("b").n == 1
    services.stop_experiment(experiment, actor="test")
    assert moments("a").total("revenue") == 0
    assert moments("b").n == 0
    assert totals("u-2") is None
    assert services.audit_moments(experiment) == []


# --- audit ----------------------------------------------------------------------------------------------------------
def test_the_audit_sees_a_single_missing_click() -> None:
    experiment = running()
    send(*(exposure(f"u-{number}", "ab"[number % 2]) for number in range(20)), event("click", "u-3"))
    fold()
    row = ArmMoments.objects.get(arm__key="b")
    value = row.value()
    row.take(value - Moments.from_rows(UNIT_COLUMNS, [[1, 1] + [0] * 14]))
    row.save()
    assert [(found.arm, found.dimension, found.what) for found in services.audit_moments(experiment)] == [
        ("b", "", "9 units instead of 10")
    ]
    wrong = Moments(value.columns, value.n, value.mean_vector * np.array([1, 0] + [1] * 14), value.cross)
    assert [found[:28] for found in auditing.differences(wrong, value)] == ["mean of clicks is 0.0 instea"]
    spread = Moments(value.columns, value.n, value.mean_vector, value.cross * 1.0001)
    assert next(found[:27] for found in auditing.differences(spread, value)) == "spread of clicks and clicks"


def test_a_draft_has_no_moments_but_empty_ones() -> None:
    draft()
    assert moments("a") == Moments.empty(UNIT_COLUMNS)
