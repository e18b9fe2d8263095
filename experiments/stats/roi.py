"""Return on a campaign: incremental margin over incremental cost per unit, from the randomised control.

The return is a ratio of two *differences*, so its denominator can be anywhere near zero: its interval is Fieller's
set, and the profit (incremental margin - incremental cost) stands beside it, because that is always defined. They
cannot disagree: the break-even return 1 is in the return's interval exactly where 0 is in the profit's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from experiments.stats.inference import Reading, Student
from experiments.stats.lifts import fieller
from experiments.stats.means import compare_estimates
from experiments.stats.moments import Moments
from experiments.stats.results import ArmEstimate, Comparison, Direction, Interval, Note

BREAK_EVEN = 1.0


@dataclass(frozen=True, slots=True)
class Return:
    """What a unit of treatment earned over control, what it cost more, and the one over the other.

    `margin` and `cost` are Welch comparisons per unit. `profit` is margin - cost per unit; its chance_to_win is the
    chance that the campaign pays. `ratio` is incremental margin per incremental cost (1 breaks even), None with a
    note where the treatment does not cost more; its bounds are infinite where the cost difference is not beyond
    noise.
    """

    margin: Comparison
    cost: Comparison
    profit: Comparison
    ratio: Interval | None
    notes: tuple[Note, ...]

    @property
    def net(self) -> Interval | None:
        """The return less the cost itself (0 breaks even), the form marketers call ROI."""
        return None if self.ratio is None else self.ratio.shifted(-BREAK_EVEN)

    @property
    def chance_to_pay(self) -> float:
        """Flat-prior posterior probability that margin exceeds cost."""
        return self.profit.chance_to_win

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe form; an open bound is null."""
        return {
            "margin": self.margin.to_dict(),
            "cost": self.cost.to_dict(),
            "profit": self.profit.to_dict(),
            "ratio": None if self.ratio is None else self.ratio.to_dict(),
            "net": None if self.net is None else self.net.to_dict(),
            "chance_to_pay": self.chance_to_pay,
            "notes": [note.value for note in self.notes],
        }


def return_on_cost(
    control: Moments, treatment: Moments, *, margin: str = "margin", cost: str = "cost", confidence: float = 0.95
) -> Return:
    """Incremental margin over incremental cost from per-unit moments of both columns in both arms.

    Fieller (1954, J. R. Stat. Soc. B 16:175) for two correlated differences, with the t quantile of the profit's Welch
    degrees of freedom. `margin` is before campaign cost. Money per unit in, money per money out.
    """
    before, after = (side.select((margin, cost)) for side in (control, treatment))

    def compared(name: str, weights: tuple[float, float], direction: Direction = "increase") -> Comparison:
        reading = Reading(confidence, direction)
        arms = (_combination(arm, weights) for arm in (before, after))
        return compare_estimates(*arms, method=f"roi_{name}", reading=reading)

    gained, spent = compared("margin", (1.0, 0.0)), compared("cost", (0.0, 1.0), "decrease")
    profit = compared("profit", (1.0, -1.0))
    ratio, notes = _ratio(before, after, gained, spent, profit)
    return Return(gained, spent, profit, ratio, notes)


def _combination(arm: Moments, weights: tuple[float, float]) -> ArmEstimate:
    margin, cost = arm.columns
    if arm.n == 0:
        return ArmEstimate(0, math.nan, math.nan)
    value = weights[0] * arm.mean(margin) + weights[1] * arm.mean(cost)
    if arm.n < 2:
        return ArmEstimate(arm.n, value, math.nan)
    unit = (
        weights[0] ** 2 * arm.variance(margin)
        + 2 * weights[0] * weights[1] * arm.covariance(margin, cost)
        + weights[1] ** 2 * arm.variance(cost)
    )
    return ArmEstimate(arm.n, value, math.sqrt(max(unit, 0.0) / arm.n))


def _ratio(
    control: Moments, treatment: Moments, margin: Comparison, cost: Comparison, profit: Comparison
) -> tuple[Interval | None, tuple[Note, ...]]:
    extra = cost.difference.estimate
    if Note.TOO_FEW_UNITS in profit.notes:
        return None, profit.notes
    if not extra > 0:
        saved = extra < 0 and 0.0 not in cost.difference
        return None, (Note.COST_SAVED if saved else Note.COST_UNCHANGED,)
    estimate = margin.difference.estimate / extra
    confidence = profit.difference.confidence
    whole_line = Interval(estimate, -math.inf, math.inf, confidence)
    if profit.degrees_of_freedom is None:
        return whole_line, profit.notes
    # Asked of profit/cost and not of margin/cost: break-even then meets the same numbers as the test of the profit.
    variance_cost = _variance(cost)
    shared = sum(arm.covariance(*arm.columns) / arm.n for arm in (control, treatment))
    net = fieller(
        profit.difference.estimate,
        extra,
        variance_numerator=_variance(profit),
        variance_denominator=variance_cost,
        covariance=shared - variance_cost,
        critical=Student(profit.degrees_of_freedom).critical(1 - confidence),
    )
    if net.kind == "bounded":
        return Interval(estimate, net.lower + BREAK_EVEN, net.upper + BREAK_EVEN, confidence), ()
    return (whole_line if 0.0 in net else None), (Note.COST_UNCHANGED,)


def _variance(comparison: Comparison) -> float:
    return comparison.control.variance + comparison.treatment.variance
