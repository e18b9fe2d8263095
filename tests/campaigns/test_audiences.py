"""Audience rules: who belongs, and which rules cannot be used."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from campaigns.audiences import RuleError, describe, matches, validate_rule


def rule(attribute: str, operator: str, value: Any) -> list[dict[str, Any]]:
    """A rule of one condition."""
    return [{"attribute": attribute, "operator": operator, "value": value}]


@pytest.mark.parametrize(
    ("conditions", "attributes", "belongs"),
    [
        ([], {}, True),
        (rule("student", "is", True), {"student": True}, True),
        (rule("student", "is", True), {"student": 1}, False),
        (rule("student", "is", True), {"student": "true"}, False),
        (rule("student", "is", True), {}, False),
        (rule("orders", "is", 1), {"orders": 1.0}, True),
        (rule("orders", "is", 1), {"orders": True}, False),
        (rule("orders", "is", 1), {"orders": "1"}, False),
        (rule("country", "is_not", "US"), {"country": "DE"}, True),
        (rule("country", "is_not", "US"), {"country": "US"}, False),
        (rule("country", "is_not", "US"), {}, True),
        (rule("orders", "at_least", 2), {"orders": 2}, True),
        (rule("orders", "at_least", 2), {"orders": 1.9}, False),
        (rule("orders", "at_least", 2), {"orders": "7"}, False),
        (rule("orders", "at_least", 0), {"orders": float("nan")}, False),
        (rule("orders", "at_least", 0), {"orders": True}, False),
        (rule("orders", "at_least", 0), {}, False),
        (rule("age", "at_most", 30), {"age": 30}, True),
        (rule("age", "at_most", 30), {"age": 31}, False),
        (rule("country", "in", ["DE", "FR"]), {"country": "FR"}, True),
        (rule("country", "in", ["DE", "FR"]), {"country": ["FR"]}, False),
        (rule("country", "in", ["DE", "FR"]), {}, False),
        (rule("a", "is", 1) + rule("b", "is", 2), {"a": 1, "b": 2}, True),
        (rule("a", "is", 1) + rule("b", "is", 2), {"a": 1}, False),
        (rule("list", "is", "x"), {"list": {"x": 1}}, False),
        (rule("country", "not_in", ["US"]), {"country": "DE"}, True),
        (rule("country", "not_in", ["US"]), {"country": "US"}, False),
        (rule("country", "not_in", ["US"]), {}, True),
        (rule("likes", "contains", "tea"), {"likes": "green tea"}, True),
        (rule("likes", "contains", "tea"), {"likes": "Tea"}, False),
        (rule("likes", "contains", "tea"), {"likes": ["tea", 1]}, True),
        (rule("likes", "contains", "tea"), {"likes": ["green tea"]}, False),
        (rule("likes", "contains", 1), {"likes": [True]}, False),
        (rule("likes", "contains", 1), {"likes": "1"}, False),
        (rule("likes", "contains", "tea"), {}, False),
        (rule("likes", "exists", None), {"likes": False}, True),
        (rule("likes", "exists", None), {"likes": None}, False),
        ([{"attribute": "likes", "operator": "is_missing"}], {}, True),
        ([{"attribute": "likes", "operator": "is_missing"}], {"likes": ""}, False),
        (rule("last_order_at", "within_days", 9), {"last_order_at": "2026-03-01"}, True),
        (rule("last_order_at", "within_days", 9), {"last_order_at": "2026-03-01T08:00:00Z"}, True),
        (rule("last_order_at", "within_days", 9), {"last_order_at": "2026-02-28"}, False),
        (rule("last_order_at", "within_days", 9), {"last_order_at": "2026-03-11"}, True),
        (rule("last_order_at", "within_days", 9), {"last_order_at": "2026-03-12"}, False),
        (rule("last_order_at", "within_days", 9), {"last_order_at": "1 March 2026"}, False),
        (rule("last_order_at", "within_days", 9), {"last_order_at": 20260301}, False),
        (rule("last_order_at", "within_days", 9), {}, False),
    ],
)
def test_who_belongs(conditions: list[dict[str, Any]], attributes: dict[str, Any], *, belongs: bool) -> None:
    assert matches(conditions, attributes, today=date(2026, 3, 10)) is belongs


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "rule"),
        ("student", "rule"),
        (rule("a", "is", 1) * 21, "rule"),
        (["student"], "rule.0"),
        ([{"attribute": "a", "operator": "is"}], "rule.0.value"),
        ([{"operator": "is", "value": 1}], "rule.0.attribute"),
        ([{**rule("a", "is", 1)[0], "weight": 2}], "rule.0.weight"),
        (rule("", "is", 1), "rule.0.attribute"),
        (rule("x" * 61, "is", 1), "rule.0.attribute"),
        (rule("a", "like", 1), "rule.0.operator"),
        (rule("a", "is", None), "rule.0.value"),
        (rule("a", "is", [1]), "rule.0.value"),
        (rule("a", "is", float("inf")), "rule.0.value"),
        (rule("a", "is", "x" * 201), "rule.0.value"),
        (rule("a", "at_least", "2"), "rule.0.value"),
        (rule("a", "at_most", True), "rule.0.value"),
        (rule("a", "in", "DE"), "rule.0.value"),
        (rule("a", "in", []), "rule.0.value"),
        (rule("a", "is", 1) + rule("a", "in", ["x", None]), "rule.1.value.1"),
        (rule("a", "not_in", []), "rule.0.value"),
        (rule("a", "contains", ["x"]), "rule.0.value"),
        (rule("a", "within_days", -1), "rule.0.value"),
        (rule("a", "within_days", 1.5), "rule.0.value"),
        (rule("a", "within_days", True), "rule.0.value"),
        (rule("a", "exists", 1), "rule.0.value"),
        (rule("a\0", "is", 1), "rule.0.attribute"),
        (rule("a", "is", "\ud800"), "rule.0.value"),
    ],
)
def test_a_rule_that_cannot_be_used_names_the_place(wrong: object, field: str) -> None:
    with pytest.raises(RuleError) as problem:
        validate_rule(wrong)
    assert problem.value.field == field


def test_good_rules_and_their_words() -> None:
    conditions = rule("orders", "at_least", 2) + rule("country", "in", ["DE", "FR"])
    validate_rule(conditions)
    validate_rule([])
    assert describe(conditions) == "orders at least 2 and country in DE or FR"
    assert describe([]) == "everybody"
    assert describe([{"attribute": "likes", "operator": "is_missing"}]) == "likes is missing"
    assert describe(rule("last_order_at", "within_days", 30)) == "last_order_at within days 30"
