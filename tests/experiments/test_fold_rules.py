"""What counts, rule by rule, as docs/events.md says it: windows, history, marks, slices, custom columns, phases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from experiments import services
from experiments.models import ArmMoments, Experiment, SliceMoments, UnitTotals
from experiments.services import auditing
from experiments.services.counting import Totals, vector
from experiments.services.fold import reset_experiment
from experiments.stats.metrics import UNIT_COLUMNS
from tests.experiments.shop import event, exposure, fold, later, now, running, send, totals

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def known(unit: str = "u-1") -> UnitTotals:
    found = totals(unit)
    assert found is not None
    return found


def slices(arm: str = "a") -> dict[tuple[str, str], int]:
    return {(row.dimension, row.value): row.n for row in SliceMoments.objects.filter(arm__key=arm)}


def ago(**span: float) -> datetime:
    return now() - timedelta(**span)


# --- the row --------------------------------------------------------------------------------------------------------
def test_the_row_is_in_the_order_of_the_columns() -> None:
    numbers = {name: Decimal(place) for place, name in enumerate(UNIT_COLUMNS, start=1)}
    derived = {"clicked", "revenue_capped"}
    at = now()
    row = Totals(1, "u", 1, at, at, **{name: number for name, number in numbers.items() if name not in derived})  # type: ignore[arg-type]
    expected = {name: float(number) for name, number in numbers.items()} | {"clicked": 1, "revenue_capped": 5}
    assert dict(zip(UNIT_COLUMNS, vector(row), strict=True)) == expected
    assert vector(row, cap=4.5)[UNIT_COLUMNS.index("revenue_capped")] == 4.5


# --- conversion window ----------------------------------------------------------------------------------------------
def test_what_comes_after_the_window_does_not_count_impressions_included() -> None:
    experiment = running(conversion_window_hours=48)
    at = ago(days=10)
    send(
        exposure(occurred_at=at),
        event("conversion", value=10, occurred_at=at + 48 * HOUR),
        event("conversion", value=1, occurred_at=at + 48 * HOUR + SECOND),
        event("click", occurred_at=at + 3 * DAY),
        exposure(occurred_at=at + 3 * DAY),
    )
    fold()
    found = known()
    assert (found.impressions, found.clicks, found.orders, found.revenue) == (1, 0, 1, Decimal(10))
    assert found.last_event_at == at + 48 * HOUR
    assert services.audit_moments(experiment) == []


def test_a_second_arm_is_seen_also_after_the_window() -> None:
    experiment = running(conversion_window_hours=1)
    at = ago(days=10)
    send(exposure(occurred_at=at), exposure(arm="b", occurred_at=at + DAY))
    fold()
    assert known().in_two_arms
    assert known().impressions == 1
    assert ArmMoments.objects.get(arm__key="a").n == 0
    assert slices() == {}
    assert services.audit_moments(experiment) == []


# --- ratings, returns, money ----------------------------------------------------------------------------------------
def test_detractors_give_two_stars_or_less() -> None:
    running()
    send(exposure(), *(event("rating", value=stars) for stars in (1, 2, 3, 5)))
    fold()
    assert (known().detractors, known().rating_count, known().rating_sum) == (2, 4, Decimal(11))


@pytest.mark.parametrize(
    ("kind", "after", "returned"),
    [("click", DAY, 1), ("click", DAY - SECOND, 0), ("exposure", DAY, 1), ("cost", 2 * DAY, 0), ("click", -DAY, 0)],
)
def test_who_does_something_a_day_later_returned(kind: str, after: timedelta, returned: int) -> None:
    running()
    at = ago(days=5)
    fields: dict[str, dict[str, Any]] = {"exposure": {"experiment": "welcome", "arm": "a"}, "cost": {"value": 1}}
    more = fields.get(kind, {})
    send(exposure(occurred_at=at), event(kind, occurred_at=at + after, **more))
    fold()
    assert known().returned == returned


def test_revenue_is_capped_in_its_own_column_alone() -> None:
    running(revenue_cap=Decimal(100))
    send(exposure(), event("conversion", value=250), exposure("u-2"), event("conversion", "u-2", value=40))
    fold()
    moments = ArmMoments.objects.get(arm__key="a").value()
    assert (moments.total("revenue"), moments.total("revenue_capped")) == (290, 140)


# --- history --------------------------------------------------------------------------------------------------------
def test_history_is_the_days_before_the_hour_before_the_first_exposure() -> None:
    experiment = running(covariate_days=7)
    at = ago(days=10)
    edge = at - HOUR
    send(
        exposure(occurred_at=at),
        event("click", occurred_at=edge),
        event("click", occurred_at=edge - SECOND),
        event("click", occurred_at=edge - 7 * DAY),
        event("click", occurred_at=edge - 7 * DAY - SECOND),
        event("conversion", value=30, occurred_at=at - DAY),
        event("conversion", value=5, currency="EUR", occurred_at=at - DAY),
        event("rating", value=1, occurred_at=at - DAY),
    )
    fold()
    found = known()
    assert (found.clicks, found.pre_clicks, found.pre_orders, found.pre_revenue) == (1, 2, 2, Decimal(30))
    assert (found.orders, found.rating_count, found.detractors) == (0, 0, 0)
    assert services.audit_moments(experiment) == []


def test_history_that_arrives_late_is_history_and_that_of_another_experiment_is_none() -> None:
    running("other")
    experiment = running()
    at = ago(days=3)
    send(exposure(occurred_at=at))
    fold()
    send(
        event("conversion", value=8, occurred_at=at - DAY),
        event("conversion", value=99, experiment="other", occurred_at=at - DAY),
    )
    fold()
    assert (known().pre_orders, known().pre_revenue, known().orders) == (1, Decimal(8), 0)
    assert services.audit_moments(experiment) == []


# --- marks ----------------------------------------------------------------------------------------------------------
def test_one_bot_event_marks_the_unit_and_takes_it_out_of_the_arm() -> None:
    experiment = running()
    send(exposure(), event("click"), exposure("u-2"))
    fold()
    assert ArmMoments.objects.get(arm__key="a").n == 2
    send(event("custom", is_bot=True))
    fold()
    assert known().is_marked
    assert ArmMoments.objects.get(arm__key="a").n == 1
    today = now().date().isoformat()
    assert slices() == {("day", today): 1, ("marked", "bot"): 1}
    assert SliceMoments.objects.get(dimension="marked").moments().total("clicks") == 1
    assert services.audit_moments(experiment) == []


def test_a_bot_event_longer_ago_than_the_history_says_nothing() -> None:
    running(covariate_days=1)
    at = ago(days=10)
    send(exposure(occurred_at=at), event("click", is_bot=True, occurred_at=at - DAY - 2 * HOUR))
    fold()
    assert not known().is_marked


def test_a_prefetched_exposure_exposes_nobody_until_a_real_one_comes() -> None:
    experiment = running()
    at = ago(hours=5)
    send(exposure(is_prefetch=True, occurred_at=at), event("click", occurred_at=at + 4 * HOUR))
    fold()
    assert (known().is_marked, known().impressions, known().clicks) == (True, 0, 1)
    assert ArmMoments.objects.get(arm__key="a").n == 0
    send(exposure(arm="b", occurred_at=at + 4 * HOUR), exposure(arm="a", is_prefetch=True, occurred_at=at + 5 * HOUR))
    fold()
    found = known()
    assert (found.arm.key, found.is_marked, found.in_two_arms, found.impressions) == ("b", False, False, 1)
    assert found.first_exposed_at == at + 4 * HOUR
    assert (slices("a"), slices("b")[("day", (at + 4 * HOUR).astimezone(UTC).date().isoformat())]) == ({}, 1)
    assert services.audit_moments(experiment) == []


# --- slices ---------------------------------------------------------------------------------------------------------
def test_slices_are_of_the_first_exposure() -> None:
    experiment = running(dimensions=[{"key": "country", "values": ["US", "true", "7"]}])
    at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    seen = [{"country": "US"}, {"country": "FR"}, {"country": None}, {}, {"country": True}, {"country": 7}]
    send(*(exposure(f"u-{place}", occurred_at=at, properties=found) for place, found in enumerate(seen)))
    send(exposure("u-0", occurred_at=at + 2 * HOUR, properties={"country": "FR"}))
    fold()
    assert slices() == {
        ("day", "2026-03-01"): 6,
        ("country", "US"): 1,
        ("country", "(other)"): 1,
        ("country", "(none)"): 2,
        ("country", "true"): 1,
        ("country", "7"): 1,
    }
    send(exposure("u-0", occurred_at=at - HOUR, properties={"country": "FR"}))
    fold()
    assert slices()["country", "(other)"] == 2
    assert ("country", "US") not in slices()
    assert services.audit_moments(experiment) == []


def test_the_batch_of_an_adaptive_experiment_is_a_slice() -> None:
    experiment = running()
    send(exposure("u-0", properties={"batch": 3}))
    fold()
    assert totals("u-0").batch is None  # type: ignore[union-attr]
    Experiment.objects.update(allocation="adaptive")
    told = [{"batch": 3}, {"batch": "3"}, {"batch": True}, {"batch": 2**40}, {}]
    send(*(exposure(f"u-{place}", properties=found) for place, found in enumerate(told, start=1)))
    fold()
    assert slices()["batch", "3"] == 1
    assert UnitTotals.objects.filter(batch=None).count() == 5
    experiment.refresh_from_db()
    with transaction.atomic():
        reset_experiment(experiment)
    assert slices()["batch", "3"] == 2
    assert services.audit_moments(experiment) == []


# --- custom columns -------------------------------------------------------------------------------------------------
def test_custom_events_count_in_the_columns_that_name_them() -> None:
    metrics = [
        {"key": "saves", "label": "Saves", "kind": "mean", "event": "save", "window_hours": 2},
        {"key": "worth", "label": "Worth", "kind": "mean", "event": "save", "aggregate": "sum"},
        {"key": "came", "label": "Came", "kind": "proportion", "event": "visit"},
    ]
    experiment = running(metrics=metrics)
    at = ago(days=3)
    send(
        exposure(occurred_at=at),
        event("custom", name="save", value=5, occurred_at=at + HOUR),
        event("custom", name="save", value=7, currency="EUR", occurred_at=at + 2 * HOUR),
        event("custom", name="save", value=2, occurred_at=at + 3 * HOUR),
        event("custom", name="visit", occurred_at=at + HOUR),
        event("custom", name="visit", occurred_at=at + HOUR),
        event("custom", name="nobody asked", occurred_at=at + 2 * DAY),
        event("custom", value=3, occurred_at=at + 2 * DAY),
        event("custom", name="save", value=9, occurred_at=at - 2 * HOUR),
    )
    fold()
    assert known().extra == [2, 7, 1]
    assert known().returned == 0
    moments = ArmMoments.objects.get(arm__key="a").value()
    assert moments.columns == (*UNIT_COLUMNS, "saves", "worth", "came")
    assert [moments.total(key) for key in ("saves", "worth", "came")] == [2, 7, 1]
    assert services.audit_moments(experiment) == []


def test_moments_of_other_columns_are_counted_anew_before_anything_is_added(caplog: pytest.LogCaptureFixture) -> None:
    experiment = running()
    send(exposure(), event("custom", name="save"))
    fold()
    Experiment.objects.update(metrics=[{"key": "saves", "kind": "mean", "event": "save"}])
    send(event("custom", name="save"), exposure("u-2"))
    fold()
    assert "experiment welcome is counted anew" in caplog.text
    moments = ArmMoments.objects.get(arm__key="a").value()
    assert (moments.n, moments.total("saves")) == (2, 2)
    assert services.audit_moments(experiment) == []


# --- phases ---------------------------------------------------------------------------------------------------------
def test_a_new_phase_begins_at_nothing_and_looks_back_for_history_alone() -> None:
    experiment = running()
    send(
        exposure(occurred_at=ago(days=2)), event("conversion", value=20, occurred_at=ago(days=2)), exposure("u-2", "b")
    )
    fold()
    experiment = services.start_phase(experiment, actor="test")
    assert not UnitTotals.objects.exists()
    assert not SliceMoments.objects.exists()
    assert [row.n for row in ArmMoments.objects.all()] == [0, 0]
    assert services.audit_moments(experiment) == []
    # In the other arm than before: of the phase that is over nothing is known.
    send(exposure(arm="b", occurred_at=later(1)), event("click", occurred_at=ago(minutes=1)))
    fold()
    assert (known().arm.key, known().in_two_arms, known().clicks) == ("b", False, 0)
    assert (known().pre_orders, known().pre_revenue) == (1, Decimal(20))
    assert totals("u-2") is None
    assert services.audit_moments(experiment) == []


def test_the_first_phase_counts_what_was_stamped_before_the_start() -> None:
    running()
    send(exposure(occurred_at=ago(minutes=3)))
    fold()
    assert known().impressions == 1


# --- order ----------------------------------------------------------------------------------------------------------
def test_of_two_exposures_at_one_time_the_lower_id_is_the_first() -> None:
    at = ago(hours=1)
    running("one", dimensions=[{"key": "country", "values": ["US", "FR"]}])
    send(exposure(experiment="one", id="b", occurred_at=at, properties={"country": "FR"}))
    fold()
    send(exposure(experiment="one", id="a", occurred_at=at, properties={"country": "US"}))
    fold()
    assert slices()["country", "US"] == 1
    assert ("country", "FR") not in slices()


# --- dropped days ---------------------------------------------------------------------------------------------------
def test_where_raw_events_are_gone_nothing_is_taken_away_and_the_audit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = running(covariate_days=0)
    old, kept = ago(days=20), ago(days=5)
    send(exposure(occurred_at=old), event("click", occurred_at=old), exposure("u-2", occurred_at=kept))
    fold()
    from experiments.models import Event
    from experiments.services.counting import batch

    Event.objects.filter(day__lte=old.date()).delete()
    for module in (batch, auditing):
        monkeypatch.setattr(module, "events_kept_since", lambda: ago(days=10).date())
    send(event("click"), exposure(occurred_at=old + timedelta(minutes=-30)), event("click", "u-2"))
    fold()
    assert (known().clicks, known().impressions) == (2, 2)
    audit = auditing.audit(experiment)
    assert audit.dropped_before == ago(days=10).date()
    assert (audit.differences, audit.arms, audit.slices) == ((), 2, 2)
    ArmMoments.objects.filter(arm__key="a").update(n=5)
    assert [found.what for found in services.audit_moments(experiment)] == ["5 units instead of 2"]
