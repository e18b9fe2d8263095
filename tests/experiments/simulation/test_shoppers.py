"""The shopper model: its closed form against a large draw, and that a shopper is the same in whatever batch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiments.simulation import shoppers
from experiments.simulation.truth import truth
from experiments.stats.metrics import COUNTED_COLUMNS
from experiments.stats.moments import Moments

ARMS = ("control", "b", "c")
SHOPPERS = 400_000


def drawn(seed: int, count: int = SHOPPERS) -> dict[str, Moments]:
    plan = shoppers.make_plan(seed, ARMS)
    arms = np.arange(count) % len(ARMS)
    units = shoppers.outcomes(plan, arms, shoppers.draws(seed, 0, count)).units()
    return {arm: Moments.from_rows(COUNTED_COLUMNS, units[arms == place]) for place, arm in enumerate(ARMS)}


def errors_away(moments: Moments, expected: float, top: str, bottom: str | None = None) -> float:
    """How many standard errors a mean, or a ratio of means (delta method), lies from what was expected."""
    base = moments.mean(bottom)
    variance = (
        moments.variance(top) - 2 * expected * moments.covariance(top, bottom) + expected**2 * moments.variance(bottom)
    )
    return abs(moments.mean(top) / base - expected) / math.sqrt(variance / moments.n) * base


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_closed_form_is_what_many_shoppers_do(seed: int) -> None:
    true = truth(shoppers.make_plan(seed, ARMS))
    for arm, moments in drawn(seed).items():
        exact = true[arm]
        assert errors_away(moments, exact["ctr"], "clicks", "impressions") < 4
        assert errors_away(moments, exact["satisfaction"], "rating_sum", "rating_count") < 4
        for column, value in (
            ("converted", exact["conversion"]),
            ("revenue", exact["revenue_per_shopper"]),
            ("margin", exact["margin_per_shopper"]),
            ("cost", exact["cost_per_shopper"]),
        ):
            assert errors_away(moments, value, column) < 4, (arm, column)


def test_a_ratio_is_not_the_mean_of_ratios() -> None:
    """The classes make the two differ, so an analysis that mixed them up would be caught by the coverage test."""
    plan = shoppers.make_plan(1, ARMS)
    units = shoppers.outcomes(plan, np.zeros(SHOPPERS, dtype=np.intp), shoppers.draws(1, 0, SHOPPERS)).units()
    mean_of_ratios = (units[:, 1] / units[:, 0]).mean()
    assert mean_of_ratios > 1.05 * truth(plan)["control"]["ctr"]


def test_roi_is_what_the_extra_cost_earned_beyond_itself() -> None:
    true = truth(shoppers.make_plan(2, ARMS))
    control, b = true["control"], true["b"]
    assert control["roi"] is None
    cost = b["cost_per_shopper"] - control["cost_per_shopper"]
    assert b["roi"] == pytest.approx((b["margin_per_shopper"] - control["margin_per_shopper"] - cost) / cost)


def test_a_shopper_is_the_same_in_any_batch_and_beside_any_arm() -> None:
    whole = shoppers.draws(5, 0, 50)
    assert np.array_equal(whole[17:30], shoppers.draws(5, 17, 13))
    wide, narrow = shoppers.make_plan(5, ("control", "x", "b")), shoppers.make_plan(5, ("control", "b"))
    ones = np.ones(50, dtype=np.intp)
    assert np.array_equal(
        shoppers.outcomes(wide, 2 * ones, whole).units(), shoppers.outcomes(narrow, ones, whole).units()
    )
    assert not np.array_equal(whole, shoppers.draws(6, 0, 50))


def test_arms_without_a_meaning_are_refused() -> None:
    with pytest.raises(ValueError, match="distinct"):
        shoppers.make_plan(1, ("a", "a"))
    with pytest.raises(ValueError, match="'z' is not among control, b"):
        shoppers.make_plan(1, ("control", "b")).behaviour("z")


def test_attributes_stay_and_vary() -> None:
    assert shoppers.attributes(3, 8) == shoppers.attributes(3, 8)
    many = [shoppers.attributes(3, index) for index in range(500)]
    assert {one["language"] for one in many} == {"en", "zh"}
    assert all(one["new"] == (one["orders"] == 0) for one in many)
    assert 50 < sum(bool(one["new"]) for one in many) < 250
