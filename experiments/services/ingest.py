"""Taking events in: one COPY into the connection's staging table, one INSERT from there, one commit.

An event's identity is its id and the UTC day it occurred on. The day before and the day after are looked through as
well, so that a sender who repeats a request over midnight and lets us stamp the time does not count twice.

The fence: sequence numbers are handed out before commit, so a fold that read "everything up to the highest number"
could pass over an event whose transaction was still open, and never come back for it. Each ingest holds a shared
advisory lock until its commit; the fold takes the same lock exclusively for one instant (services.fold), when nothing
is in flight, and reads the highest number then.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from experiments import lifecycle
from experiments.models import Experiment, Source
from experiments.services.partitions import ensure_partitions

FENCE_LOCK = 0x434C0001
ONE_DAY = timedelta(days=1)
COLUMNS = (
    "id, day, kind, experiment_id, arm_id, unit, occurred_at, received_at, value, margin, currency, is_bot, properties"
)
# Made once a connection: a table made for each request would fill the catalogue with its remains.
_STAGE = f"""
create temporary table if not exists experiments_staged on commit delete rows
as select {COLUMNS} from experiments_event with no data
"""  # noqa: S608 - our own column names
_TAKE = f"insert into experiments_event ({COLUMNS}) select {COLUMNS} from experiments_staged on conflict do nothing"  # noqa: S608
_SEEN_BESIDE = "select id, day from experiments_event where id = any(%s) and day = any(%s::date[])"
NULL = r"\N"
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True, slots=True)
class EventInput:
    """One event whose fields were checked one by one (schemas.parse_event); keys are not resolved yet.

    `occurred_at` has a zone. Money and stars are exact.
    """

    id: str
    kind: str
    unit: str
    occurred_at: datetime
    experiment: str | None = None
    arm: str | None = None
    value: Decimal | None = None
    margin: Decimal | None = None
    currency: str | None = None
    is_bot: bool = False
    properties: dict[str, Any] = field(default_factory=dict)

    @property
    def day(self) -> date:
        """The UTC day it occurred on."""
        return self.occurred_at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event was not taken: its place in the request, its id if that can be used, the field, a sentence."""

    index: int
    id: str | None
    field: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"index": self.index, "id": self.id, "field": self.field, "message": self.message}


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a batch; the three add up to its length."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...]


class Refused(Exception):
    """One event that cannot be taken."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


def ingest(events: Sequence[EventInput], received_at: datetime) -> IngestResult:
    """Store the events that can be used, exactly once each, and say what became of the others.

    When this returns (outside a transaction of the caller) what it counts as accepted is committed.
    """
    book = _arms_by_key({event.experiment for event in events if event.experiment is not None})
    usable: dict[str, str] = {}
    days: dict[str, date] = {}
    rejected: list[Rejection] = []
    arrived = received_at.isoformat()
    for index, event in enumerate(events):
        try:
            line = _line(event, book, arrived)
        except Refused as refusal:
            rejected.append(Rejection(index, event.id, refusal.field, refusal.message))
        else:
            usable.setdefault(event.id, line)
            days.setdefault(event.id, event.day)
    accepted = _store(usable, days) if usable else 0
    return IngestResult(accepted, len(events) - len(rejected) - accepted, tuple(rejected))


def _store(lines: Mapping[str, str], days: Mapping[str, date]) -> int:
    ensure_partitions(days.values())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(%s)", [FENCE_LOCK])
        known = _seen_on_the_days_beside(cursor, days)
        # In one order for everyone, so that two batches with the same ids wait for each other and never in a circle.
        fresh = sorted((days[id_], id_) for id_ in lines if id_ not in known)
        cursor.execute(_STAGE)
        # Empty but where the caller's own transaction took a batch in before.
        cursor.execute("delete from experiments_staged")
        copied = io.StringIO("".join(lines[id_] for _, id_ in fresh))
        cursor.copy_expert(f"copy experiments_staged ({COLUMNS}) from stdin", copied)
        cursor.execute(_TAKE)
        return int(cursor.rowcount)


def _seen_on_the_days_beside(cursor: Any, days: Mapping[str, date]) -> set[str]:
    around = {day + step for day in set(days.values()) for step in (-ONE_DAY, ONE_DAY)}
    cursor.execute(_SEEN_BESIDE, [list(days), sorted(around)])
    return {id_ for id_, day in cursor.fetchall() if abs(day - days[id_]) == ONE_DAY}


# --- one event --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Entry:
    """An experiment as events name it."""

    id: int
    currency: str
    arms: Mapping[str, int]
    refusal: str | None


def _arms_by_key(keys: Iterable[str]) -> dict[str, Entry]:
    found = Experiment.objects.filter(key__in=list(keys)).prefetch_related("arms") if keys else ()
    return {
        experiment.key: Entry(
            id=experiment.pk,
            currency=experiment.currency,
            arms={arm.key: arm.pk for arm in experiment.arms.all()},
            refusal=_refusal(experiment),
        )
        for experiment in found
    }


def _refusal(experiment: Experiment) -> str | None:
    if experiment.source == Source.IMPORTED:
        return "was imported and takes no events."
    if not lifecycle.takes_events(experiment.status):
        return "has not been started."
    return None


def _line(event: EventInput, book: Mapping[str, Entry], received_at: str) -> str:
    """The event as a line of COPY's text format, in the order of COLUMNS."""
    entry = _entry(event, book)
    # Only these four can hold a backslash, a tab or the end of a line.
    id_, unit, currency = (text and text.translate(_ESCAPES) for text in (event.id, event.unit, event.currency))
    properties = json.dumps(event.properties, ensure_ascii=False, allow_nan=False) if event.properties else "{}"
    fields = (
        id_,
        event.day.isoformat(),
        event.kind,
        None if entry is None else str(entry.id),
        _arm(event, entry),
        unit,
        event.occurred_at.isoformat(),
        received_at,
        None if event.value is None else str(event.value),
        None if event.margin is None else str(event.margin),
        currency,
        "t" if event.is_bot else "f",
        properties.translate(_ESCAPES),
    )
    return "\t".join([NULL if value is None else value for value in fields]) + "\n"


def _entry(event: EventInput, book: Mapping[str, Entry]) -> Entry | None:
    if event.experiment is None:
        return None
    entry = book.get(event.experiment)
    if entry is None:
        raise Refused("experiment", f"there is no experiment {event.experiment!r}.")
    if entry.refusal is not None:
        raise Refused("experiment", f"{event.experiment!r} {entry.refusal}")
    if event.currency not in (None, entry.currency):
        raise Refused("currency", f"this experiment counts in {entry.currency}, not {event.currency}.")
    return entry


def _arm(event: EventInput, entry: Entry | None) -> str | None:
    if event.arm is None:
        return None
    if entry is None:
        raise Refused("arm", "names an arm without an experiment.")
    if event.arm not in entry.arms:
        raise Refused("arm", f"experiment {event.experiment!r} has no arm {event.arm!r}.")
    return str(entry.arms[event.arm])
