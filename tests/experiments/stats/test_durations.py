"""Days: whole, never none, from measured arrivals."""

from __future__ import annotations

import pytest

from experiments.stats.durations import arrival_rate, days_left, days_needed


def test_days_are_whole_and_at_least_one() -> None:
    assert days_needed(10_000, daily_units=1_000) == 10
    assert days_needed(10_001, daily_units=1_000) == 11
    assert days_needed(10_000, daily_units=1_000, share=0.3) == 34
    assert days_needed(0, daily_units=1_000) == 1
    assert days_needed(10_001, daily_units=1_000, whole_weeks=True) == 14
    assert days_needed(14_000, daily_units=1_000, whole_weeks=True) == 14


def test_the_rate_is_that_of_the_last_whole_days() -> None:
    assert arrival_rate([900, 100, 100, 100, 100, 100, 100, 100]) == 100
    assert arrival_rate([900, 100], window=7) == 500
    assert arrival_rate([]) == 0


def test_days_left() -> None:
    assert days_left(10_000, units_so_far=9_950, daily_units=100) == 1
    assert days_left(10_000, units_so_far=5_000, daily_units=700) == 8
    assert days_left(10_000, units_so_far=10_000, daily_units=0) == 0
    assert days_left(10_000, units_so_far=5_000, daily_units=0) is None


def test_wrong_input_names_the_field() -> None:
    for named, call in (
        ("daily_units", lambda: days_needed(1, daily_units=0)),
        ("share", lambda: days_needed(1, daily_units=1, share=0)),
        ("units", lambda: days_needed(-1, daily_units=1)),
        ("window", lambda: arrival_rate([1], window=0)),
        ("new_units_by_day", lambda: arrival_rate([-1])),
        ("planned_units", lambda: days_left(float("nan"), units_so_far=0, daily_units=1)),
    ):
        with pytest.raises(ValueError, match=f"^{named}: "):
            call()
