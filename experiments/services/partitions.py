"""Day partitions of the event table: made ahead each hour, and on demand for a day nobody foresaw.

A day is made beside the table and then attached: `create table … partition of` would lock the whole table against
readers and writers, attaching does not. services.retention drops days, where the operator wants that; a dropped day is
never made again, or its events could come and count a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

from core.models import AuditEntry

DAYS_AHEAD = 7
# The entry of the audit trail that says from which day on events are kept. It cannot be changed or lost.
DROPPED = "events.dropped"
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
_PRESENT = """
select to_date(right(relname, 8), 'YYYYMMDD') as day from pg_inherits join pg_class on pg_class.oid = inhrelid
where inhparent = 'experiments_event'::regclass order by day
"""


def keep_partitions(today: date | None = None) -> int:
    """See that yesterday, today and the coming week have partitions. Returns how many were made; may run twice."""
    first = (today or datetime.now(UTC).date()) - timedelta(days=1)
    return ensure_partitions(first + timedelta(days=offset) for offset in range(DAYS_AHEAD + 2))


def ensure_partitions(days: Iterable[date]) -> int:
    """Make the partitions of these days that are missing, and return how many. Safe to run from many places at once.

    They are committed before this returns, unless the caller holds a transaction open. Days before `events_kept_since`
    are passed over.
    """
    wanted = sorted(set(days))
    if not missing_days(wanted):
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
        kept_since = events_kept_since()
        missing = [day for day in missing_days(wanted) if kept_since is None or day >= kept_since]
        for day in missing:
            cursor.execute(_creation(day))
    return len(missing)


def events_kept_since() -> date | None:
    """The first day whose events are kept; None where none were ever dropped. What occurred before is gone for good."""
    newest = AuditEntry.objects.filter(action=DROPPED).order_by("-id").values_list("data", flat=True).first()
    return None if newest is None else date.fromisoformat(newest["kept_since"])


def missing_days(days: list[date]) -> list[date]:
    """Those of the days that have no partition."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, [days])
        return [day for (day,) in cursor.fetchall()]


def partition_days() -> list[date]:
    """The days that have a partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_PRESENT)
        return [day for (day,) in cursor.fetchall()]


def partition_of(day: date) -> str:
    """The table of a day. Only a date goes into the text, so nothing can be injected; names cannot be parameters."""
    return f"experiments_event_{day:%Y%m%d}"


def _creation(day: date) -> str:
    name = partition_of(day)
    return (
        f"create table {name} (like experiments_event including defaults including constraints);"
        f"alter table experiments_event attach partition {name} "
        f"for values from ('{day:%Y-%m-%d}') to ('{day + timedelta(days=1):%Y-%m-%d}')"
    )
