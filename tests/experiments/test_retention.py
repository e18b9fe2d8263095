"""The end of raw events: which days go, which stay and why, what the trail says, and that nothing comes back."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from core import errors
from core.models import AuditEntry, ShopSettings
from experiments import services, tasks
from experiments.models import Event, Experiment, FoldCursor
from experiments.services import partitions, retention
from tests.experiments.shop import Api, event, exposure, fold, later, running, send

pytestmark = pytest.mark.django_db
DAY = 86_400


def today() -> date:
    return datetime.now(UTC).date()


def day(back: int) -> date:
    return today() - timedelta(days=back)


@pytest.fixture(autouse=True)
def days(db: None) -> None:
    """Only days of this test: 40, 39, 38 and 2 days back with one event each, all folded."""
    with connection.cursor() as cursor:
        for old in partitions.partition_days():
            cursor.execute(f"drop table {partitions.partition_of(old)}")
    services.keep_partitions()
    send(*(event("click", id=f"c-{back}", occurred_at=later(-back * DAY)) for back in (40, 39, 38, 2)))
    fold()


def present() -> list[date]:
    """The days before this week that are there."""
    return [found for found in partitions.partition_days() if found < day(1)]


# --- what goes ------------------------------------------------------------------------------------------------------
def test_days_before_the_date_go_and_the_trail_says_so() -> None:
    assert partitions.events_kept_since() is None
    found = retention.drop_events(day(38), actor="test")
    assert found.to_dict() == {
        "dropped": [day(40).isoformat(), day(39).isoformat()],
        "events": 2,
        "held_back": "",
    }
    assert present() == [day(38), day(2)]
    assert set(Event.objects.values_list("id", flat=True)) == {"c-38", "c-2"}
    assert partitions.events_kept_since() == day(38)
    newest = AuditEntry.objects.filter(action="events.dropped").order_by("-id").first()
    assert newest is not None
    assert newest.actor_label == "test"
    assert newest.data == {"day": day(39).isoformat(), "events": 1, "kept_since": day(38).isoformat()}


def test_a_second_time_there_is_nothing_to_drop() -> None:
    retention.drop_events(day(38), actor="test")
    assert retention.drop_events(day(38), actor="test") == retention.Dropping()
    assert AuditEntry.objects.filter(action="events.dropped").count() == 2


def test_a_dry_run_says_the_same_and_changes_nothing() -> None:
    found = retention.drop_events(day(38), actor="test", dry_run=True)
    assert [(one.day, one.events) for one in found.days] == [(day(40), 1), (day(39), 1)]
    assert present() == [day(40), day(39), day(38), day(2)]
    assert partitions.events_kept_since() is None
    assert found == retention.drop_events(day(38), actor="test")


def test_a_date_ahead_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match=r"before: .* lies ahead"):
        retention.drop_events(day(-1), actor="test")
    assert len(present()) == 4


# --- what stays -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["draft", "running", "paused", "stopped"])
def test_what_an_undecided_experiment_needs_stays(status: str) -> None:
    experiment = running(covariate_days=7)
    started = None if status == "draft" else later(-32 * DAY)
    Experiment.objects.filter(pk=experiment.pk).update(status=status, started_at=started)
    needed = day(7 if status == "draft" else 39)
    found = retention.drop_events(today(), actor="test")
    gone = [one.day for one in found.days]
    assert gone == [back for back in (day(40), day(39), day(38)) if back < min(needed, _an_hour_before(needed))]
    assert "needed by the experiment 'welcome', which is not decided" in found.held_back
    assert day(2) in present()


def _an_hour_before(needed: date) -> date:
    """In the first hour of a UTC day the slack of clocks reaches the day before."""
    return needed - timedelta(days=1) if datetime.now(UTC).hour == 0 else needed


def test_a_decided_experiment_needs_nothing() -> None:
    experiment = running()
    Experiment.objects.filter(pk=experiment.pk).update(status="decided", started_at=later(-50 * DAY))
    assert len(retention.drop_events(day(10), actor="test").days) == 3


def test_an_imported_experiment_needs_nothing() -> None:
    experiment = running()
    Experiment.objects.filter(pk=experiment.pk).update(source="imported", started_at=later(-50 * DAY))
    assert len(retention.drop_events(day(10), actor="test").days) == 3


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_day_that_is_not_folded_stays_and_so_do_all_after_it(dry_run: bool) -> None:
    send(event("click", occurred_at=later(-39 * DAY)))
    found = retention.drop_events(day(10), actor="test", dry_run=dry_run)
    assert [one.day for one in found.days] == [day(40)]
    assert found.held_back == f"{day(39)} holds events that are not counted yet."
    assert day(39) in present()
    assert day(38) in present()


def test_where_nothing_was_ever_folded_nothing_goes() -> None:
    FoldCursor.objects.all().delete()
    assert retention.drop_events(day(10), actor="test").days == ()
    assert len(present()) == 4


# --- nothing comes back ---------------------------------------------------------------------------------------------
def test_an_event_of_a_dropped_day_is_refused_and_its_day_not_made_again() -> None:
    retention.drop_events(day(38), actor="test")
    answer = Api("events").post(
        "/events",
        {
            "events": [
                {"id": "c-40", "type": "click", "unit": "u-1", "occurred_at": later(-40 * DAY).isoformat()},
                {"id": "c-38", "type": "click", "unit": "u-1", "occurred_at": later(-38 * DAY).isoformat()},
                {"id": "c-37", "type": "click", "unit": "u-1", "occurred_at": later(-37 * DAY).isoformat()},
            ]
        },
    )
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "duplicates": 1,
        "rejected": [
            {
                "index": 0,
                "id": "c-40",
                "field": "occurred_at",
                "message": f"lies before {day(38)}, from when on events are kept.",
            }
        ],
    }
    assert present() == [day(38), day(37), day(2)]


def test_a_batch_of_dropped_days_alone_is_422() -> None:
    retention.drop_events(day(38), actor="test")
    click = {"id": "c-40", "type": "click", "unit": "u-1", "occurred_at": later(-40 * DAY).isoformat()}
    answer = Api("events").post("/events", click)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "occurred_at"
    assert partitions.ensure_partitions([day(40), day(39)]) == 0
    assert present() == [day(38), day(2)]


# --- the task and the command ---------------------------------------------------------------------------------------
def test_by_default_everything_is_kept() -> None:
    assert retention.retain() == retention.Dropping()
    assert len(present()) == 4


def test_the_hourly_task_drops_what_is_too_old_and_says_so(settings: Any) -> None:
    settings.COPYLIFT_EVENT_RETENTION_DAYS = 39
    assert tasks.keep_partitions() == {"made": 0, "dropped": [day(40).isoformat()], "events": 1, "held_back": ""}
    assert tasks.keep_partitions() == {"made": 0, "dropped": [], "events": 0, "held_back": ""}
    assert present() == [day(39), day(38), day(2)]


def test_what_an_administrator_entered_goes_before_the_environment(settings: Any) -> None:
    settings.COPYLIFT_EVENT_RETENTION_DAYS = 5
    kept = ShopSettings.objects.create(pk=1, event_retention_days=0)
    assert retention.retain() == retention.Dropping()
    assert len(present()) == 4
    kept.event_retention_days = 39
    kept.save()
    assert [one.day for one in retention.retain().days] == [day(40)]


def test_where_nothing_is_entered_the_environment_holds(settings: Any) -> None:
    settings.COPYLIFT_EVENT_RETENTION_DAYS = 39
    ShopSettings.objects.create(pk=1, message_retention_days=10)
    assert [one.day for one in retention.retain().days] == [day(40)]


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("drop_events", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_what_it_drops() -> None:
    lines = f"{day(40)}: 1 events\n{day(39)}: 1 events\n"
    assert command("--before", str(day(38)), "--dry-run") == f"{lines}would drop 2 days with 2 events\n"
    assert len(present()) == 4
    assert command("--before", str(day(38))) == f"{lines}dropped 2 days with 2 events\n"
    assert present() == [day(38), day(2)]


def test_the_command_says_why_it_goes_no_further() -> None:
    running()
    assert "No further: " in command("--before", str(day(1)))


@pytest.mark.parametrize("before", ["yesterday", "2026-13-01", "2999-01-01"])
def test_the_command_refuses_a_date_it_cannot_use(before: str) -> None:
    with pytest.raises(CommandError, match=r"before: .* Nothing was dropped") as problem:
        command("--before", before)
    assert problem.value.returncode == 2
    assert len(present()) == 4


# --- others at the same time ----------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_day_that_is_being_written_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PATIENCE", "100ms")
    stored, go_on = threading.Event(), threading.Event()

    def slow_ingest() -> None:
        with transaction.atomic():
            send(event("click", occurred_at=later(-2 * DAY)))
            stored.set()
            go_on.wait(20)
        connections.close_all()

    writer = threading.Thread(target=slow_ingest)
    writer.start()
    try:
        assert stored.wait(10)
        found = retention.drop_events(day(10), actor="test")
    finally:
        go_on.set()
        writer.join()
    assert found == retention.Dropping((), f"{day(40)} is in use; the next hour tries again.")
    assert len(present()) == 4
    assert len(retention.drop_events(day(10), actor="test").days) == 3
    assert Event.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_exposures_after_a_drop_are_counted_as_ever() -> None:
    retention.drop_events(day(10), actor="test")
    running()
    send(exposure(), event("click"))
    assert fold() == 2
