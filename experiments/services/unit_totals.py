"""What one unit's events add up to in one experiment: the rule of counting, in one place. The functions below are pure;
`countable` and `seen` say which rows they are fed with.

An event counts where it occurred from one hour before the unit's first exposure on, and not after the experiment was
stopped. The hour is for clocks: a shop's servers, its browsers and ours disagree, and a click often carries an earlier
time than the exposure that its page reported late. It is the same hour in every arm, so it favours none.

A unit exposed in two arms stays in neither: it is kept, flagged and counted apart (`in_two_arms`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from django.db.models import QuerySet

from experiments.models import Event, EventKind, Experiment, UnitTotals
from experiments.stats.metrics import UNIT_COLUMNS

CLOCK_SLACK = timedelta(hours=1)
ZERO = Decimal(0)
# Events that never count: they are kept, and can be asked for later.
UNCOUNTED = (EventKind.CUSTOM.value,)


class Seen(NamedTuple):
    """The columns of a stored event that counting needs, in the order of `FIELDS`."""

    sequence: int
    id: str
    kind: str
    experiment_id: int | None
    arm_id: int | None
    unit: str
    occurred_at: datetime
    value: Decimal | None
    margin: Decimal | None
    currency: str | None


FIELDS = Seen._fields


def countable() -> QuerySet[Event]:
    """Every stored event that can count at all: no bots, no custom kinds. `seen` reads it."""
    return Event.objects.filter(is_bot=False).exclude(kind__in=UNCOUNTED)


def seen(events: QuerySet[Event]) -> Iterator[Seen]:
    """The rows of a query over events, without building models."""
    return map(Seen._make, events.values_list(*FIELDS))


def vector(totals: UnitTotals) -> list[float]:
    """The unit's row for the moments, in the order of UNIT_COLUMNS."""
    return [float(_DERIVED.get(column, attrgetter(column))(totals)) for column in UNIT_COLUMNS]


_DERIVED: dict[str, Callable[[UnitTotals], float]] = {
    "clicked": lambda totals: totals.clicks > 0,
    "revenue_capped": lambda totals: float(totals.revenue),
}


def total_up(unit: str, experiment: Experiment, events: Sequence[Seen]) -> UnitTotals | None:
    """The totals from all events of a unit, in any order; None where it was never exposed."""
    exposures = [event for event in events if _exposes(event, experiment)]
    if not exposures:
        return None
    first = min(exposures, key=lambda event: (event.occurred_at, event.id))
    assert first.arm_id is not None  # noqa: S101 - the table refuses an exposure without an arm
    totals = UnitTotals(
        experiment=experiment,
        unit=unit,
        arm_id=first.arm_id,
        first_exposed_at=first.occurred_at,
        last_event_at=first.occurred_at,
        **dict.fromkeys(("revenue", "margin", "cost", "rating_sum"), ZERO),
    )
    for event in events:
        count(totals, event, experiment)
    return totals


def count(totals: UnitTotals, event: Seen, experiment: Experiment) -> bool:
    """Add one event, if it counts for this unit in this experiment. The exposure that came first must be known."""
    if event.experiment_id not in (None, experiment.pk):
        return False
    if event.occurred_at < totals.first_exposed_at - CLOCK_SLACK or _too_late(event, experiment):
        return False
    _COUNTERS[event.kind](totals, event, event.currency in (None, experiment.currency))
    totals.last_event_at = max(totals.last_event_at, event.occurred_at)
    return True


def _exposes(event: Seen, experiment: Experiment) -> bool:
    return (
        event.kind == EventKind.EXPOSURE and event.experiment_id == experiment.pk and not _too_late(event, experiment)
    )


def _too_late(event: Seen, experiment: Experiment) -> bool:
    return experiment.stopped_at is not None and event.occurred_at > experiment.stopped_at


def _expose(totals: UnitTotals, event: Seen, _: bool) -> None:
    totals.impressions += 1
    totals.in_two_arms = totals.in_two_arms or event.arm_id != totals.arm_id


def _click(totals: UnitTotals, event: Seen, _: bool) -> None:  # noqa: ARG001 - one shape for all kinds
    totals.clicks += 1


def _convert(totals: UnitTotals, event: Seen, same_currency: bool) -> None:
    totals.orders += 1
    totals.converted = 1
    if same_currency:
        totals.revenue += event.value or ZERO
        totals.margin += event.margin or ZERO


def _rate(totals: UnitTotals, event: Seen, _: bool) -> None:
    totals.rating_count += 1
    totals.rating_sum += event.value or ZERO


def _spend(totals: UnitTotals, event: Seen, same_currency: bool) -> None:
    if same_currency:
        totals.cost += event.value or ZERO


_COUNTERS = {
    EventKind.EXPOSURE.value: _expose,
    EventKind.CLICK.value: _click,
    EventKind.CONVERSION.value: _convert,
    EventKind.RATING.value: _rate,
    EventKind.COST.value: _spend,
}
