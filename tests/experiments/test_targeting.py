"""Targeting conditions: the public cases, JavaScript's own rules, and what a hostile condition can cost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import javascript as js
from experiments import patterns
from experiments.conditions import check_condition
from experiments.targeting import MAX_DEPTH, OPERATORS, matches, padded_version
from tests.reference import shared_cases

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text("aB1.-$ \ud83d", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab1", max_size=2), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["a", "b", "a.b", "$and", "$or", "$nor", "$not", "$savedGroup", *sorted(OPERATORS), "$new"])
conditions = st.recursive(
    json_values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=12
)


@pytest.mark.parametrize(
    "case",
    shared_cases(
        "golden", "growthbook_sdk.json", pick=lambda data: list(data["evalCondition"]), name=lambda case: case[0]
    ),
)
def test_the_public_cases(case: list[Any]) -> None:
    _, condition, attributes, expected, *groups = case
    assert matches(attributes, condition, groups[0] if groups else None) is expected


@settings(max_examples=300, deadline=None)
@given(attributes=json_values, condition=conditions)
def test_nothing_breaks_it(attributes: Any, condition: Any) -> None:
    assert matches(attributes, condition, {"a": [1], "b": {"type": "condition", "condition": condition}}) in {
        True,
        False,
    }


@settings(max_examples=200, deadline=None)
@given(condition=conditions)
def test_an_author_is_told_by_value_error_or_not_at_all(condition: Any) -> None:
    try:
        check_condition(condition)
    except ValueError as problem:
        told = str(problem)
    else:
        told = "nothing: it is allowed"
    assert ": " in told


# Each expected value is what a JavaScript engine answers to the expression in the comment (ECMA-262, chapter 7).
@pytest.mark.parametrize(
    ("condition", "attributes", "expected"),
    [
        ({"a": 0}, {}, True),  # null * 1 === 0
        ({"a": 1}, {"a": True}, True),  # true * 1 === 1
        ({"a": 16}, {"a": "0x10"}, True),  # "0x10" * 1 === 16
        ({"a": 5}, {"a": [5]}, True),  # [5] * 1 === 5
        ({"a": "1"}, {"a": 1.0}, True),  # 1.0 + "" === "1"
        ({"a": "a,,b"}, {"a": ["a", None, "b"]}, True),  # ["a", null, "b"] + "" === "a,,b"
        ({"a": "[object Object]"}, {"a": {}}, True),
        ({"a": "null"}, {}, True),  # null + "" === "null"
        ({"a": True}, {"a": []}, True),  # !![] === true
        ({"a": False}, {"a": ""}, True),
        ({"a": {"$eq": 1}}, {"a": True}, False),  # 1 === true
        ({"a": {"$eq": [1]}}, {"a": [1]}, False),  # two arrays are never ===
        ({"a": {"$ne": [1]}}, {"a": [1]}, True),
        ({"a": {"$in": [1]}}, {"a": True}, False),
        ({"a": {"$in": [1]}}, {"a": [True, 1.0]}, True),
        ({"a": {"$lt": 1}}, {}, True),  # null < 1
        ({"a": {"$gt": "a"}}, {"a": 5}, False),  # 5 > "a" is NaN
        ({"a": {"$lte": 5}}, {"a": "x"}, False),
        ({"a": {"$lt": "\uffff"}}, {"a": "\U0001f600"}, True),  # by code units, a pair comes before U+FFFF
        ({"a": {"$lt": "10"}}, {"a": [9]}, False),  # "9" < "10"
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, False),  # JSON.stringify keeps the order
        ({"a": {"1": 1, "x": 2}}, {"a": {"x": 2, "1": 1.0}}, True),  # but indices come first
        ({"a": {}}, {"a": {}}, True),
        ({"a.length": 2}, {"a": [7, 8]}, True),
        ({"a.1": 8}, {"a": [7, 8]}, True),
        ({"a": {"$new": 1}}, {"a": 1}, False),
        ({"a": {"$not": {"$new": 1}}}, {"a": 1}, True),
        ({"$or": {}}, {}, True),  # !undefined
        ({"$nor": []}, {}, False),
        ({"$or": None}, {}, False),  # throws
        ({"$not": {"$or": None}}, {}, False),  # throws all the same
        ({"a": {"$elemMatch": {"$eq": 0}}}, {"a": [0]}, False),  # an item that is false is skipped
        ({"a": {"$size": {"$lt": 1}}}, {"a": []}, True),
        ({"a": {"$exists": False}}, {"a": None}, True),
        ({"a": {"$type": "null"}}, {}, True),
        ({"a": {"$regex": "ul+$"}}, {}, True),  # /ul+$/.test(null)
        ({"a": {"$regex": "a$"}}, {"a": "a\n"}, False),
        ({"a": {"$regex": r"\d"}}, {"a": "٣"}, False),
        ({"a": {"$regex": "^..$"}}, {"a": "\U0001f600"}, True),  # two code units
        ({"a": {"$regexi": "[^k]"}}, {"a": "K"}, False),
        ({"a": {"$regex": 5}}, {"a": "5"}, False),
        ({"$savedGroup": {"id": "vip"}}, {"id": 2}, True),
        ({"$savedGroup": {"id": "old"}}, {"age": 70}, True),
        ({"$savedGroup": {"id": "none"}}, {"id": 2}, False),
        ({"$savedGroup": {"id": "loop"}}, {"id": 2}, False),
        ({"id": {"$inGroup": "vip"}}, {"id": 2}, True),
    ],
)
def test_what_javascript_says(condition: dict[str, Any], attributes: dict[str, Any], expected: bool) -> None:
    groups = {
        "vip": {"type": "list", "attributeKey": "id", "values": [1, 2]},
        "old": {"type": "condition", "condition": {"age": {"$gte": 65}}},
        "loop": {"type": "condition", "condition": {"$savedGroup": {"id": "loop"}}},
    }
    assert matches(attributes, condition, groups) is expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        (" 1e3\n", 1000),
        ("-.5", -0.5),
        ("0b11", 3),
        ("0o17", 15),
        ("-Infinity", -float("inf")),
        ("1_000", None),
    ],
)
def test_text_as_a_number(text: str, number: float | None) -> None:
    found = js.to_number(text)
    assert found == number if number is not None else found != found  # noqa: PLR0124


def test_padded_versions() -> None:
    assert padded_version("v1.2.3+build") == "    1-    2-    3-~"
    assert padded_version(None) == padded_version("") == padded_version([]) == "    0"
    assert padded_version(10) == "   10"


# --- what it may cost -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "a*a*a*a*a*a*a*b", "(.*.*)*x", "^((a*)*)*$", "^(?=(a+)+$)"]
)
def test_patterns_that_hang_a_backtracking_matcher_end_within_their_budget(pattern: str) -> None:
    budget = patterns.Budget(200_000)
    try:
        assert patterns.compiled(pattern).found_in("a" * 1_000 + "!", budget) is False
    except patterns.Unusable:
        assert budget.left < 0
    assert matches({"a": "a" * 1_000 + "!"}, {"a": {"$regex": pattern}}) is False


@pytest.mark.parametrize(
    "condition",
    [
        {"a": {"$not": {"$regex": "(a{0,40}){0,40}" * 20}}},
        {"$not": {"a": {"$regex": ".*" * 100 + "!"}}},
        {"a": {"$not": {"$regex": "a" * 501}}},
    ],
)
def test_a_fault_is_no_match_wherever_it_stands(condition: dict[str, Any]) -> None:
    found = matches({"a": "a" * 4_000}, condition)
    # A pattern that is none is false by itself, as in the SDKs; one that costs too much makes all of it false.
    assert found is ("$not" not in condition)
    assert matches({"a": "a" * 4_001}, {"$not": {"a": {"$regex": "b"}}}) is False


def test_nesting_is_bounded() -> None:
    deep: dict[str, Any] = {"a": 1}
    for _ in range(MAX_DEPTH - 1):
        deep = {"$and": [deep]}
    assert matches({"a": 1}, deep)
    assert not matches({"a": 1}, {"$and": [deep]})
    for _ in range(5_000):
        deep = {"$not": deep}
    assert not matches({"a": 1}, deep)
    assert not matches({"a": 1}, {"$not": deep})


# --- what an author is told -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ([], "condition: an object is needed"),
        ({"country": {"$im": ["US"]}}, "country.$im: is not an operator"),
        ({"country": {"$in": "US"}}, "country.$in: a list of one value or more is needed"),
        ({"country": {"$in": [["US"]]}}, "country.$in.0: a list or an object is equal to nothing"),
        ({"country": {"$eq": {"a": 1}}}, "country.$eq: a list or an object"),
        ({"$or": []}, "$or: a list of one condition or more"),
        ({"$or": [{"a": 1}, 2]}, "$or.1: an object is needed"),
        ({"$gt": 5}, "$gt: an operator belongs below"),
        ({"a": {"$gt": 5, "b": 1}}, "a: operators and other names"),
        ({"a": {"$gt": True}}, "a.$gt: text or a number"),
        ({"a": {"$gt": float("nan")}}, "a.$gt: is not a number"),
        ({"a": {"$exists": "yes"}}, "a.$exists: true or false"),
        ({"a": {"$type": "text"}}, "a.$type: is not one of"),
        ({"a": {"$veq": 1}}, "a.$veq: a version"),
        ({"a": {"$regex": "("}}, "a.$regex: a bracket is not closed at character 2"),
        ({"a": {"$regex": r"(a)\1"}}, "a.$regex: a reference back"),
        ({"a": {"$regex": "(?<=a)b"}}, "a.$regex: looking behind"),
        ({"a": {"$regex": "(a{1000}){1000}"}}, "a.$regex: is too large"),
        ({"a": {"$regex": 1}}, "a.$regex: a pattern is text"),
        ({"a": {"$inGroup": "vip"}}, "a.$inGroup: there is no saved group 'vip'"),
        ({"a..b": 1}, "a..b: is not the name of an attribute"),
        ({"a": {"$not": {"$elemMatch": {"$al": 1}}}}, "a.$not.$elemMatch.$al: is not an operator"),
        ({"a": {"$all": [{"$gt": None}]}}, "a.$all.0.$gt: text or a number"),
        ({"a": {"$elemMatch": 5}}, "a.$elemMatch: an object is needed"),
        ({f"a{index}": 1 for index in range(201)}, "a200: the condition has more than 200"),
    ],
)
def test_what_can_never_be_meant_is_refused_by_its_path(condition: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check_condition(condition)


def test_what_can_be_meant_is_not_refused() -> None:
    check_condition({})
    check_condition({
        "$and": [{"country": {"$in": ["US", "GB"]}}, {"$not": {"age": {"$lt": 18}}}],
        "plan": "pro", "beta": True, "app": {"$vgte": "2.1.0"}, "tags": {"$all": ["a", {"$regex": "^b"}]},
        "orders": {"$elemMatch": {"total": {"$gt": 10}}, "$size": {"$gt": 1}}, "left": None, "list": [1, 2],
    })  # fmt: skip
