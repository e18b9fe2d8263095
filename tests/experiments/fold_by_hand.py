"""What counts, written a second time and in the plainest way (docs/events.md), for the tests of the fold.

An event is a dictionary; times are minutes from a common start. Nothing of the platform's own counting is used.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from experiments import services
from experiments.models import ArmMoments, Experiment, SliceMoments
from experiments.services import auditing
from experiments.stats.moments import Moments
from tests.experiments.shop import event, now

Drawn = dict[str, Any]
Place = tuple[str, str, str]
DAY = 24 * 60


@dataclass
class Plan:
    """The settings of an experiment that decide what counts, in minutes where they are times."""

    key: str
    window: int | None = None
    history_days: int = 28
    cap: float | None = None
    custom: tuple[tuple[str, str, str, int | None], ...] = ()
    dimensions: dict[str, list[str]] = field(default_factory=dict)
    adaptive: bool = False
    phase: int | None = None
    stop: int | None = None


def take_in(drawn: Drawn, number: int, start: datetime) -> None:
    """Send one event."""
    fields = {name: value for name, value in drawn.items() if name not in {"minute", "kind", "unit"}}
    at = start + timedelta(minutes=drawn["minute"])
    services.ingest([event(drawn["kind"], drawn["unit"], id=f"e-{number:03}", occurred_at=at, **fields)], now())


def expected(plan: Plan, events: list[Drawn], same: list[tuple[str, str]], start: datetime) -> dict[Place, Moments]:
    """The moments of every arm and slice that has units. `same` are the pairs of names that were joined."""
    rows: dict[Place, list[list[float]]] = defaultdict(list)
    for names in groups({one["unit"] for one in events}, same):
        mine = [
            (number, one)
            for number, one in enumerate(events)
            if one["unit"] in names and one.get("experiment", plan.key) == plan.key
        ]
        for place, row in unit_row(plan, mine, start):
            rows[place].append(row)
    columns = [*ALL, *(column[0] for column in plan.custom)]
    return {place: Moments.from_rows(columns, found) for place, found in rows.items()}


# fmt: off
ALL = [
    "impressions", "clicks", "converted", "orders", "revenue", "margin", "cost", "rating_sum", "rating_count",
    "clicked", "revenue_capped", "detractors", "returned", "pre_clicks", "pre_orders", "pre_revenue",
]
# fmt: on


def groups(units: set[str], same: list[tuple[str, str]]) -> list[set[str]]:
    """The names of each unit."""
    found = [{unit} for unit in units]
    for left, right in same:
        joined = {left, right}.union(*(group for group in found if group & {left, right}))
        found = [group for group in found if not group & joined] + [joined]
    return found


def unit_row(plan: Plan, mine: list[tuple[int, Drawn]], start: datetime) -> list[tuple[Place, list[float]]]:
    """Where a unit counts, and with what."""
    mine = [(number, one) for number, one in mine if plan.stop is None or one["minute"] <= plan.stop]
    in_phase = [(number, one) for number, one in mine if plan.phase is None or one["minute"] >= plan.phase]
    exposures = [(one["minute"], number, one) for number, one in in_phase if one["kind"] == "exposure"]
    real = [found for found in exposures if not found[2].get("is_prefetch")]
    if not exposures or len({one["arm"] for *_, one in real}) == 2:
        return []
    first, _, opening = min(real or exposures, key=lambda found: found[:2])
    oldest = first - 60 - plan.history_days * DAY
    is_marked = not real or any(one.get("is_bot") and one["minute"] >= oldest for _, one in mine)
    clean = [one for _, one in mine if not one.get("is_prefetch")]
    before = [one for one in clean if oldest <= one["minute"] < first - 60]
    after = [one for number, one in in_phase if one in clean and one["minute"] >= first - 60]
    arm = opening["arm"]
    row = numbers(plan, first, before=before, after=after)
    if is_marked:
        return [((arm, "marked", "bot"), row)]
    return [((arm, dimension, value), row) for dimension, value in slices(plan, first, opening, start)]


def slices(plan: Plan, first: int, opening: Drawn, start: datetime) -> list[tuple[str, str]]:
    """The slices of a unit, the arm as a whole before them."""
    properties = opening.get("properties", {})
    found = [("", ""), ("day", f"{start + timedelta(minutes=first):%Y-%m-%d}")]
    for key, values in plan.dimensions.items():
        value = str(properties[key]) if key in properties else "(none)"
        found.append((key, value if value in [*values, "(none)"] else "(other)"))
    if plan.adaptive and "batch" in properties:
        found.append(("batch", str(properties["batch"])))
    return found


def numbers(plan: Plan, first: int, *, before: list[Drawn], after: list[Drawn]) -> list[float]:
    """The row of one unit."""
    counted = [one for one in after if one["kind"] != "custom" and within(one, first, plan.window)]

    def of(kind: str, name: str = "") -> float:
        return sum(one.get(name, 0) if name else 1 for one in counted if one["kind"] == kind and (not name or own(one)))

    orders, revenue = of("conversion"), of("conversion", "value")
    custom = [custom_number(plan, column, first, after) for column in plan.custom]
    came = [one for one in counted if one["kind"] != "cost"] + [one for _, used in custom for one in used]
    bought = [one for one in before if one["kind"] == "conversion"]
    return [
        of("exposure"),
        of("click"),
        min(orders, 1),
        orders,
        revenue,
        of("conversion", "margin"),
        of("cost", "value"),
        of("rating", "value"),
        of("rating"),
        min(of("click"), 1),
        revenue if plan.cap is None else min(revenue, plan.cap),
        sum(1 for one in counted if one["kind"] == "rating" and one["value"] <= 2),
        1 if any(one["minute"] >= first + DAY for one in came) else 0,
        sum(1 for one in before if one["kind"] == "click"),
        len(bought),
        sum(one.get("value", 0) for one in bought if own(one)),
        *(number for number, _ in custom),
    ]


def within(one: Drawn, first: int, window: int | None) -> bool:
    return window is None or one["minute"] <= first + window


def own(one: Drawn) -> bool:
    """Whether its money is in the experiment's currency."""
    return bool(one.get("currency", "USD") == "USD")


def custom_number(
    plan: Plan, column: tuple[str, str, str, int | None], first: int, after: list[Drawn]
) -> tuple[float, list[Drawn]]:
    """A custom column of a unit, and the events that are in it."""
    _, name, aggregate, hours = column
    window = plan.window if hours is None else hours * 60
    used = [one for one in after if one["kind"] == "custom" and one.get("name") == name and within(one, first, window)]
    if aggregate == "sum":
        return sum(one.get("value", 0) for one in used if own(one)), used
    return (len(used) if aggregate == "count" else min(len(used), 1)), used


def assert_as_expected(experiment: Experiment, wanted: dict[Place, Moments]) -> None:
    """The stored moments are these and the platform's own recomputation agrees."""
    assert services.audit_moments(experiment) == []
    streamed = {
        (row.arm.key, row.dimension, row.value): row.moments()
        for row in SliceMoments.objects.filter(arm__experiment=experiment).select_related("arm")
    }
    for row in ArmMoments.objects.filter(arm__experiment=experiment).select_related("arm"):
        if row.n:
            streamed[row.arm.key, "", ""] = row.value()
    assert streamed.keys() == wanted.keys()
    for place, moments in wanted.items():
        assert list(auditing.differences(streamed[place], moments)) == [], place
