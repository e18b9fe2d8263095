"""Quiet hours and caps by property: never in the quiet or the past, never late for nothing, never one too many."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as draw

from campaigns.quiet import earliest, is_capped, is_quiet, window_start, zone_of

ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
zones = draw.sampled_from(ZONES).map(ZoneInfo)
clocks = draw.times().map(lambda clock: clock.replace(second=0, microsecond=0))
moments = draw.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=draw.just(UTC))  # noqa: DTZ001


@given(moments, clocks, clocks, zones)
def test_a_message_goes_outside_the_quiet_hours_and_within_a_day(
    now: datetime, begin: time, end: time, zone: ZoneInfo
) -> None:
    goes = earliest(now, begin, end, zone)
    assert not is_quiet(goes.astimezone(zone).time(), begin, end)
    # A day has 25 hours at most, and an end that the clocks skip comes an hour later.
    assert now <= goes <= now + timedelta(hours=26)


@given(moments, clocks, clocks, zones)
def test_outside_the_quiet_hours_nothing_waits(now: datetime, begin: time, end: time, zone: ZoneInfo) -> None:
    if not is_quiet(now.astimezone(zone).time(), begin, end):
        assert earliest(now, begin, end, zone) == now


@given(moments, clocks, zones)
def test_without_quiet_hours_nothing_waits(now: datetime, clock: time, zone: ZoneInfo) -> None:
    for begin, end in ((None, None), (clock, None), (None, clock), (clock, clock)):
        assert earliest(now, begin, end, zone) == now


@pytest.mark.parametrize(
    ("zone", "now", "goes"),
    [
        ("Europe/Berlin", "2026-11-25T22:30+01:00", "2026-11-26T08:00+01:00"),
        ("Europe/Berlin", "2026-11-26T03:00+01:00", "2026-11-26T08:00+01:00"),
        ("Asia/Shanghai", "2026-11-25T22:30+01:00", "2026-11-26T08:00+08:00"),
        ("America/New_York", "2026-11-25T22:30+01:00", "2026-11-25T16:30-05:00"),
        # The night before the clocks go forward, and the one before they go back.
        ("Europe/Berlin", "2026-03-28T23:00+01:00", "2026-03-29T08:00+02:00"),
        ("Europe/Berlin", "2026-10-24T23:00+02:00", "2026-10-25T08:00+01:00"),
    ],
)
def test_the_hours_are_those_where_the_shopper_lives(zone: str, now: str, goes: str) -> None:
    found = earliest(datetime.fromisoformat(now), time(21), time(8), ZoneInfo(zone))
    assert found == datetime.fromisoformat(goes)


def test_an_end_that_comes_twice_is_not_in_the_past() -> None:
    # 02:40 for the second time in Berlin; quiet until 02:50, which has been once already.
    now = datetime(2026, 10, 25, 1, 40, tzinfo=UTC)
    assert earliest(now, time(1), time(2, 50), ZoneInfo("Europe/Berlin")) == now + timedelta(minutes=10)


@pytest.mark.parametrize("name", ["", "Nowhere/Land", "../../etc/passwd", "x\0y"])
def test_an_unknown_zone_is_the_shops(name: str) -> None:
    assert zone_of(name, UTC) is UTC


@given(
    draw.lists(draw.timedeltas(timedelta(0), timedelta(days=40)), max_size=8),
    draw.integers(1, 5),
    draw.integers(1, 30),
)
def test_nobody_gets_more_than_the_cap_in_any_window(waits: list[timedelta], most: int, days: int) -> None:
    now, sent = datetime(2026, 1, 1, tzinfo=UTC), list[datetime]()
    for wait in waits:
        now += wait
        if not is_capped(sent, now, most, days):
            sent.append(now)
        assert sum(window_start(now, days) < moment <= now for moment in sent) <= most
        assert not is_capped(sent, now, None, days)


@given(draw.integers(1, 5), draw.integers(1, 30))
def test_the_cap_opens_again_when_the_days_are_over(most: int, days: int) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    sent = [first] * most
    assert is_capped(sent, first + timedelta(days=days) - timedelta(seconds=1), most, days)
    assert not is_capped(sent, first + timedelta(days=days), most, days)
