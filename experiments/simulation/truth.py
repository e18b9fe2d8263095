"""What is true of a plan, in closed form: finite sums over class, impressions and orders; no sampling anywhere.

Prices are rounded to cents in the play and not here. For a lognormal of some thousand cents the two means differ by
far less than a millionth of a cent, and margin (rounded once more) by at most that and half a cent's symmetric noise.
"""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np

from experiments.simulation.shoppers import IMPRESSIONS_MAX, ORDERS_MAX, RATINGS, Behaviour, Plan, Population

_SEEN = np.arange(1, IMPRESSIONS_MAX + 1)
_ORDERED = np.arange(1, ORDERS_MAX + 1)


class ArmTruth(TypedDict):
    """The exact figures of one arm; `roi` is what the extra cost earned beyond itself (incremental margin over
    incremental cost, less 1: 0 breaks even, as on the result page), None in the control and where the arm costs no
    more.
    """

    ctr: float
    conversion: float
    revenue_per_shopper: float
    satisfaction: float
    margin_per_shopper: float
    cost_per_shopper: float
    incremental_margin: float
    incremental_cost: float
    roi: float | None


def truth(plan: Plan) -> dict[str, ArmTruth]:
    """The exact figures of every arm by its key.

    `ctr` is expected clicks over expected impressions, `satisfaction` expected stars over expected ratings (the limits
    of the ratio metrics), money is per shopper in the experiment's currency.
    """
    control = _arm(plan.population, plan.control)
    return {one.arm: _against(control, _arm(plan.population, one)) for one in plan.behaviours}


def _arm(population: Population, arm: Behaviour) -> ArmTruth:
    by_class = population.shares
    impressions = population.impressions @ _SEEN
    no_click = (population.impressions * (1 - arm.click)[:, None] ** _SEEN).sum(axis=1)
    buys = by_class * ((1 - no_click) * arm.buy_after_click + no_click * arm.buy_without_click)
    orders = float(buys.sum() * (population.orders @ _ORDERED))
    revenue = orders * math.exp(arm.price_log_mean + arm.price_log_sigma**2 / 2)
    margin = revenue * arm.margin_share
    cost = float(by_class @ impressions) * arm.cost_per_impression + orders * arm.cost_per_order
    return ArmTruth(
        ctr=float((by_class * impressions) @ arm.click / (by_class @ impressions)),
        conversion=float(buys.sum()),
        revenue_per_shopper=revenue,
        satisfaction=float(buys @ (arm.ratings @ RATINGS) / buys.sum()),
        margin_per_shopper=margin,
        cost_per_shopper=cost,
        incremental_margin=0.0,
        incremental_cost=0.0,
        roi=None,
    )


def _against(control: ArmTruth, arm: ArmTruth) -> ArmTruth:
    margin = arm["margin_per_shopper"] - control["margin_per_shopper"]
    cost = arm["cost_per_shopper"] - control["cost_per_shopper"]
    arm["incremental_margin"], arm["incremental_cost"] = margin, cost
    arm["roi"] = margin / cost - 1 if cost > 0 else None
    return arm
