"""Audience rules: a list of conditions over shopper attributes, all of which must hold. Pure.

    [{"attribute": "orders", "operator": "at_least", "value": 2}, {"attribute": "country", "operator": "in",
      "value": ["DE", "FR"]}]

Peculiar: values are compared by JSON type, so 1 is not true and "1" is not 1, and an attribute that the shop did not
send fails every condition but `is_not`, `not_in` and `is_missing`. An empty rule is everybody. `campaigns.audience_sql`
says the same to the database; a property test holds the two together, so change both or neither.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

OPERATORS = (
    *("is", "is_not", "in", "not_in", "contains"),
    *("at_least", "at_most", "within_days", "exists", "is_missing"),
)
LISTS = frozenset({"in", "not_in"})
WITHOUT_VALUE = frozenset({"exists", "is_missing"})
MAX_CONDITIONS = 20
MAX_ATTRIBUTE = 60
MAX_VALUES = 200
MAX_TEXT = 200
MAX_DAYS = 36_500
# A day, or a moment of which the day counts. Days in this form are in order as texts, so nothing is ever converted.
DAY = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ].*)?"
_DAY = re.compile(DAY, re.DOTALL)
_MISSING = object()


class RuleError(ValueError):
    """A rule that cannot be used: `field` is a dotted path such as `rule.0.operator`, `code` names what is wrong."""

    def __init__(self, field: str, message: str, code: str = "invalid") -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.code = code


def matches(rule: Sequence[Mapping[str, Any]], attributes: Mapping[str, Any], *, today: date | None = None) -> bool:
    """Whether a shopper with these attributes belongs to the audience. `within_days` counts from `today` (UTC)."""
    return all(_holds(condition, attributes.get(condition["attribute"], _MISSING), today) for condition in rule)


def validate_rule(rule: object) -> None:
    """Raise RuleError for the first thing in `rule` that cannot be evaluated."""
    if not isinstance(rule, list):
        raise RuleError("rule", "must be a list of conditions; an empty list is everybody", "no_list")
    if len(rule) > MAX_CONDITIONS:
        raise RuleError("rule", f"at most {MAX_CONDITIONS} conditions", "too_many")
    for index, condition in enumerate(rule):
        _validate_condition(f"rule.{index}", condition)


def describe(rule: Sequence[Mapping[str, Any]]) -> str:
    """The rule in one line of English, for lists and logs."""
    if not rule:
        return "everybody"
    return " and ".join(_describe(condition) for condition in rule)


def days_within(days: float, today: date | None = None) -> tuple[str, str]:
    """The first and last day, as texts, that lie within so many days: until tomorrow, which is today further east."""
    now = today or datetime.now(UTC).date()
    return (now - timedelta(days=int(days))).isoformat(), (now + timedelta(days=1)).isoformat()


def is_number(value: object) -> bool:
    """A finite number that is no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _describe(condition: Mapping[str, Any]) -> str:
    operator = str(condition["operator"])
    words = f"{condition['attribute']} {operator.replace('_', ' ')}"
    if operator in WITHOUT_VALUE:
        return words
    return f"{words} {_value_text(condition['value'])}"


def _holds(condition: Mapping[str, Any], value: object, today: date | None) -> bool:
    operator, wanted = condition["operator"], condition.get("value")
    if operator in WITHOUT_VALUE:
        missing = value is _MISSING or value is None
        return missing is (operator == "is_missing")
    if operator in {"is", "is_not"}:
        return _same(value, wanted) is (operator == "is")
    if operator in LISTS:
        return any(_same(value, one) for one in wanted or ()) is (operator == "in")
    if operator == "contains":
        return _contains(value, wanted)
    if operator == "within_days":
        return _within(value, wanted, today)
    return _compares(operator, value, wanted)


def _compares(operator: str, value: Any, wanted: Any) -> bool:
    if not is_number(value):
        return False
    return bool(value >= wanted if operator == "at_least" else value <= wanted)


def _contains(value: object, wanted: object) -> bool:
    if isinstance(value, list):
        return any(_same(one, wanted) for one in value)
    return isinstance(value, str) and isinstance(wanted, str) and wanted in value


def _within(value: object, days: Any, today: date | None) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    first, last = days_within(days, today)
    return first <= value[:10] <= last


def _same(value: object, wanted: object) -> bool:
    if is_number(value) and is_number(wanted):
        return bool(value == wanted)
    return type(value) is type(wanted) and value == wanted


def _validate_condition(field: str, condition: object) -> None:
    if not isinstance(condition, dict):
        raise RuleError(field, "must be an object with attribute, operator and value", "no_object")
    if unknown := sorted(set(condition) - {"attribute", "operator", "value"}):
        raise RuleError(f"{field}.{unknown[0]}", "is not a known field", "unknown_field")
    for name in ("attribute", "operator", "value"):
        if name not in condition and not (name == "value" and condition.get("operator") in WITHOUT_VALUE):
            raise RuleError(f"{field}.{name}", "is missing", "missing")
    attribute = condition["attribute"]
    if not _is_text(attribute) or not 0 < len(attribute.strip()) <= MAX_ATTRIBUTE:
        raise RuleError(f"{field}.attribute", f"must be a name of 1 to {MAX_ATTRIBUTE} characters", "attribute")
    if condition["operator"] not in OPERATORS:
        raise RuleError(f"{field}.operator", f"must be one of {', '.join(OPERATORS)}", "operator")
    _validate_value(f"{field}.value", condition["operator"], condition.get("value"))


def _validate_value(field: str, operator: str, value: object) -> None:
    if operator in WITHOUT_VALUE:
        if value not in (None, ""):
            raise RuleError(field, f"must be left out for {operator}", "no_value")
    elif operator in {"at_least", "at_most"}:
        if not is_number(value):
            raise RuleError(field, f"must be a number for {operator}", "number")
    elif operator == "within_days":
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_DAYS:
            raise RuleError(field, f"must be a whole number of days from 0 to {MAX_DAYS}", "days")
    elif operator in LISTS:
        _validate_list(field, operator, value)
    else:
        _validate_single(field, value)


def _validate_list(field: str, operator: str, value: object) -> None:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_VALUES:
        raise RuleError(field, f"must be a list of 1 to {MAX_VALUES} values for {operator}", "list")
    for index, one in enumerate(value):
        _validate_single(f"{field}.{index}", one)


def _validate_single(field: str, value: object) -> None:
    if not (_is_text(value) or isinstance(value, bool) or is_number(value)) or len(str(value)) > MAX_TEXT:
        raise RuleError(field, "must be a text, a number, true or false", "single")


def _is_text(value: object) -> bool:
    """A text the database can hold: without NUL and halves of a character."""
    return isinstance(value, str) and not re.search("[\0\ud800-\udfff]", value)


def _value_text(value: object) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
