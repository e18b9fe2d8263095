"""What is said of one arm against the control: a metric, a guardrail, the return.

A sentence says what is known before how well, gives both ends of the interval, and never says "significant".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.stats.results import Interval
from experiments.wording.figures import Format, amount, percent, signed_percent, signed_text

LABELS = {
    "ctr": "Click-through rate",
    "conversion": "Conversion rate",
    "revenue_per_shopper": "Revenue per shopper",
    "satisfaction": "Satisfaction",
    "detractors": "Share of low ratings",
    "clicked_share": "Share of shoppers who click",
    "orders_per_shopper": "Orders per shopper",
    "order_value": "Revenue per order",
    "capped_revenue_per_shopper": "Revenue per shopper, capped",
    "margin_per_shopper": "Margin per shopper",
    "cost_per_shopper": "Cost per shopper",
    "retention": "Share of shoppers who come back",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One arm against the control on one metric, with all that a sentence about it needs."""

    arm: str
    control: str
    metric: str
    format: Format
    currency: str
    lift: Interval | None
    difference: Interval
    verdict: str
    corrected_for: int = 1


def span(change: Change) -> str:
    """The estimate with both ends: +12.4 % (+3.1 % to +22.0 %)."""
    estimate, lower, upper = _three(change)
    return f"{estimate} ({lower} to {upper})"


def _three(change: Change) -> tuple[str, str, str]:
    """Estimate and ends in words: relative where that has meaning, else in the metric's unit."""
    lift = change.lift
    if lift is not None and lift.bounded:
        return signed_percent(lift.estimate), signed_percent(lift.lower), signed_percent(lift.upper)
    shown = change.difference
    estimate, lower, upper = (
        amount(value, change.format, change.currency) for value in (shown.estimate, shown.lower, shown.upper)
    )
    return estimate, lower, upper


def comparison(change: Change) -> str:
    """What a metric says of one arm."""
    metric = change.metric.lower()
    if not math.isfinite(change.difference.lower):
        return f"{change.arm}: nothing can be said of the {metric}; there are too few data, or all are alike."
    allowed = f", after allowing for {change.corrected_for} comparisons" if change.corrected_for > 1 else ""
    if change.verdict == "unclear":
        _, lower, upper = _three(change)
        return (
            f"{change.arm}: no difference in {metric} can be told{allowed}; all from {lower} to {upper} fits the data."
        )
    word = "higher" if change.difference.estimate > 0 else "lower"
    return f"{change.arm}: {metric} is {word} than with {change.control}: {span(change)}{allowed}."


def not_judged(change: Change) -> str:
    """Before the first look, or the end, nothing is concluded."""
    return f"{change.arm}: {change.metric.lower()} is not judged yet."


def expected(change: Change, *, estimate: float, experiments: int) -> str:
    """What is to be expected of an arm, given how much such arms changed in the past."""
    shown = "" if change.lift is None else f", not {signed_percent(change.lift.estimate)}"
    return (
        f"{change.arm}: expect about {signed_percent(estimate)} in {change.metric.lower()}{shown}; "
        f"that is what {_history(experiments)} of such a figure."
    )


def _history(experiments: int) -> str:
    match experiments:
        case 0:
            return "public headline tests make (this shop has no finished ones yet)"
        case 1:
            return "1 past experiment makes"
        case _:
            return f"{experiments} past experiments make"


def after_stop(change: Change, found: Interval) -> str:
    """The estimate corrected for the looks that were taken before the stop."""
    ends = [amount(value, change.format, change.currency) for value in (found.estimate, found.lower, found.upper)]
    return (
        f"{change.arm}: a test that may stop early overstates what it stops for; allowing for that, the difference in "
        f"{change.metric.lower()} is {ends[0]} ({ends[1]} to {ends[2]})."
    )


def guardrail(arm: str, metric: str, status: str, *, margin: float, relative: bool) -> str:
    """Whether an arm keeps a metric that must not get worse."""
    allowed = percent(margin) if relative else f"{margin:g}"
    limit = f"by more than {allowed}" if margin else "at all"
    match status:
        case "passed":
            return f"{arm}: {metric.lower()} holds; it did not get worse {limit}."
        case "failed":
            return f"{arm}: {metric.lower()} got worse {limit}."
        case _:
            return f"{arm}: whether {metric.lower()} got worse {limit} cannot be told yet."


def roi(arm: str, verdict: str, *, profit: Interval, net: Interval | None, currency: str) -> str:
    """Whether an arm's extra margin is more than its extra cost."""
    if verdict == "undefined":
        return f"{arm}: no return can be stated; it did not cost measurably more than the control."
    gained = f"{signed_text(profit.estimate, 3)} {currency} a shopper"
    ends = f"{signed_text(profit.lower, 3)} to {signed_text(profit.upper, 3)}"
    each = f", a return of {signed_percent(net.estimate)}" if net is not None else ""
    match verdict:
        case "pays":
            return f"{arm} pays: after its extra cost it earns {gained} more than the control ({ends}){each}."
        case "loses":
            return f"{arm} loses money: after its extra cost it stands at {gained} against the control ({ends}){each}."
        case _:
            return f"{arm}: whether it pays cannot be told; all from {ends} {currency} a shopper fits the data."
