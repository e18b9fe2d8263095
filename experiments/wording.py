"""Every sentence of a result, in plain words. Pure: numbers and names in, text out; English now, all in this file.

A sentence says what is known before how well, gives both ends of the interval, and never says "significant".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from experiments.stats.results import Interval

Format = Literal["share", "money", "rating", "number"]

MINUS = "−"
LABELS = {
    "ctr": "Click-through rate",
    "conversion": "Conversion rate",
    "revenue_per_shopper": "Revenue per shopper",
    "satisfaction": "Satisfaction",
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
    higher_is_better: bool = True
    corrected_for: int = 1


# --- numbers ----------------------------------------------------------------------------------------------------
def percent(value: float, digits: int = 1) -> str:
    """0.021 → 2.1 %."""
    return f"{signed_text(100 * value, digits, plus=False)} %"


def signed_percent(value: float) -> str:
    """0.021 → +2.1 %."""
    return f"{signed_text(100 * value, 1)} %"


def signed_text(value: float, digits: int, *, plus: bool = True) -> str:
    """A number with a sign and grouped digits."""
    sign = MINUS if value < 0 else "+" if plus and value > 0 else ""
    return f"{sign}{abs(value):,.{digits}f}"


def amount(value: float, form: Format, currency: str) -> str:
    """A signed difference in the metric's own unit."""
    match form:
        case "share":
            # With a few shoppers an interval reaches beyond what two shares can differ by; nobody should read that.
            return f"{signed_text(100 * min(1.0, max(-1.0, value)), 2)} percentage points"
        case "money":
            return f"{signed_text(value, 2)} {currency}"
        case "rating":
            return f"{signed_text(value, 2)} stars"
        case "number":
            return signed_text(value, 2)


def count(value: int) -> str:
    """A whole number with grouped digits."""
    return f"{value:,}"


def shoppers(units: int) -> str:
    """1 shopper, 2,000 shoppers."""
    return "1 shopper" if units == 1 else f"{count(units)} shoppers"


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


# --- one comparison ---------------------------------------------------------------------------------------------
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


# --- the verdict ------------------------------------------------------------------------------------------------
def ship(change: Change) -> str:
    """One arm is clearly better on the goal."""
    return f"Ship {change.arm}: its {change.metric.lower()} beats that of {change.control}, {span(change)}."


def keep(control: str, metric: str, arms: int) -> str:
    """Every other arm is clearly worse."""
    others = "the other arm is" if arms == 2 else f"all {arms - 1} other arms are"
    return f"Keep {control}: {others} clearly worse on {metric.lower()}."


def keep_running(metric: str, units: int, planned: int | None) -> str:
    """Nothing is clear, and the plan is not full."""
    seen = f"{count(units)} of {count(planned)} planned shoppers" if planned else shoppers(units)
    return f"Keep running: after {seen} no arm is clearly better than the control on {metric.lower()}."


def cannot_tell(metric: str, units: int, *, running: bool) -> str:
    """Nothing is clear, and no more will come."""
    ending = "; the planned number is reached, so stop it" if running else ""
    return f"No winner: after {shoppers(units)} no arm is clearly better on {metric.lower()}{ending}."


def no_data(metric: str) -> str:
    """The goal cannot be computed."""
    return f"Nothing can be said: {metric.lower()} was not measured in enough shoppers."


def invalid(planned: Sequence[float], seen: Sequence[float]) -> str:
    """The arms have not the shares they should have."""
    shares = [" / ".join(percent(value) for value in values) for values in (planned, seen)]
    return (
        "Do not trust this test: shoppers arrived in shares that chance does not explain "
        f"(planned {shares[0]}, seen {shares[1]}). Find the cause and run it again."
    )


# --- reasons ----------------------------------------------------------------------------------------------------
def several_arms(comparisons: int) -> str:
    """Why a small p-value may not be enough."""
    return f"{comparisons} arms were compared with the control; the verdict allows for that (Holm)."


def two_arms(units: int) -> str:
    """Units that count for no arm."""
    return f"{shoppers(units)} saw more than one arm and {'counts' if units == 1 else 'count'} for none."
