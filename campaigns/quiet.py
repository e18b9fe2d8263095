"""When a message may go, and when somebody has had enough of them. Pure.

Quiet hours are clock times where the shopper lives, so that "not before eight" holds in Berlin and in Shanghai. They
may span midnight. Nights on which the clocks change have hours twice or not at all; both are taken as the clock on the
wall shows them, and the answer is never in the past.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def earliest(now: datetime, begin: time | None, end: time | None, zone: tzinfo) -> datetime:
    """The first moment from `now` on (which has a zone) that is not quiet; `now` itself where it is not. In UTC.

    Without `begin` or `end`, or where both are the same, no hour is quiet.
    """
    here = now.astimezone(zone)
    if begin is None or end is None or not is_quiet(here.time(), begin, end):
        return now.astimezone(UTC)
    # The end may come twice where clocks go back, and lies on the next day where the hours span midnight.
    ends = (
        datetime.combine(here.date() + timedelta(days=days), end, tzinfo=zone).replace(fold=fold).astimezone(UTC)
        for days in (0, 1)
        for fold in (0, 1)
    )
    return next(moment for moment in ends if moment > now and not is_quiet(moment.astimezone(zone).time(), begin, end))


def is_quiet(clock: time, begin: time, end: time) -> bool:
    """Whether a clock time lies in [begin, end), which may span midnight; nothing does where both are the same."""
    if begin <= end:
        return begin <= clock < end
    return clock >= begin or clock < end


def zone_of(name: str, default: tzinfo) -> tzinfo:
    """The time zone of that name, or the default where it is not known."""
    try:
        return ZoneInfo(name) if name else default
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return default


def is_capped(sent: Iterable[datetime], now: datetime, most: int | None, days: int) -> bool:
    """Whether the messages sent in the last `days` are as many as may be, so that one more is too many."""
    return most is not None and sum(window_start(now, days) < moment for moment in sent) >= most


def window_start(now: datetime, days: int) -> datetime:
    """What was sent at this moment or before is no longer counted."""
    return now - timedelta(days=days)
