"""Reductions against the price history: 30 days in the European Union, 7 in China, and how long a former price held."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from models_ml.fact_check import PricePoint
from tests.campaigns.compliance.checking import findings

TODAY = date(2026, 11, 25)
PRICE_RULES = ("eu.prior_price", "eu.price_history_short", "cn.discount_base", "us.former_price")


def history(*points: tuple[int, int]) -> tuple[PricePoint, ...]:
    """(days ago, price) of each change."""
    return tuple(PricePoint(TODAY - timedelta(days=ago), Decimal(price)) for ago, price in points)


def said(body: str, place: str, prices: tuple[PricePoint, ...], **fields: object) -> list[tuple[str, str]]:
    """(rule, excerpt) of what the rules about prices say; the offer is 20 % off."""
    facts = {"product": "Zephyr Cup", "price": "$50", "discount": "20%"}
    values = {"facts": facts, "offer_kind": "percent", "today": TODAY, "price_history": prices, **fields}
    found = findings(body, place, **values)  # type: ignore[arg-type]
    return [(one.rule, one.excerpt) for one in found if one.rule in PRICE_RULES]


STEADY = history((60, 50))
# 40 until ten days ago, then raised to 50: 20 % off 50 is 40, no reduction at all.
RAISED = history((60, 40), (10, 50))
# 80 until five days ago, now 50: the reduction is in the price in force.
REDUCED = history((60, 80), (5, 50))


def test_the_offer_comes_off_a_price_that_was_the_lowest_of_the_window() -> None:
    assert said("{discount} off", "EU", STEADY) == []
    assert said("{discount} off", "EU", RAISED) == [("eu.prior_price", "20%")]


def test_the_finding_names_the_price_to_count_from() -> None:
    facts = {"product": "Zephyr Cup", "price": "$50", "discount": "20%"}
    found = findings("{discount} off", "EU", facts=facts, offer_kind="percent", today=TODAY, price_history=RAISED)
    (one,) = [one for one in found if one.rule == "eu.prior_price"]
    assert one.message == "“20%” does not count from the lowest price of the last 30 days, $40."
    assert one.remedy == "Count the reduction from $40, or take it out."
    assert one.severity == "block"


@pytest.mark.parametrize(("ago", "found"), [(29, True), (30, False)], ids=["within", "outside"])
def test_the_window_ends_where_the_lower_price_ended(ago: int, found: bool) -> None:
    # A price holds until the next one: 40 was last asked on the day before the rise.
    prices = history((90, 40), (ago, 50))
    assert bool(said("{discount} off", "EU", prices)) is found


def test_a_reduction_that_the_price_gives_counts_from_before_it_came_into_force() -> None:
    assert said("37.5% off", "EU", REDUCED) == []
    assert said("38% off", "EU", REDUCED) == []
    assert said("45% off", "EU", REDUCED) == [("eu.prior_price", "45%")]


def test_a_price_that_was_lowered_twice_counts_from_the_lowest_before_the_last_step() -> None:
    prices = history((60, 80), (20, 60), (5, 50))
    assert said("37.5% off", "EU", prices) == [("eu.prior_price", "37.5%")]
    assert said("16.7% off", "EU", prices) == []


def test_a_former_price_is_the_lowest_of_the_window() -> None:
    prices = history((60, 80), (20, 60), (5, 50))
    assert said("Was $60", "EU", prices) == []
    assert said("Was $80", "EU", prices) == [("eu.prior_price", "$80")]


def test_an_import_that_repeats_a_price_does_not_begin_it_anew() -> None:
    prices = history((60, 80), (20, 50), (3, 50))
    assert said("37.5% off", "EU", prices) == []


def test_a_history_that_is_too_short_is_a_warning_of_its_own() -> None:
    assert said("{discount} off", "EU", history((29, 50))) == [("eu.price_history_short", "20%")]
    assert said("{discount} off", "EU", ()) == [("eu.price_history_short", "20%")]
    assert said("{discount} off", "EU", history((30, 50))) == []
    assert said("A cup for every day", "EU", ()) == []


def test_china_looks_back_seven_days_and_only_where_no_former_price_is_shown() -> None:
    week, month = history((60, 40), (6, 50)), history((60, 40), (8, 50))
    facts = {"product": "杯子", "price": "50元", "discount": "8折"}
    assert said("全场{discount}", "CN", week, facts=facts, language="zh") == [("cn.discount_base", "8折")]
    assert said("全场{discount}", "CN", month, facts=facts, language="zh") == []
    assert said("原价50元，{discount}入手", "CN", week, facts=facts, language="zh") == []


def test_the_day_of_the_rules_is_the_day_of_the_prices() -> None:
    soon = TODAY + timedelta(days=30)
    assert said("{discount} off", "EU", RAISED, as_of=soon) == []


def test_a_former_price_that_hardly_held_is_looked_at_in_the_united_states() -> None:
    short = history((60, 50), (12, 80), (5, 50))
    assert said("Was $80", "US", short) == [("us.former_price", "$80")]
    assert said("Was $80", "US", REDUCED) == []


def test_no_price_rule_speaks_where_the_brand_does_not_sell() -> None:
    assert said("{discount} off", "GB", RAISED) == []
