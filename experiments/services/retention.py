"""The end of raw events: whole days, the oldest first, and only what nothing needs any more.

A day stays while an experiment that is not decided may read it (from its start less the history before the exposure),
and until the fold has passed it. Dropping stops at the first day that stays, so what is kept is one stretch of days up
to now. Each dropped day is one entry of the audit trail; services.partitions reads from there where the stretch begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg2 import errorcodes

from core import audit, errors
from core.models import ShopSettings
from experiments.lifecycle import Status
from experiments.models import Experiment, FoldCursor, Source
from experiments.services.counting import CLOCK_SLACK
from experiments.services.partitions import DROPPED, PARTITIONS_LOCK, missing_days, partition_days, partition_of

# The table is closed to everybody for an instant. Whoever comes meanwhile waits no longer than this.
PATIENCE = "1s"
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DroppedDay:
    """A day and how many events it held."""

    day: date
    events: int


@dataclass(frozen=True, slots=True)
class Dropping:
    """What was dropped (or would be), oldest first, and why it went no further; empty where nothing held it back."""

    days: tuple[DroppedDay, ...] = ()
    held_back: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON, logs and a task's result."""
        return {
            "dropped": [one.day.isoformat() for one in self.days],
            "events": sum(one.events for one in self.days),
            "held_back": self.held_back,
        }


class Held(Exception):
    """A day that stays, and why."""


def retain(today: date | None = None) -> Dropping:
    """Drop what is older than the shop says, or the environment where it says nothing; 0 keeps all. May run twice."""
    days = kept_days()
    if not days:
        return Dropping()
    return drop_events((today or datetime.now(UTC).date()) - timedelta(days=days), actor="retention")


def kept_days() -> int:
    """For how many days raw events are kept; 0 for ever."""
    entered = ShopSettings.current().event_retention_days
    return settings.COPYLIFT_EVENT_RETENTION_DAYS if entered is None else entered


def drop_events(before: date, *, actor: audit.Actor, dry_run: bool = False) -> Dropping:
    """Drop the days before `before` (UTC), oldest first, up to the first that is needed; each in a commit of its own.

    Raises InvalidInput where `before` lies ahead. With `dry_run` nothing changes.
    """
    if before > datetime.now(UTC).date():
        raise errors.InvalidInput.field("before", f"{before} lies ahead; at most today can be named.")
    dropped: list[DroppedDay] = []
    try:
        for day in _droppable(before):
            found = _look(day) if dry_run else _drop(day, actor)
            dropped.append(found)
    except Held as reason:
        return Dropping(tuple(dropped), str(reason))
    return Dropping(tuple(dropped))


def needed_from() -> tuple[date, str] | None:
    """The first day that an undecided experiment needs, with its key; None where there is no such experiment.

    A draft needs what it would if it started now.
    """
    now = datetime.now(UTC)
    undecided = Experiment.objects.filter(source=Source.LIVE).exclude(status=Status.DECIDED)
    wanted = (
        (((started or now) - timedelta(days=days) - CLOCK_SLACK).astimezone(UTC).date(), key)
        for key, started, days in undecided.values_list("key", "started_at", "covariate_days")
    )
    return min(wanted, default=None)


# --- one day --------------------------------------------------------------------------------------------------------
def _droppable(before: date) -> Iterator[date]:
    """The days before `before`; raises Held at the first that an experiment needs."""
    needed = needed_from()
    for day in partition_days():
        if day >= before:
            return
        if needed is not None and day >= needed[0]:
            raise Held(f"{day} is needed by the experiment {needed[1]!r}, which is not decided.")
        yield day


def _look(day: date) -> DroppedDay:
    with connection.cursor() as cursor:
        _require_folded(cursor, day)
        return DroppedDay(day, _count(cursor, day))


def _drop(day: date, actor: audit.Actor) -> DroppedDay:
    found = _look(day)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"set local lock_timeout = '{PATIENCE}'")
            cursor.execute("select pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
            # Not the days below it: whoever writes or reads a day holds the table itself.
            cursor.execute("lock table only experiments_event in access exclusive mode")
            # Nothing is in flight any more, so what was folded is now certain.
            if missing_days([day]):
                return DroppedDay(day, 0)
            _require_folded(cursor, day)
            cursor.execute(f"drop table {partition_of(day)}")
            cursor.execute("set local lock_timeout = 0")
            kept_since = (day + ONE_DAY).isoformat()
            audit.record(
                DROPPED, FoldCursor(id=1), actor=actor, day=day.isoformat(), events=found.events, kept_since=kept_since
            )
    except OperationalError as problem:
        if getattr(problem.__cause__, "pgcode", None) != errorcodes.LOCK_NOT_AVAILABLE:
            raise
        raise Held(f"{day} is in use; the next hour tries again.") from None
    return found


def _require_folded(cursor: Any, day: date) -> None:
    cursor.execute(
        f"select coalesce((select max(sequence) from {partition_of(day)}), 0)"  # noqa: S608 - a date of ours
        " > coalesce((select sequence from experiments_foldcursor), 0)"
    )
    if cursor.fetchone()[0]:
        raise Held(f"{day} holds events that are not counted yet.")


def _count(cursor: Any, day: date) -> int:
    cursor.execute(f"select count(*) from {partition_of(day)}")  # noqa: S608 - a date of ours
    return int(cursor.fetchone()[0])
