"""Back-pressure on POST /api/v1/events: when 429 comes, what it says, and that nothing was stored."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from core import errors
from experiments import services
from experiments.api import events as door
from experiments.models import Event, FoldCursor
from experiments.services import pressure
from tests.experiments.shop import Api, event, fold, send

pytestmark = pytest.mark.django_db
CLICK = {"id": "c-1", "type": "click", "unit": "u-1"}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> pressure.Pressure:
    """A process that has looked at nothing yet."""
    made = pressure.Pressure()
    monkeypatch.setattr(door, "PRESSURE", made)
    return made


@pytest.fixture
def api() -> Api:
    return Api("events")


def turned_away(answer: Any, code: str, seconds: int) -> str:
    """What the answer says, after checking its status and header."""
    assert (answer.status_code, answer["Content-Type"]) == (429, "application/problem+json")
    assert answer["Retry-After"] == str(seconds)
    assert answer.json()["code"] == code
    return str(answer.json()["detail"])


def test_a_batch_is_taken_where_all_is_well(api: Api) -> None:
    assert api.post("/events", CLICK).status_code == 202


# --- the fold's backlog ---------------------------------------------------------------------------------------------
def test_a_backlog_turns_events_away_until_the_fold_has_caught_up(api: Api, settings: Any, fresh: Any) -> None:
    services.keep_partitions()
    fold()
    send(*(event("click") for _ in range(4)))
    settings.COPYLIFT_INGEST_BACKLOG = 3
    assert turned_away(api.post("/events", CLICK), "backlog", 30).startswith("4 events wait to be counted")
    assert Event.objects.count() == 4
    fold()
    fresh._looked_at = float("-inf")
    assert api.post("/events", CLICK).status_code == 202
    assert Event.objects.count() == 5


def test_a_backlog_as_large_as_the_limit_is_none_too_large(api: Api, settings: Any) -> None:
    services.keep_partitions()
    fold()
    send(*(event("click") for _ in range(3)))
    settings.COPYLIFT_INGEST_BACKLOG = 3
    assert pressure.backlog() == 3
    assert api.post("/events", CLICK).status_code == 202


def test_no_limit_of_the_backlog_asks_nothing(settings: Any) -> None:
    settings.COPYLIFT_INGEST_BACKLOG = 0
    assert not FoldCursor.objects.exists()
    send(*(event("click") for _ in range(3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pressure, "backlog", lambda: pytest.fail("asked"))
        assert pressure.shortage() is None


def test_the_backlog_counts_from_the_beginning_where_nothing_was_ever_folded() -> None:
    send(event("click"))
    with connection.cursor() as cursor:
        cursor.execute("select last_value from experiments_event_sequence")
        assert pressure.backlog() == cursor.fetchone()[0]


# --- the disk -------------------------------------------------------------------------------------------------------
def test_a_disk_that_is_nearly_full_turns_events_away(
    api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.DATA_FOLDER = tmp_path
    settings.COPYLIFT_INGEST_FREE_MB = 500
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=500 * 1024**2 - 1))
    assert "has 499 MB free" in turned_away(api.post("/events", CLICK), "disk_nearly_full", 60)
    assert not Event.objects.exists()


def test_a_disk_with_just_enough_is_no_reason(
    api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.DATA_FOLDER = tmp_path
    settings.COPYLIFT_INGEST_FREE_MB = 500
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=500 * 1024**2))
    assert api.post("/events", CLICK).status_code == 202


@pytest.mark.parametrize("folder", [None, Path("/nowhere/at/all")])
def test_a_disk_that_cannot_be_asked_is_no_reason(settings: Any, folder: Path | None) -> None:
    settings.DATA_FOLDER = folder
    settings.COPYLIFT_INGEST_FREE_MB = 10**9
    assert pressure.free_megabytes(folder) is None
    assert pressure.shortage() is None


# --- batches at once ------------------------------------------------------------------------------------------------
def test_one_batch_too_many_at_once_is_turned_away_before_its_body_is_read(
    api: Api, settings: Any, fresh: pressure.Pressure
) -> None:
    settings.COPYLIFT_INGEST_AT_ONCE = 1
    with fresh.admitted():
        assert turned_away(api.post("/events", b"not JSON"), "busy", 1).startswith("1 batches are being taken in")
        assert not Event.objects.exists()
    assert api.post("/events", CLICK).status_code == 202


def test_a_batch_that_fails_gives_its_place_back(
    api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch, fresh: pressure.Pressure
) -> None:
    settings.COPYLIFT_INGEST_AT_ONCE = 1
    assert api.post("/events", b"{").status_code == 400
    fresh._looked_at = float("-inf")
    with monkeypatch.context() as patch:
        patch.setattr(pressure, "shortage", lambda: errors.TooManyRequests(code="backlog", retry_after=30))
        turned_away(api.post("/events", CLICK), "backlog", 30)
    fresh._looked_at = float("-inf")
    assert api.post("/events", CLICK).status_code == 202


def test_places_are_counted_right_by_many_threads(settings: Any, fresh: pressure.Pressure) -> None:
    settings.COPYLIFT_INGEST_AT_ONCE = 3
    fresh._looked_at = float("inf")
    inside, most = [0], [0]
    lock, start = threading.Lock(), threading.Barrier(8)

    def come() -> None:
        start.wait()
        for _ in range(200):
            with suppress(errors.TooManyRequests), fresh.admitted():
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] <= 3
    assert (inside[0], fresh._in_hand) == (0, 0)


# --- how often ------------------------------------------------------------------------------------------------------
def test_a_process_looks_once_a_second(monkeypatch: pytest.MonkeyPatch, fresh: pressure.Pressure) -> None:
    clock, looks = [100.0], [0]

    def look() -> None:
        looks[0] += 1

    monkeypatch.setattr(pressure, "shortage", look)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    for at in (100.0, 100.5, 100.9, 101.0, 101.9, 102.5):
        clock[0] = at
        with fresh.admitted():
            pass
    assert looks == [3]
