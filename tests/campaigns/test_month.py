"""A month of campaigns: whole weeks, bars in lanes, and which two are in each other's way."""

from __future__ import annotations

from datetime import date

import pytest

from campaigns import month
from campaigns.month import Span


def span(name: str, first: str, last: str | None, **fields: object) -> Span:
    ends = date.fromisoformat(last) if last else None
    return Span(name.lower(), name, date.fromisoformat(first), ends, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("2026-11-25", "2026-10-26", "2026-12-06"),
        ("2027-02-01", "2027-02-01", "2027-02-28"),
        ("2024-02-29", "2024-01-29", "2024-03-03"),
        ("2026-12-31", "2026-11-30", "2027-01-03"),
    ],
)
def test_a_month_is_shown_in_whole_weeks_from_monday(asked: str, first: str, last: str) -> None:
    begins, ends = month.bounds(date.fromisoformat(asked))
    assert (begins.isoformat(), ends.isoformat()) == (first, last)
    assert (begins.weekday(), ends.weekday()) == (0, 6)


def test_the_months_before_and_after_cross_the_year() -> None:
    assert month.following(date(2026, 12, 31)) == date(2027, 1, 1)
    assert month.preceding(date(2027, 1, 1)) == date(2026, 12, 1)
    assert month.following(date(2027, 1, 31)) == date(2027, 2, 1)


def test_a_bar_is_cut_at_the_weeks_and_each_lane_is_seven_days_long() -> None:
    weeks = month.weeks(date(2026, 11, 1), [span("Long", "2026-11-12", "2026-11-17")])
    bars = [[(bar.days, bar.span is not None) for bar in lane] for week in weeks for lane in week.lanes]
    assert bars == [[(3, False), (4, True)], [(2, True), (5, False)]]
    cut = [bar for week in weeks for lane in week.lanes for bar in lane if bar.span]
    assert [(bar.goes_before, bar.goes_on) for bar in cut] == [(False, True), (True, False)]
    assert {len(week.days) for week in weeks} == {7}


def test_campaigns_that_meet_stand_in_lanes_of_their_own_and_others_share_one() -> None:
    spans = [
        span("A", "2026-11-02", "2026-11-03"),
        span("B", "2026-11-03", "2026-11-04"),
        span("C", "2026-11-04", "2026-11-08"),
    ]
    lanes = month.weeks(date(2026, 11, 1), spans)[1].lanes
    named = [[bar.span.name for bar in lane if bar.span] for lane in lanes]
    assert named == [["A", "C"], ["B"]]
    assert [sum(bar.days for bar in lane) for lane in lanes] == [7, 7]


def test_one_without_an_end_goes_on_in_every_later_week() -> None:
    weeks = month.weeks(date(2026, 11, 1), [span("Open", "2026-11-25", None)])
    assert [len(week.lanes) for week in weeks] == [0, 0, 0, 0, 1, 1]
    assert weeks[5].lanes[0][0].goes_on


STUDENTS, EVERYONE, TOTE = {"students": "Students"}, {"everyone": "Everyone"}, {"BAG-1": "Canvas Tote"}


@pytest.mark.parametrize(
    ("other", "audiences", "products"),
    [
        (span("B", "2026-11-10", "2026-11-20", audiences=STUDENTS), ("Students",), ()),
        (span("B", "2026-11-05", None, products=TOTE), (), ("Canvas Tote",)),
        (span("B", "2026-11-01", "2026-11-30", audiences=STUDENTS, products=TOTE), ("Students",), ("Canvas Tote",)),
    ],
    ids=["same-audience", "same-product", "both"],
)
def test_two_that_are_on_together_collide_by_audience_or_product(
    other: Span, audiences: tuple[str, ...], products: tuple[str, ...]
) -> None:
    one = span("A", "2026-11-01", "2026-11-10", audiences=STUDENTS, products=TOTE)
    found = month.collisions([one, other])
    assert [(each.audiences, each.products) for each in found] == [(audiences, products)]
    assert (found[0].first, found[0].last) == (max(one.first, other.first), date(2026, 11, 10))


@pytest.mark.parametrize(
    "other",
    [
        span("B", "2026-11-11", None, audiences=STUDENTS),
        span("B", "2026-11-01", "2026-11-10", audiences=EVERYONE),
        span("B", "2026-11-01", "2026-11-10", is_on=False, audiences=STUDENTS, products=TOTE),
    ],
    ids=["afterwards", "nothing-shared", "over"],
)
def test_these_do_not_collide(other: Span) -> None:
    assert month.collisions([span("A", "2026-11-01", "2026-11-10", audiences=STUDENTS, products=TOTE), other]) == []
