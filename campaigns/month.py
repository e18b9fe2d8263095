"""A month with campaigns in it: weeks, bars in lanes, and where two campaigns get in each other's way. Pure.

Weeks begin on Monday. A campaign takes whole days of the shop's time zone; one without an end goes on for ever. Two
campaigns collide where they are on at the same time and speak to the same audience or sell the same product: a shopper
who is in both tests is counted in both, and neither text works alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

DAYS_IN_WEEK = 7


@dataclass(frozen=True)
class Span:
    """A campaign in time: `last` is its last day, None where nobody said when it ends. `is_on`: running or scheduled.

    `audiences` and `products` map what identifies them to the names a reader knows.
    """

    key: str
    name: str
    first: date
    last: date | None
    is_on: bool = True
    audiences: Mapping[str, str] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)

    def meets(self, first: date, last: date) -> bool:
        """Whether it has a day in common with these."""
        return self.first <= last and (self.last is None or self.last >= first)


@dataclass(frozen=True)
class Bar:
    """A part of a lane: `days` long, empty where `span` is None; cut where the span goes on in another week."""

    days: int
    span: Span | None = None
    goes_before: bool = False
    goes_on: bool = False


@dataclass(frozen=True)
class Week:
    """Seven days and the lanes of bars below them."""

    days: tuple[date, ...]
    lanes: tuple[tuple[Bar, ...], ...]


@dataclass(frozen=True)
class Collision:
    """Two campaigns that are on at the same time from `first` to `last` (None: with no end in sight)."""

    one: Span
    other: Span
    first: date
    last: date | None
    audiences: tuple[str, ...]
    products: tuple[str, ...]


def weeks(month: date, spans: Sequence[Span]) -> list[Week]:
    """The weeks that have a day of the month, each with its bars."""
    first, last = bounds(month)
    starts = (first + timedelta(days=offset) for offset in range(0, (last - first).days + 1, DAYS_IN_WEEK))
    return [_week(tuple(start + timedelta(days=day) for day in range(DAYS_IN_WEEK)), spans) for start in starts]


def bounds(month: date) -> tuple[date, date]:
    """The first and the last day that a page of the month shows: whole weeks."""
    first = month.replace(day=1)
    last = following(month) - timedelta(days=1)
    return first - timedelta(days=first.weekday()), last + timedelta(days=DAYS_IN_WEEK - 1 - last.weekday())


def following(month: date) -> date:
    """The first day of the month after."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def preceding(month: date) -> date:
    """The first day of the month before."""
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)


def collisions(spans: Iterable[Span]) -> list[Collision]:
    """Every two campaigns that are on, meet in time and share an audience or a product, the soonest first."""
    met = together(spans)
    found = [_collision(one, other) for one, other in met]
    return [one for one in found if one.audiences or one.products]


def together(spans: Iterable[Span]) -> list[tuple[Span, Span]]:
    """Every two campaigns that are on and meet in time, by the day on which they meet."""
    on = [one for one in spans if one.is_on]
    pairs = [(one, other) for one, other in itertools.combinations(on, 2) if _meet(one, other)]
    return sorted(pairs, key=lambda pair: (max(pair[0].first, pair[1].first), pair[0].name, pair[1].name))


def shared_days(one: Span, other: Span) -> tuple[date, date | None]:
    """The first and the last day on which both are on; no last one where neither has an end."""
    ends = [span.last for span in (one, other) if span.last is not None]
    return max(one.first, other.first), min(ends, default=None)


def _meet(one: Span, other: Span) -> bool:
    first, last = shared_days(one, other)
    return last is None or first <= last


def _collision(one: Span, other: Span) -> Collision:
    first, last = shared_days(one, other)
    audiences = tuple(name for key, name in one.audiences.items() if key in other.audiences)
    products = tuple(name for key, name in one.products.items() if key in other.products)
    return Collision(one, other, first, last, audiences, products)


def _week(days: tuple[date, ...], spans: Sequence[Span]) -> Week:
    here = sorted((span for span in spans if span.meets(days[0], days[-1])), key=lambda span: (span.first, span.name))
    lanes: list[list[Span]] = []
    for span in here:
        free = next((lane for lane in lanes if not lane[-1].meets(span.first, span.first)), None)
        if free is None:
            lanes.append([span])
        else:
            free.append(span)
    return Week(days, tuple(_lane(days, lane) for lane in lanes))


def _lane(days: tuple[date, ...], spans: Sequence[Span]) -> tuple[Bar, ...]:
    bars, at = [], 0
    for span in spans:
        begin = max(0, (span.first - days[0]).days)
        end = DAYS_IN_WEEK - 1 if span.last is None else min(DAYS_IN_WEEK - 1, (span.last - days[0]).days)
        if begin > at:
            bars.append(Bar(begin - at))
        goes_on = span.last is None or span.last > days[-1]
        bars.append(Bar(end - begin + 1, span, goes_before=span.first < days[0], goes_on=goes_on))
        at = end + 1
    if at < DAYS_IN_WEEK:
        bars.append(Bar(DAYS_IN_WEEK - at))
    return tuple(bars)
