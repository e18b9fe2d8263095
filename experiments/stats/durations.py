"""From units to days: how long a planned test takes, and how much longer a running one will.

Whole days, rounded up, because a test should see each hour of the day equally often; whole weeks on request, for the
days of the week.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

DAYS_A_WEEK = 7


def days_needed(units: float, *, daily_units: float, share: float = 1.0, whole_weeks: bool = False) -> int:
    """Days until `units` (all arms) have come, if `daily_units` new ones come a day and `share` of them take part."""
    _not_negative("units", units)
    if not (math.isfinite(daily_units) and daily_units > 0):
        raise ValueError(f"daily_units: {daily_units} is not a positive number")
    if not 0 < share <= 1:
        raise ValueError(f"share: {share} is not above 0 and at most 1")
    days = max(math.ceil(units / (daily_units * share)), 1)
    return math.ceil(days / DAYS_A_WEEK) * DAYS_A_WEEK if whole_weeks else days


def arrival_rate(new_units_by_day: Sequence[float], *, window: int = DAYS_A_WEEK) -> float:
    """New units a day, as measured over the last `window` whole days (all of them where there are fewer).

    The last days and not all: the first day of a test brings the regular shoppers, later ones only who is new.
    """
    if window < 1:
        raise ValueError(f"window: {window} is not at least 1")
    last = list(new_units_by_day)[-window:]
    for value in last:
        _not_negative("new_units_by_day", value)
    return sum(last) / len(last) if last else 0.0


def days_left(planned_units: float, *, units_so_far: float, daily_units: float) -> int | None:
    """Days until the plan is full at the measured rate: 0 when it is, None when nobody arrives."""
    _not_negative("planned_units", planned_units)
    _not_negative("units_so_far", units_so_far)
    _not_negative("daily_units", daily_units)
    missing = planned_units - units_so_far
    if missing <= 0:
        return 0
    return math.ceil(missing / daily_units) if daily_units > 0 else None


def _not_negative(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name}: {value} is negative or not finite")
