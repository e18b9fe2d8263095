"""Power and smallest detectable lift by length, and the days a lift needs: one look at the end, Holm's first step.

The default looks of a running test need about 3 % more units than the one look that is counted here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.planning.inputs import MOST_DAYS, PlanInputs
from experiments.stats import contrasts, durations
from experiments.stats import power as powers
from experiments.stats.contrasts import Contrast
from experiments.stats.multiplicity import guardrail_power
from experiments.stats.power import Design

_DAYS = (3, 7, 14, 21, 28, 42, 56, 84)
_LARGEST_LIFT = 1000.0


@dataclass(frozen=True, slots=True)
class Length:
    """A test of so many days: units of all arms, chance to find `lift`, and the smallest lift found as planned."""

    days: int
    units: float
    power: float
    detectable: float


def lengths(inputs: PlanInputs, lift: float) -> list[Length]:
    """Usual lengths up to the days available, which are themselves the last."""
    days = [*(day for day in _DAYS if day < inputs.days), inputs.days]
    return [_length(inputs, lift, day) for day in days]


def days_needed_for(inputs: PlanInputs, lift: float) -> int | None:
    """Days until a lift is found with the planned power, None beyond a year. Raises ValueError for a lift of 0."""
    each = powers.sample_size(_contrast(inputs, lift), design=_design(inputs))
    units = powers.whole(each, comparisons=inputs.arms - 1).total
    days = durations.days_needed(units, daily_units=inputs.daily_units, share=inputs.share)
    return days if days <= MOST_DAYS else None


def typical_lift(inputs: PlanInputs) -> float:
    """The size of lift that half of all true effects of the prior exceed, as they lie around its mean."""
    return math.expm1(0.6744897501960817 * inputs.prior_spread)


def _length(inputs: PlanInputs, lift: float, days: int) -> Length:
    units = inputs.daily_units * inputs.share * days
    each, design = units / inputs.arms, _design(inputs)
    found = powers.power(_contrast(inputs, lift), each, design=design)
    smallest = powers.detectable(lambda size: _contrast(inputs, size), each, design=design, largest=_LARGEST_LIFT)
    return Length(days, units, found, smallest)


def _contrast(inputs: PlanInputs, lift: float) -> Contrast:
    return contrasts.mean(inputs.baseline * lift, math.sqrt(inputs.variance))


def _design(inputs: PlanInputs) -> Design:
    wanted = guardrail_power(inputs.power, inputs.guardrails)
    return Design(alpha=inputs.alpha, power=wanted, comparisons=inputs.arms - 1)
