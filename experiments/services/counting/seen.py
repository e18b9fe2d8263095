"""Stored events as counting needs them: read by plain SQL into tuples, since models would cost most of a fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import connection, transaction

from experiments.models import EventKind, UnitIdentity


class Seen(NamedTuple):
    """The columns of a stored event that counting needs. `properties` is JSON text, of exposures that have any."""

    sequence: int
    id: str
    kind: str
    experiment_id: int | None
    arm_id: int | None
    unit: str
    occurred_at: datetime
    value: Decimal | None
    margin: Decimal | None
    currency: str | None
    is_bot: bool
    is_prefetch: bool
    name: str | None
    properties: str | None


_PROPERTIES = f"case when kind = '{EventKind.EXPOSURE.value}' and properties <> '{{}}' then properties::text end"
_PLAIN = Seen._fields[:-1]
# A custom event without a name can belong to no column, but may say that its unit is a bot.
_ROWS = f"""
select {", ".join(_PLAIN)}, {_PROPERTIES} from experiments_event
where (kind <> '{EventKind.CUSTOM.value}' or name is not null or is_bot)
"""  # noqa: S608 - our own column names
_NEXT = f"{_ROWS} and sequence > %s and sequence <= %s order by sequence limit %s"
_OF_UNITS = f"{_ROWS} and unit = any(%s) and day >= %s and sequence <= %s"
_EXPOSED = f"""
select coalesce(canonical, event.unit) as counted_by, min(occurred_at)
from experiments_event as event left join experiments_unitidentity as identity on identity.unit = event.unit
where kind = '{EventKind.EXPOSURE.value}' and experiment_id = %s and sequence <= %s
    and occurred_at >= coalesce(%s, '-infinity'::timestamptz)
    and day >= coalesce((%s at time zone 'UTC')::date, '-infinity'::date)
group by 1 order by 1
"""  # noqa: S608 - our own words
# The same for an audit: all events of every unit that was ever exposed, unit by unit, under its canonical name.
_HISTORY = f"""
select {", ".join(f"event.{name}" if name != "unit" else "coalesce(canonical, event.unit) as unit" for name in _PLAIN)},
    {_PROPERTIES}
from experiments_event as event left join experiments_unitidentity as identity on identity.unit = event.unit
where (kind <> '{EventKind.CUSTOM.value}' or name is not null or is_bot) and sequence <= %s
    and coalesce(canonical, event.unit) in (
        select coalesce(other.canonical, exposure.unit)
        from experiments_event as exposure
        left join experiments_unitidentity as other on other.unit = exposure.unit
        where exposure.kind = '{EventKind.EXPOSURE.value}' and exposure.experiment_id = %s and exposure.sequence <= %s
    )
order by coalesce(canonical, event.unit)
"""  # noqa: S608
CHUNK = 5000


def next_events(after: int, through: int, limit: int) -> list[Seen]:
    """The first events that arrived after a sequence number, in the order they came."""
    return list(map(Seen._make, _fetch(_NEXT, [after, through, limit]))) if after < through else []


def events_of(units: Iterable[str], *, since: date, through: int) -> Iterator[Seen]:
    """Every stored event of these names from a UTC day on that arrived up to a sequence number, in no order."""
    return map(Seen._make, _fetch(_OF_UNITS, [list(units), since, through]))


def exposed_units(experiment_id: int, *, since: datetime | None, through: int) -> list[tuple[str, datetime]]:
    """The canonical names of all units with an exposure in an experiment since a time, in order, and when the first
    was. Reads every day since.
    """
    return [(unit, first) for unit, first in _fetch(_EXPOSED, [experiment_id, through, since, since])]


def histories(experiment_id: int, *, through: int) -> Iterator[tuple[str, list[Seen]]]:
    """Each unit ever exposed in an experiment with all events of all its names, read as they are needed."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # The rows come through a cursor, which is planned for its first tenth unless told that all will be read.
            cursor.execute("set local cursor_tuple_fraction = 1")
        with connection.chunked_cursor() as cursor:
            cursor.execute(_HISTORY, [through, experiment_id, through])
            rows = map(Seen._make, chain.from_iterable(iter(lambda: cursor.fetchmany(CHUNK), [])))
            for unit, events in groupby(rows, key=attrgetter("unit")):
                yield unit, list(events)


def names_of(units: Iterable[str]) -> Mapping[str, list[str]]:
    """All names of each canonical unit, its own first. One query."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    asked = list(units)
    for unit in asked:
        names[unit].append(unit)
    aliases = UnitIdentity.objects.filter(canonical__in=asked).exclude(unit__in=asked)
    for unit, canonical in aliases.values_list("unit", "canonical"):
        names[canonical].append(unit)
    return names


def _fetch(query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
