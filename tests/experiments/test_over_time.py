"""A lift from look to look: the boundary agrees with the interval, and only what was really looked at is drawn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import over_time, services
from experiments.over_time import Point
from experiments.queries.over_time import goal_over_time
from tests.experiments import shop
from tests.experiments.test_designs_live import fresh, visit

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


def point(units: int = 1000, estimate: float = 0.2, lower: float = -0.1, upper: float = 0.5) -> Point:
    return Point(AT, units, 1, False, estimate, lower, upper)


def drawn(found: list[Point], planned: int | None = None) -> str:
    return over_time.draw(
        found, planned=planned, title="<B>", axis="shoppers", share=lambda v: f"{v:.0%}", count=lambda v: f"{v:.0f}"
    )


@given(st.floats(-0.9, 3), st.floats(0.01, 0.99), st.floats(1.01, 4))
def test_a_lift_is_beyond_its_boundary_exactly_where_its_interval_leaves_out_zero(
    estimate: float, down: float, up: float
) -> None:
    one = point(estimate=estimate, lower=(1 + estimate) * down - 1, upper=(1 + estimate) * up - 1)
    assert one.above is not None
    assert one.below is not None
    if abs(one.lower) > 1e-9:
        assert (one.estimate > one.above) == (one.lower > 0)
    if abs(one.upper) > 1e-9:
        assert (one.estimate < one.below) == (one.upper < 0)


def test_a_lift_that_may_be_minus_everything_has_no_boundary_above() -> None:
    assert point(lower=-1.0).above is None
    assert point(lower=-1.0).below == pytest.approx(1.2 / 1.5 - 1)


def test_one_look_is_no_line() -> None:
    assert drawn([]) == ""
    assert drawn([point()]) == ""


def test_the_picture_has_the_pages_colours_and_tells_clear_looks_by_their_form() -> None:
    svg = drawn([point(1000), point(2000, lower=0.05)], planned=4000)
    assert svg.count("<circle") == 2
    assert svg.count('fill="var(--accent)"') == 1
    assert "#" not in svg
    assert 'aria-label="&lt;B&gt;"' in svg
    assert ">4000<" in svg


def test_a_very_wide_interval_is_drawn_cut_off() -> None:
    svg = drawn([point(1000, upper=900.0), point(2000)])
    assert ">90000%<" not in svg
    assert ">200%<" in svg


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.1), (-2.1, 2.1), (0.0, 5000.0), (-0.004, 0.003)])
def test_ticks_are_round_and_within(low: float, high: float) -> None:
    found = over_time.ticks(low, high)
    assert 2 <= len(found) <= 7
    assert all(low - 1e-9 <= one <= high + 1e-9 for one in found)


def row(**fields: Any) -> dict[str, Any]:
    return {"created_at": AT, "units": 10, "look": 1, "is_final": False, "comparisons": None, **fields}


def test_looks_without_a_bounded_lift_are_left_out() -> None:
    open_ended = {"arm": "b", "lift": {"estimate": 0.1, "lower": -0.2, "upper": None}}
    known = {"arm": "b", "lift": {"estimate": 0.1, "lower": -0.2, "upper": 0.4}}
    silent = {"arm": "b", "lift": None}
    rows = [row(), row(comparisons=[silent]), row(comparisons=[open_ended]), row(comparisons=[known], units=20)]
    assert [one.units for one in over_time.points(rows, "b")] == [20]
    assert over_time.points(rows, "c") == []


@pytest.mark.django_db
def test_every_look_of_a_planned_test_is_a_point_and_so_is_its_end() -> None:
    experiment = shop.running(planned_units=400, planned_looks=4)
    for numbers in (range(60), range(60, 130), range(130, 330)):
        visit(numbers, buy={"a": 5, "b": 4})
        services.analyse(experiment)
    services.analyse(services.stop_experiment(fresh(experiment), actor="test"))
    rows = goal_over_time(experiment)
    # The reading before the first look is one of the day; it has no lift and makes no point.
    assert [(one["units"], one["look"], one["is_final"]) for one in rows] == [
        (60, None, False),
        (130, 1, False),
        (330, 3, False),
        (330, None, True),
    ]
    assert [one.units for one in over_time.points(rows, "b")] == [130, 330, 330]


@pytest.mark.django_db
def test_a_test_read_at_any_time_has_a_point_a_day_from_one_query(django_assert_num_queries: Any) -> None:
    experiment = shop.running()
    for numbers in (range(60), range(60, 130)):
        visit(numbers, buy={"a": 5, "b": 4})
        made = services.analyse(experiment)
        type(made).objects.filter(pk=made.pk).update(created_at=AT.replace(hour=numbers.start // 60 + 1))
    with django_assert_num_queries(1):
        rows = goal_over_time(experiment)
    assert [one["units"] for one in rows] == [130]


@pytest.mark.django_db
def test_looks_of_an_earlier_phase_are_another_story() -> None:
    experiment = shop.running(planned_units=400, planned_looks=4)
    visit(range(130), buy={"a": 5, "b": 4})
    services.analyse(experiment)
    again = services.start_phase(fresh(experiment), actor="test")
    assert goal_over_time(again) == []
