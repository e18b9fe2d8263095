"""The rows of the rule builder: what is typed becomes the rule that was meant, and comes back as it was typed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as draw

from campaigns.audiences import RuleError, validate_rule
from campaigns.rule_rows import Row, from_rows, to_rows

TEXTS = draw.text(alphabet=draw.characters(codec="utf-8", exclude_characters="\0"), min_size=0, max_size=12)
TRICKY = draw.sampled_from(["1", "true", "是", "a, b", '"', "\\", ' "x" ', "", " ", "1e5", "-0", "北京，上海", "NaN"])
NUMBERS = draw.one_of(draw.integers(-(10**9), 10**9), draw.floats(-1e6, 1e6, allow_nan=False))
SINGLES = draw.one_of(TEXTS, TRICKY, NUMBERS, draw.booleans())
NAMES = draw.sampled_from(["orders", "country", "größe"])


def of(values: draw.SearchStrategy[Any], *operators: str) -> draw.SearchStrategy[dict[str, Any]]:
    """Any condition of these operators."""
    return draw.fixed_dictionaries({"attribute": NAMES, "operator": draw.sampled_from(operators), "value": values})


CONDITIONS = draw.one_of(
    of(SINGLES, "is", "is_not", "contains"),
    of(draw.lists(SINGLES, min_size=1, max_size=4), "in", "not_in"),
    of(NUMBERS, "at_least", "at_most"),
    of(draw.integers(0, 400), "within_days"),
    draw.fixed_dictionaries({"attribute": NAMES, "operator": draw.sampled_from(["exists", "is_missing"])}),
)


@given(draw.lists(CONDITIONS, max_size=4))
def test_writing_a_rule_and_reading_it_back_gives_the_same_rule(rule: list[dict[str, Any]]) -> None:
    validate_rule(rule)
    found = from_rows(to_rows(rule))
    assert found == rule
    assert [type(one.get("value")) for one in found] == [type(one.get("value")) for one in rule]


@pytest.mark.parametrize(
    ("operator", "typed", "value"),
    [
        ("is", "yes", True),
        ("is", "3", 3),
        ("is", "03", "03"),
        ("is", '"3"', "3"),
        ("in", "DE, FR，中国、 3", ["DE", "FR", "中国", 3]),
        ("in", '"a, b", c', ["a, b", "c"]),
        ("at_least", "2.5", 2.5),
        ("within_days", "30", 30),
    ],
)
def test_what_is_typed_becomes_what_was_meant(operator: str, typed: str, value: Any) -> None:
    rule = from_rows([Row("a", operator, typed)])
    assert rule[0]["value"] == value
    assert type(rule[0]["value"]) is type(value)


def test_an_attribute_known_as_text_stays_text() -> None:
    assert from_rows([Row("postcode", "is", "53113")], {"postcode": {"string"}})[0]["value"] == "53113"
    assert from_rows([Row("postcode", "in", "53113, 1")], {"postcode": {"string"}})[0]["value"] == ["53113", "1"]


def test_an_empty_row_is_no_condition_and_a_wrong_one_names_its_place() -> None:
    assert from_rows([Row(), Row("orders", "at_least", "1"), Row()]) == [
        {"attribute": "orders", "operator": "at_least", "value": 1}
    ]
    with pytest.raises(RuleError) as problem:
        from_rows([Row(), Row("orders", "at_least", "many")])
    assert (problem.value.field, problem.value.code) == ("rule.1.value", "number")
