"""Is a test healthy? One check for each thing that quietly breaks tests, with a sentence and its numbers. Pure.

A status is "ok", "warn" (read with care), "fail" (do not trust the figures) or "unknown" (too little to say).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from experiments.stats import balance, contingency, sample_ratio
from experiments.stats.moments import Moments
from experiments.wording import percent

Status = Literal["ok", "warn", "fail", "unknown"]

# Shares of all units that saw more than one arm: a few are normal (two devices), many are a broken assignment.
TWO_ARMS_WARN, TWO_ARMS_FAIL = 0.01, 0.10
STALE_HOURS = 24.0
# Below these p-values something is not chance: checks that are looked at every day must not cry often.
BOTS_ALPHA, BALANCE_ALPHA = 0.001, 0.001
LOW_POWER = 0.5
MOST_NAMED = 5
COVARIATES = ("pre_clicks", "pre_orders", "pre_revenue")


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    code: str
    status: Status
    sentence: str
    numbers: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def shares(counts: Sequence[int], weights: Sequence[float], *, running: bool) -> Check:
    """Whether units arrived in the planned shares."""
    found = (sample_ratio.sequential if running else sample_ratio.chi_square)(counts, weights)
    numbers = {"p_value": found.p_value, "observed": list(found.observed), "expected": list(found.expected)}
    if not sum(counts):
        return Check("shares", "unknown", "Nobody was seen yet.", numbers)
    if found.mismatch:
        sentence = "Shoppers did not arrive in the planned shares; find the cause before trusting any figure."
        return Check("shares", "fail", sentence, numbers)
    return Check("shares", "ok", "Shoppers arrived in the planned shares.", numbers)


def cause(
    dimension: str, counts: Mapping[str, Sequence[int]], weights: Sequence[float], *, running: bool
) -> Check | None:
    """Where a mismatch of shares comes from: the values of a dimension that have it, and whether it is gone without
    them. None where no value stands out.
    """
    found = sample_ratio.by_value(counts, weights, running=running)
    broken = sorted((value for value, one in found.items() if one.mismatch), key=lambda value: found[value].p_value)
    if not broken:
        return None
    rest = np.sum([counts[value] for value in counts if value not in broken] or [[0] * len(weights)], axis=0)
    gone = not (sample_ratio.sequential if running else sample_ratio.chi_square)(rest.tolist(), weights).mismatch
    numbers = {
        "dimension": dimension,
        "gone_without": gone,
        "values": [
            {"value": value, "p_value": found[value].p_value, "observed": list(counts[value])} for value in broken
        ],
    }
    return Check(f"shares_by_{dimension}", "fail", _cause_sentence(dimension, broken, gone=gone), numbers)


def two_arms(units: int, in_two: int) -> Check:
    """How many units saw more than one arm."""
    share = in_two / (units + in_two) if units + in_two else 0.0
    numbers = {"units": in_two, "share": share}
    if share >= TWO_ARMS_FAIL:
        return Check(
            "two_arms", "fail", f"{percent(share)} of shoppers saw more than one arm: assignment is broken.", numbers
        )
    if share >= TWO_ARMS_WARN:
        sentence = (
            f"{percent(share)} of shoppers saw more than one arm; they count for none. Is their name kept at login?"
        )
        return Check("two_arms", "warn", sentence, numbers)
    return Check("two_arms", "ok", "Hardly anybody saw more than one arm.", numbers)


def bots(marked: Sequence[int], unmarked: Sequence[int]) -> Check:
    """Whether bots and prefetches fall on the arms alike; they are left out, which must not favour one."""
    total, all_units = sum(marked), sum(marked) + sum(unmarked)
    numbers: dict[str, Any] = {"marked": list(marked), "share": total / all_units if all_units else 0.0}
    if not total:
        return Check("bots", "ok", "No shopper was marked as a bot.", numbers)
    # An arm that nobody has seen yet says nothing of how bots fall, and a table's test knows no empty row.
    seen = [list(pair) for pair in zip(marked, unmarked, strict=True) if sum(pair)]
    if len(seen) < 2 or not sum(unmarked):
        return Check("bots", "unknown", "Too few shoppers were seen to say how bots fall on the arms.", numbers)
    p_value = contingency.chi_square(seen).p_value
    numbers["p_value"] = p_value
    if p_value < BOTS_ALPHA:
        sentence = "Bots are not alike in all arms: one arm draws them, or the marks are wrong."
        return Check("bots", "warn", sentence, numbers)
    return Check("bots", "ok", f"{percent(numbers['share'])} are marked as bots, in all arms alike.", numbers)


def freshness(hours_since_event: float | None, *, running: bool) -> Check:
    """Whether events still come."""
    numbers = {"hours": hours_since_event}
    if hours_since_event is None:
        status: Status = "warn" if running else "unknown"
        return Check("freshness", status, "No event has arrived yet.", numbers)
    if running and hours_since_event > STALE_HOURS:
        sentence = f"The newest event is {hours_since_event:,.0f} hours old: has the shop stopped sending?"
        return Check("freshness", "warn", sentence, numbers)
    return Check("freshness", "ok", "Events are up to date.", numbers)


def power(chance: float | None, lift: float) -> Check:
    """Whether the plan can find a lift of the size that past experiments had."""
    numbers = {"power": chance, "lift": lift}
    if chance is None:
        return Check("power", "unknown", "Without a plan nothing can be said of its power.", numbers)
    found = f"A typical lift ({percent(lift)}) would be found with a chance of"
    if chance < LOW_POWER:
        return Check("power", "warn", f"{found} only {percent(chance, 0)}: plan for more shoppers.", numbers)
    return Check("power", "ok", f"{found} {percent(chance, 0)}.", numbers)


def alike_before(arms: Sequence[Moments]) -> Check:
    """Whether the arms' shoppers were alike before the test."""
    known = [name for name in COVARIATES if all(name in arm.columns for arm in arms)]
    found = balance.covariate_balance(arms, known)
    numbers = {
        "p_value": found.p_value,
        "covariates": list(found.covariates),
        "differences": [dict(one) for one in found.differences],
    }
    if not found.degrees_of_freedom:
        return Check("alike_before", "unknown", "Nothing is known of these shoppers before the test.", numbers)
    if found.p_value < BALANCE_ALPHA:
        sentence = "The arms' shoppers differed before the test began: assignment may follow what they did."
        return Check("alike_before", "fail", sentence, numbers)
    return Check("alike_before", "ok", "The arms' shoppers were alike before the test.", numbers)


def _cause_sentence(dimension: str, broken: Sequence[str], *, gone: bool) -> str:
    named = ", ".join(broken[:MOST_NAMED]) + (
        f" and {len(broken) - MOST_NAMED} more" if len(broken) > MOST_NAMED else ""
    )
    where = {"day": "on the days"}.get(dimension, f"where {dimension} is")
    rest = "without them the shares are as planned" if gone else "without them the shares are off all the same"
    return f"Shares are off {where} {named}; {rest}."
