"""The database and `matches` agree on who is in an audience, for any rule and any attributes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as draw

from campaigns.audience_sql import rule_q
from campaigns.audiences import matches, validate_rule
from campaigns.models import Shopper

pytestmark = pytest.mark.django_db

TODAY = date(2026, 3, 10)
# Few names and values, so that rules and attributes meet; "1" and "a__b" are those that look-ups by key would misread.
NAMES = draw.sampled_from(["orders", "country", "1", "a__b", "größe", "it's", "%s"])
WORDS = ("", "DE", "de", "DEFR", "%", "_", "'", '"', "\\", "北京", "😀", "1", "true")
DAYS = ("2026-03-10", "2026-03-11", "2026-03-12", "2026-02-31", "2026-03-01T23:59:59Z", "2026-03-01\n", "2026-13-01")
TEXTS = draw.sampled_from([*WORDS, *DAYS])
NUMBERS = draw.one_of(draw.integers(-3, 3), draw.sampled_from([0.1, -0.0, 1.0, 2.5, 1e-9, 2**53, -(2**53)]))
SINGLES = draw.one_of(TEXTS, NUMBERS, draw.booleans())
VALUES = draw.one_of(
    SINGLES, draw.none(), draw.lists(draw.one_of(SINGLES, draw.none()), max_size=3), draw.just({"DE": 1}),
    draw.just([["DE"]]),
)  # fmt: skip
ATTRIBUTES = draw.dictionaries(NAMES, VALUES, max_size=5)


def conditions() -> draw.SearchStrategy[dict[str, Any]]:
    """Any valid condition."""

    def of(values: draw.SearchStrategy[Any], *operators: str) -> draw.SearchStrategy[dict[str, Any]]:
        return draw.fixed_dictionaries({"attribute": NAMES, "operator": draw.sampled_from(operators), "value": values})

    return draw.one_of(
        of(SINGLES, "is", "is_not", "contains"),
        of(draw.lists(SINGLES, min_size=1, max_size=3), "in", "not_in"),
        of(NUMBERS, "at_least", "at_most"),
        of(draw.sampled_from([0, 1, 8, 9, 10, 400]), "within_days"),
        draw.fixed_dictionaries({"attribute": NAMES, "operator": draw.sampled_from(["exists", "is_missing"])}),
    )


@given(
    rules=draw.lists(draw.lists(conditions(), max_size=3), min_size=4, max_size=4),
    people=draw.lists(ATTRIBUTES, min_size=12, max_size=12),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_database_and_the_pure_rule_choose_the_same_shoppers(
    rules: list[list[dict[str, Any]]], people: list[dict[str, Any]]
) -> None:
    Shopper.objects.all().delete()
    made = Shopper.objects.bulk_create(Shopper(unit=str(place), attributes=one) for place, one in enumerate(people))
    known = {shopper.unit: shopper.attributes for shopper in made}
    for rule in rules:
        validate_rule(rule)
        wanted = {unit for unit, attributes in known.items() if matches(rule, attributes, today=TODAY)}
        found = Shopper.objects.filter(rule_q(rule, today=TODAY)).values_list("unit", flat=True)
        assert set(found) == wanted, rule


def test_a_condition_can_be_turned_round_and_nobody_is_in_neither() -> None:
    rule = [{"attribute": "orders", "operator": "at_least", "value": 2}]
    people: list[dict[str, Any]] = [{}, {"orders": 2}, {"orders": "2"}, {"orders": None}]
    Shopper.objects.bulk_create(Shopper(unit=str(place), attributes=one) for place, one in enumerate(people))
    inside = Shopper.objects.filter(rule_q(rule))
    outside = Shopper.objects.exclude(rule_q(rule))
    assert list(inside.values_list("unit", flat=True)) == ["1"]
    assert list(outside.values_list("unit", flat=True)) == ["0", "2", "3"]
