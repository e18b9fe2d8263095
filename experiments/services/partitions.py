"""Day partitions of the event table: made ahead each hour, and on demand for a day nobody foresaw. Never dropped.

A day is made beside the table and then attached: `create table … partition of` would lock the whole table against
readers and writers, attaching does not. How long events are kept is the operator's decision (docs/events.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

DAYS_AHEAD = 7
# Any number nobody else uses: who makes days does so one at a time.
PARTITIONS_LOCK = 0x434C0002

# Not to_regclass(): it answers from a cache that another connection's new table reaches only later.
_MISSING = """
select day from unnest(%s::date[]) as day
where not exists (
    select from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'experiments_event'::regclass and relname = 'experiments_event_' || to_char(day, 'YYYYMMDD')
)
order by day
"""


def keep_partitions(today: date | None = None) -> int:
    """See that yesterday, today and the coming week have partitions. Returns how many were made; may run twice."""
    first = (today or datetime.now(UTC).date()) - timedelta(days=1)
    return ensure_partitions(first + timedelta(days=offset) for offset in range(DAYS_AHEAD + 2))


def ensure_partitions(days: Iterable[date]) -> int:
    """Make the partitions of these days that are missing, and return how many. Safe to run from many places at once.

    They are committed before this returns, unless the caller holds a transaction open.
    """
    wanted = sorted(set(days))
    if not missing_days(wanted):
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
        missing = missing_days(wanted)
        for day in missing:
            cursor.execute(_creation(day))
    return len(missing)


def missing_days(days: list[date]) -> list[date]:
    """Those of the days that have no partition."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, [days])
        return [day for (day,) in cursor.fetchall()]


def _creation(day: date) -> str:
    # Only a date goes into the text, so nothing can be injected; identifiers cannot be parameters.
    name = f"experiments_event_{day:%Y%m%d}"
    return (
        f"create table {name} (like experiments_event including defaults including constraints);"
        f"alter table experiments_event attach partition {name} "
        f"for values from ('{day:%Y-%m-%d}') to ('{day + timedelta(days=1):%Y-%m-%d}')"
    )
