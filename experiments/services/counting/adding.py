"""Adding events to a unit's totals: the rule of counting, in one place (docs/events.md says it in words). All of it is
pure and gives the same for any order of events.

Time is reckoned from the unit's first exposure. From an hour before it on, until the conversion window closes, an event
counts; in the days before that hour it is history, for the covariates. The hour is for clocks: a shop's servers, its
browsers and ours disagree, and a click often carries an earlier time than the exposure that its page reported late. It
is the same hour in every arm, so it favours none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal

from experiments.models import EventKind
from experiments.services.counting.rule import CLOCK_SLACK, Rule
from experiments.services.counting.seen import Seen
from experiments.services.counting.totals import ZERO, Totals

ONE_DAY = timedelta(days=1)
# Stars up to which a rating is that of a detractor.
DETRACTOR = 2
ONE = Decimal(1)
EXPOSURE, CUSTOM, COST = EventKind.EXPOSURE.value, EventKind.CUSTOM.value, EventKind.COST.value
OTHER, NONE = "(other)", "(none)"
LARGEST_BATCH = 2**31 - 1


def total_up(unit: str, rule: Rule, events: Sequence[Seen]) -> Totals | None:
    """The totals from all events of a unit, in any order; None where it was never exposed."""
    exposures = [event for event in events if rule.exposes(event)]
    if not exposures:
        return None
    real = [event for event in exposures if not event.is_prefetch]
    first = min(real or exposures, key=lambda event: (event.occurred_at, event.id))
    assert first.arm_id is not None  # noqa: S101 - the table refuses an exposure without an arm
    totals = Totals(
        experiment_id=rule.experiment_id,
        unit=unit,
        arm_id=first.arm_id,
        first_exposed_at=first.occurred_at,
        last_event_at=first.occurred_at,
        extra=[ZERO] * len(rule.custom),
        is_marked=not real,
    )
    if rule.dimensions or rule.is_adaptive:
        _slice(totals, first, rule)
    for event in events:
        count(totals, event, rule)
    return totals


def count(totals: Totals, event: Seen, rule: Rule) -> bool:
    """Add one event, if it counts for this unit in this experiment. The exposure that came first must be known.

    False where the event changes nothing.
    """
    since = event.occurred_at - totals.first_exposed_at
    if not rule.concerns(event, since):
        return False
    took = not event.is_prefetch and _add(totals, event, rule, since)
    if event.is_bot:
        totals.is_marked = took = True
    if took and event.occurred_at > totals.last_event_at:
        totals.last_event_at = event.occurred_at
    return took


def _add(totals: Totals, event: Seen, rule: Rule, since: timedelta) -> bool:
    if since < -CLOCK_SLACK:
        return _count_before(totals, event, rule)
    if rule.phase_started_at is not None and event.occurred_at < rule.phase_started_at:
        return False
    if event.kind == CUSTOM:
        took = _count_custom(totals, event, rule, since)
    else:
        took = not rule.is_over(since)
        if took:
            _COUNTERS[event.kind](totals, event, event.currency in (None, rule.currency))
    # A cost is what the shop did, not the unit.
    if took and since >= ONE_DAY and event.kind != COST:
        totals.returned = 1
    if event.kind == EXPOSURE and event.arm_id != totals.arm_id:
        # Also after the window: a shop that shows two arms to one unit does not show what was decided.
        totals.in_two_arms = took = True
    return took


def _count_before(totals: Totals, event: Seen, rule: Rule) -> bool:
    if event.kind == EventKind.CLICK:
        totals.pre_clicks += 1
    elif event.kind == EventKind.CONVERSION:
        totals.pre_orders += 1
        if event.currency in (None, rule.currency):
            totals.pre_revenue += event.value or ZERO
    else:
        return False
    return True


def _count_custom(totals: Totals, event: Seen, rule: Rule, since: timedelta) -> bool:
    took = False
    for place in rule.places.get(event.name or "", ()):
        column = rule.custom[place]
        if column.window_hours is None and rule.is_over(since):
            continue
        if column.window_hours is not None and since > timedelta(hours=column.window_hours):
            continue
        took = True
        if column.aggregate == "count":
            totals.extra[place] += 1
        elif column.aggregate == "any":
            totals.extra[place] = ONE
        elif event.currency in (None, rule.currency):
            totals.extra[place] += event.value or ZERO
    return took


def _slice(totals: Totals, first: Seen, rule: Rule) -> None:
    properties = json.loads(first.properties) if first.properties else {}
    totals.slices = {key: _value(properties.get(key), values) for key, values in rule.dimensions.items()}
    batch = properties.get("batch")
    if rule.is_adaptive and type(batch) is int and 0 <= batch <= LARGEST_BATCH:
        totals.batch = batch


def _value(found: object, values: frozenset[str]) -> str:
    """A property as a slice. Truth values are written as in JSON, which is how the shop sent them."""
    if found is None:
        return NONE
    text = str(found).lower() if isinstance(found, bool) else str(found)
    return text if text in values else OTHER


def _expose(totals: Totals, _event: Seen, _same_currency: bool) -> None:
    totals.impressions += 1


def _click(totals: Totals, _event: Seen, _same_currency: bool) -> None:
    totals.clicks += 1


def _convert(totals: Totals, event: Seen, same_currency: bool) -> None:
    totals.orders += 1
    totals.converted = 1
    if same_currency:
        totals.revenue += event.value or ZERO
        totals.margin += event.margin or ZERO


def _rate(totals: Totals, event: Seen, _same_currency: bool) -> None:
    stars = event.value or ZERO
    totals.rating_count += 1
    totals.rating_sum += stars
    totals.detractors += stars <= DETRACTOR


def _spend(totals: Totals, event: Seen, same_currency: bool) -> None:
    if same_currency:
        totals.cost += event.value or ZERO


_COUNTERS: dict[str, Callable[[Totals, Seen, bool], None]] = {
    EXPOSURE: _expose,
    EventKind.CLICK.value: _click,
    EventKind.CONVERSION.value: _convert,
    EventKind.RATING.value: _rate,
    COST: _spend,
}
