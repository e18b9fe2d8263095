"""Taking events in: one look for what is known already, one COPY of the rest, one commit.

An event's identity is its id and the UTC day it occurred on. The day before and the day after are looked through as
well, so that a sender who repeats a request over midnight and lets us stamp the time does not count twice.

COPY cannot pass over a duplicate. Where another request stored one of our ids between our look and our COPY, the whole
is undone and taken again by way of a staging table and ON CONFLICT DO NOTHING, which costs a third more.

The fence: sequence numbers are handed out before commit, so a fold that read "everything up to the highest number"
could pass over an event whose transaction was still open, and never come back for it. Each ingest holds a shared
advisory lock until its commit; the fold takes the same lock exclusively for one instant (services.fold), when nothing
is in flight, and reads the highest number then.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction
from psycopg2 import errorcodes

from experiments import lifecycle
from experiments.models import Arm, Source
from experiments.services.partitions import ensure_partitions, events_kept_since

FENCE_LOCK = 0x434C0001
ONE_DAY = timedelta(days=1)
CHUNK_BYTES = 1 << 20
COLUMNS = (
    "id, day, kind, experiment_id, arm_id, unit, occurred_at, received_at, value, margin, currency, is_bot, "
    "is_prefetch, name, properties"
)
_LOCK_AND_LOOK = """
select pg_advisory_xact_lock_shared(%s);
select id, day from experiments_event where id = any(%s) and day = any(%s::date[])
"""
_COPY = f"copy {{}} ({COLUMNS}) from stdin"
# Made once a connection: a table made for each request would fill the catalogue with its remains.
_STAGE = f"""
create temporary table if not exists experiments_staged on commit delete rows
as select {COLUMNS} from experiments_event with no data;
delete from experiments_staged
"""  # noqa: S608 - our own column names
_TAKE = f"insert into experiments_event ({COLUMNS}) select {COLUMNS} from experiments_staged on conflict do nothing"  # noqa: S608
NULL = r"\N"
NOWHERE = (NULL, NULL)
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class EventInput(NamedTuple):
    """One event whose fields were checked one by one (schemas.parse_event); keys are not resolved yet.

    `occurred_at` has a zone. Money and stars are exact. `written` is `properties` as JSON, where somebody made it
    already.
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
    is_prefetch: bool = False
    name: str | None = None
    properties: Mapping[str, Any] = {}
    written: str = ""


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


class Line(NamedTuple):
    """An event as it is stored: the UTC day in ISO form, the id, and the line of COPY's text format."""

    day: str
    id: str
    text: str


def ingest(events: Sequence[EventInput], received_at: datetime) -> IngestResult:
    """Store the events that can be used, exactly once each, and say what became of the others.

    When this returns (outside a transaction of the caller) what it counts as accepted is committed.
    """
    book = _arms_by_key({event.experiment for event in events if event.experiment is not None})
    arrived = received_at.isoformat()
    lines, rejected = _lines(events, book, arrived)
    try:
        accepted = _store(lines)
    except IntegrityError as problem:
        if not _failed_by(problem, errorcodes.CHECK_VIOLATION):
            raise
        # A day without a partition: one that nobody foresaw, or one whose events are kept no more.
        ensure_partitions({date.fromisoformat(line.day) for line in lines})
        lines, rejected = _lines(events, book, arrived, kept_since=events_kept_since())
        accepted = _store(lines)
    return IngestResult(accepted, len(events) - len(rejected) - accepted, tuple(rejected))


def _lines(
    events: Sequence[EventInput], book: Mapping[str, Entry], received_at: str, kept_since: date | None = None
) -> tuple[list[Line], list[Rejection]]:
    """The first event of each id that can be used, as lines; and the refusals."""
    usable: dict[str, Line] = {}
    rejected: list[Rejection] = []
    earliest = "" if kept_since is None else kept_since.isoformat()
    for index, event in enumerate(events):
        try:
            line = _line(event, book, received_at, earliest)
        except Refused as refusal:
            rejected.append(Rejection(index, event.id, refusal.field, refusal.message))
        else:
            usable.setdefault(event.id, line)
    # In one order for everyone, so that two batches with the same ids wait for each other and never in a circle.
    return sorted(usable.values()), rejected


# --- storing --------------------------------------------------------------------------------------------------------
def _store(lines: Sequence[Line]) -> int:
    if not lines:
        return 0
    try:
        return _in_transaction(lines, _copy)
    except IntegrityError as problem:
        if not _failed_by(problem, errorcodes.UNIQUE_VIOLATION):
            raise
        return _in_transaction(lines, _copy_past_duplicates)


def _in_transaction(lines: Sequence[Line], copy: Callable[[Any, Sequence[Line]], int]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        known = _known(cursor, lines)
        fresh = [line for line in lines if line.id not in known] if known else lines
        return copy(cursor, fresh) if fresh else 0


def _known(cursor: Any, lines: Sequence[Line]) -> set[str]:
    """Take the fence; then the ids that are stored on the day of their line, or on the day before or after."""
    days = {date.fromisoformat(day) for day in {line.day for line in lines}}
    around = {day + step for day in days for step in (-ONE_DAY, 0 * ONE_DAY, ONE_DAY)}
    cursor.execute(_LOCK_AND_LOOK, [FENCE_LOCK, [line.id for line in lines], sorted(around)])
    found = cursor.fetchall()
    if not found:
        return set()
    day_of = {line.id: date.fromisoformat(line.day) for line in lines}
    return {id_ for id_, day in found if abs(day - day_of[id_]) <= ONE_DAY}


def _copy(cursor: Any, lines: Sequence[Line], table: str = "experiments_event") -> int:
    text = io.BytesIO("".join([line.text for line in lines]).encode())
    # Django passes this one call on as it is, without making the driver's errors its own.
    with connection.wrap_database_errors:
        cursor.copy_expert(_COPY.format(table), text, size=CHUNK_BYTES)
    return int(cursor.rowcount)


def _copy_past_duplicates(cursor: Any, lines: Sequence[Line]) -> int:
    cursor.execute(_STAGE)
    _copy(cursor, lines, "experiments_staged")
    cursor.execute(_TAKE)
    return int(cursor.rowcount)


def _failed_by(problem: IntegrityError, code: str) -> bool:
    return getattr(problem.__cause__, "pgcode", None) == code


# --- one event ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Entry:
    """An experiment as events name it; the numbers as COPY writes them."""

    id: str
    currency: str
    refusal: str | None
    arms: dict[str, str]


def _arms_by_key(keys: Iterable[str]) -> dict[str, Entry]:
    book: dict[str, Entry] = {}
    if not keys:
        return book
    found = Arm.objects.filter(experiment__key__in=list(keys)).values_list(
        "key", "pk", "experiment__key", "experiment_id", "experiment__currency", "experiment__source",
        "experiment__status",
    )  # fmt: skip
    for arm, arm_id, key, id_, currency, source, status in found:
        entry = book.setdefault(key, Entry(str(id_), currency, _refusal(source, status), {}))
        entry.arms[arm] = str(arm_id)
    return book


def _refusal(source: str, status: str) -> str | None:
    if source == Source.IMPORTED:
        return "was imported and takes no events."
    if not lifecycle.takes_events(status):
        return "has not been started."
    return None


def _line(event: EventInput, book: Mapping[str, Entry], received_at: str, earliest: str) -> Line:
    """The event as it is stored; the columns in the order of COLUMNS."""
    experiment, arm = _place(event, book) if event.experiment or event.arm else NOWHERE
    at = event.occurred_at.astimezone(UTC).isoformat()
    day = at[:10]
    if day < earliest:
        raise Refused("occurred_at", f"lies before {earliest}, from when on events are kept.")
    # JSON writes the ends of lines and tabs as two characters; a backslash alone needs another.
    written = (event.written or _write(event.properties)).replace("\\", r"\\") if event.properties else "{}"
    value = NULL if event.value is None else event.value
    margin = NULL if event.margin is None else event.margin
    text = (
        f"{_escaped(event.id)}\t{day}\t{event.kind}\t{experiment}\t{arm}\t{_escaped(event.unit)}\t{at}\t{received_at}"
        f"\t{value}\t{margin}\t{event.currency or NULL}\t{event.is_bot}\t{event.is_prefetch}"
        f"\t{NULL if event.name is None else _escaped(event.name)}\t{written}\n"
    )
    return Line(day, event.id, text)


def _escaped(text: str) -> str:
    return text if "\\" not in text and text.isprintable() else text.translate(_ESCAPES)


def _place(event: EventInput, book: Mapping[str, Entry]) -> tuple[str, str]:
    """The numbers of the experiment and of the arm an event names."""
    if event.experiment is None:
        raise Refused("arm", "names an arm without an experiment.")
    entry = book.get(event.experiment)
    if entry is None:
        raise Refused("experiment", f"there is no experiment {event.experiment!r}.")
    if entry.refusal is not None:
        raise Refused("experiment", f"{event.experiment!r} {entry.refusal}")
    if event.currency not in (None, entry.currency):
        raise Refused("currency", f"this experiment counts in {entry.currency}, not {event.currency}.")
    if event.arm is None:
        return entry.id, NULL
    if event.arm not in entry.arms:
        raise Refused("arm", f"experiment {event.experiment!r} has no arm {event.arm!r}.")
    return entry.id, entry.arms[event.arm]
