"""Two folds at once, an ingest in flight, a fold that dies: nothing is lost, nothing counts twice. Real connections."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from experiments import services
from experiments.models import ArmMoments, Event, FoldCursor, UnitTotals
from experiments.services import fold as folding
from experiments.services import partitions
from tests.experiments.shop import event, exposure, fold, later, now, running, send

pytestmark = pytest.mark.django_db(transaction=True)


def in_threads(*works: Callable[[], Any]) -> list[Any]:
    """Run these at the same time, each on a connection of its own; the first failure is raised."""
    results: list[Any] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            gate.wait(10)
            results[place] = work()
        except BaseException as problem:  # noqa: BLE001 - handed to the test
            results[place] = problem
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def counted() -> tuple[float, float]:
    """Units and clicks over both arms."""
    values = [row.value() for row in ArmMoments.objects.all()]
    return sum(value.n for value in values), round(sum(value.total("clicks") for value in values), 6)


def shoppers(count: int, start: int = 0) -> list[services.EventInput]:
    units = [f"u-{number}" for number in range(start, start + count)]
    return [found for unit in units for found in (exposure(unit, "ab"[len(unit) % 2]), event("click", unit))]


def test_two_folds_at_once_count_nothing_twice() -> None:
    experiment = running()
    send(*shoppers(100))

    def fold_in_small_steps() -> int:
        total = 0
        while folded := services.fold_events(limit=17):
            total += folded
        return total

    assert sum(in_threads(fold_in_small_steps, fold_in_small_steps, fold_in_small_steps)) == 200
    assert counted() == (100, 100)
    assert services.audit_moments(experiment) == []


def test_ingests_and_folds_at_once_lose_nothing() -> None:
    experiment = running()
    batches = [shoppers(20, start=20 * number) for number in range(12)]

    def ingest_some(part: int) -> int:
        return sum(services.ingest(batch, now()).accepted for batch in batches[part::3])

    def fold_many() -> int:
        return sum(services.fold_events(limit=50) for _ in range(12))

    *accepted, _ = in_threads(*(lambda part=part: ingest_some(part) for part in range(3)), fold_many)
    assert sum(accepted) == 480
    fold()
    assert counted() == (240, 240)
    assert services.audit_moments(experiment) == []


def test_the_same_batch_sent_three_times_at_once_is_stored_once() -> None:
    running()
    batch = shoppers(30)
    results = in_threads(*(lambda: services.ingest(batch, now()) for _ in range(3)))
    assert sum(result.accepted for result in results) == 60
    assert sum(result.duplicates for result in results) == 120
    assert Event.objects.count() == 60


def test_a_fold_does_not_pass_over_an_event_whose_transaction_is_still_open(monkeypatch: pytest.MonkeyPatch) -> None:
    running()
    monkeypatch.setattr(folding, "FENCE_PATIENCE", "100ms")
    stored, go_on = threading.Event(), threading.Event()

    def slow_ingest() -> None:
        with transaction.atomic():
            send(exposure("slow"))
            stored.set()
            assert go_on.wait(10)

    def ingest_and_fold_meanwhile() -> int:
        assert stored.wait(10)
        folded = services.fold_events()
        go_on.set()
        return folded

    assert in_threads(slow_ingest, ingest_and_fold_meanwhile)[1] == 0
    assert not FoldCursor.objects.exists()
    assert fold() == 1
    assert UnitTotals.objects.get().unit == "slow"


def test_a_fold_that_fails_after_its_writes_leaves_nothing_and_the_next_does_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    experiment = running()
    send(*shoppers(10))
    with monkeypatch.context() as broken:

        def fail(cursor: FoldCursor, *args: Any, **kwargs: Any) -> None:
            assert UnitTotals.objects.count() == 10
            raise RuntimeError("the power went")

        broken.setattr(FoldCursor, "save", fail)
        with pytest.raises(RuntimeError, match="the power went"):
            services.fold_events()
    assert not UnitTotals.objects.exists()
    assert counted() == (0, 0)
    assert fold() == 20
    assert counted() == (10, 10)
    assert services.audit_moments(experiment) == []


KILLED_FOLD = """
import os, signal, sys
sys.path.insert(0, {root!r}); sys.path.insert(1, {root!r} + "/platform")
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {database!r}
django.setup()
from experiments import services
from experiments.models import FoldCursor, UnitTotals
def die(*args, **kwargs):
    print("written", UnitTotals.objects.count(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
FoldCursor.save = die
services.fold_events()
"""


def test_a_fold_killed_in_its_transaction_loses_nothing() -> None:
    experiment = running()
    send(*shoppers(10))
    script = KILLED_FOLD.format(root=str(settings.ROOT), database=connection.settings_dict["NAME"])
    died = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(settings.ROOT),
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert died.stdout == "written 10\n"
    assert not UnitTotals.objects.exists()
    assert fold() == 20
    assert counted() == (10, 10)
    assert services.audit_moments(experiment) == []


# --- partitions -----------------------------------------------------------------------------------------------------
def test_a_day_is_made_once_by_many_at_once_while_others_write() -> None:
    running()
    day = later(-200 * 86_400)
    with connection.cursor() as cursor:
        cursor.execute(f"drop table if exists experiments_event_{day:%Y%m%d}")
    made = in_threads(
        *(lambda: partitions.ensure_partitions([day.date()]) for _ in range(3)),
        lambda: send(event("click", occurred_at=day)).accepted,
        lambda: send(event("click")).accepted,
    )
    assert sorted(made[:3]) in ([0, 0, 0], [0, 0, 1])
    assert made[3:] == [1, 1]
    assert Event.objects.filter(day=day.date()).count() == 1


def test_the_coming_week_is_made_ahead() -> None:
    services.keep_partitions()
    assert services.keep_partitions() == 0
    today = now().date()
    names = [(today.toordinal() + offset) for offset in range(-1, 8)]
    assert partitions.missing_days([today.fromordinal(name) for name in names]) == []
    with transaction.atomic():
        assert partitions.keep_partitions(today.replace(year=today.year + 3)) == 9
        assert partitions.keep_partitions(today.replace(year=today.year + 3)) == 0
        transaction.set_rollback(True)
