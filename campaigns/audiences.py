"""Audience rules: a list of conditions over shopper attributes, all of which must hold. Pure.

    [{"attribute": "orders", "operator": "at_least", "value": 2}, {"attribute": "country", "operator": "in",
      "value": ["DE", "FR"]}]

Peculiar: values are compared by JSON type, so 1 is not true and "1" is not 1, and an attribute that the shop did not
send fails every condition but `is_not`. An empty rule is everybody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

OPERATORS = ("is", "is_not", "at_least", "at_most", "in")
MAX_CONDITIONS = 20
MAX_ATTRIBUTE = 60
_MISSING = object()


class RuleError(ValueError):
    """A rule that cannot be used: `field` is a dotted path such as `rule.0.operator`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def matches(rule: Sequence[Mapping[str, Any]], attributes: Mapping[str, Any]) -> bool:
    """Whether a shopper with these attributes belongs to the audience."""
    return all(_holds(condition, attributes.get(condition["attribute"], _MISSING)) for condition in rule)


def validate_rule(rule: object) -> None:
    """Raise RuleError for the first thing in `rule` that cannot be evaluated."""
    if not isinstance(rule, list):
        raise RuleError("rule", "must be a list of conditions; an empty list is everybody")
    if len(rule) > MAX_CONDITIONS:
        raise RuleError("rule", f"at most {MAX_CONDITIONS} conditions")
    for index, condition in enumerate(rule):
        _validate_condition(f"rule.{index}", condition)


def describe(rule: Sequence[Mapping[str, Any]]) -> str:
    """The rule in one line of English, for lists and logs."""
    if not rule:
        return "everybody"
    return " and ".join(
        f"{condition['attribute']} {condition['operator'].replace('_', ' ')} {_value_text(condition['value'])}"
        for condition in rule
    )


def _holds(condition: Mapping[str, Any], value: object) -> bool:
    operator, wanted = condition["operator"], condition["value"]
    if operator == "is_not":
        return not _same(value, wanted)
    if operator == "is":
        return _same(value, wanted)
    if operator == "in":
        return any(_same(value, one) for one in wanted)
    if not _is_number(value):
        return False
    return bool(value >= wanted if operator == "at_least" else value <= wanted)


def _same(value: object, wanted: object) -> bool:
    if _is_number(value) and _is_number(wanted):
        return value == wanted
    return type(value) is type(wanted) and value == wanted


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _validate_condition(field: str, condition: object) -> None:
    if not isinstance(condition, dict):
        raise RuleError(field, "must be an object with attribute, operator and value")
    if unknown := sorted(set(condition) - {"attribute", "operator", "value"}):
        raise RuleError(f"{field}.{unknown[0]}", "is not a known field")
    for name in ("attribute", "operator", "value"):
        if name not in condition:
            raise RuleError(f"{field}.{name}", "is missing")
    attribute = condition["attribute"]
    if not isinstance(attribute, str) or not 0 < len(attribute.strip()) <= MAX_ATTRIBUTE:
        raise RuleError(f"{field}.attribute", f"must be a name of 1 to {MAX_ATTRIBUTE} characters")
    if condition["operator"] not in OPERATORS:
        raise RuleError(f"{field}.operator", f"must be one of {', '.join(OPERATORS)}")
    _validate_value(f"{field}.value", condition["operator"], condition["value"])


def _validate_value(field: str, operator: str, value: object) -> None:
    if operator in {"at_least", "at_most"} and not _is_number(value):
        raise RuleError(field, f"must be a number for {operator}")
    if operator == "in":
        if not isinstance(value, list) or not 0 < len(value) <= 200:
            raise RuleError(field, "must be a list of 1 to 200 values for in")
        for index, one in enumerate(value):
            _validate_single(f"{field}.{index}", one)
    elif operator in {"is", "is_not"}:
        _validate_single(field, value)


def _validate_single(field: str, value: object) -> None:
    if not (isinstance(value, str | bool) or _is_number(value)) or len(str(value)) > 200:
        raise RuleError(field, "must be a text, a number, true or false")


def _value_text(value: object) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
