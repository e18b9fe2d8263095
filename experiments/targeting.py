"""Who is meant: GrowthBook's targeting conditions, evaluated as its JavaScript SDK evaluates them.

Two doors. `matches` is lenient, as the SDKs are: an unknown operator is false, and so is a condition that breaks or
costs too much, whatever stands around it (so a `$not` does not turn a fault into a match). `check_condition` is strict
and for our own authors: it names the path of what can never be meant. Bounded: nesting, entries, and the steps of all
regular expressions together; those run in time proportional to text and pattern (experiments.patterns). Pure.

Definition: GrowthBook, "Build Your Own SDK", Evaluating Conditions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from experiments import javascript as js
from experiments import patterns

MAX_DEPTH = 20
# What one evaluation may cost: an entry of a condition or a comparison in a list is one, a state of a pattern is one.
MAX_STEPS = 200_000

_BUILD_INFORMATION = re.compile(r"^v|\+.*$")


class _Unusable(Exception):
    """The condition cannot be evaluated; the whole of it is false."""


def matches(attributes: object, condition: object, groups: Mapping[str, Any] | None = None) -> bool:
    """Whether attributes meet a condition; `groups` are the saved groups by id. Never raises."""
    try:
        return _Evaluation(groups or {}).condition(attributes, condition)
    except (_Unusable, patterns.Unusable, RecursionError):
        return False


def padded_version(value: object) -> str:
    """A version as text that sorts as versions do: "1.2.3" becomes "    1-    2-    3-~", which is after any
    pre-release of it. Build information and a leading v do not count; what is no version is 0.
    """
    text = js.number_text(value) if isinstance(value, int | float) and js.is_number(value) else value
    if not text or not isinstance(text, str):
        text = "0"
    parts = re.split(r"[-.]", _BUILD_INFORMATION.sub("", text))
    if len(parts) == 3:
        parts.append("~")
    return "-".join(part.rjust(5) if re.fullmatch(r"[0-9]+", part) else part for part in parts)


def at_path(value: Any, path: str) -> Any:
    """What lies at a dotted path of objects and lists; None where nothing does."""
    for part in path.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part == "length":
            value = len(value)
        elif isinstance(value, list) and (index := js.array_index(part)) is not None and index < len(value):
            value = value[index]
        else:
            return None
    return value


def is_operators(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value of a condition is a set of operators: an object whose keys all begin with a dollar sign."""
    return isinstance(value, dict) and bool(value) and all(key.startswith("$") for key in value)


class _Evaluation:
    """One evaluation: the saved groups, and what it may still cost."""

    def __init__(self, groups: Mapping[str, Any]) -> None:
        self.groups = groups
        self.budget = patterns.Budget(MAX_STEPS)
        self.depth = 0

    def condition(self, attributes: object, condition: object) -> bool:
        """All entries of an object hold."""
        if not isinstance(condition, dict):
            raise _Unusable
        self.enter()
        found = all(self.entry(attributes, key, value) for key, value in condition.items())
        self.depth -= 1
        return found

    def enter(self) -> None:
        """One level down; the budget and the depth are what a hostile condition runs into."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Unusable
        self.budget.spend(1)

    def entry(self, attributes: object, key: str, value: Any) -> bool:
        """One entry: a grouping, a saved group, or a path with what must be there."""
        match key:
            case "$or":
                return self.any_of(attributes, value)
            case "$nor":
                return not self.any_of(attributes, value)
            case "$and":
                return all(self.condition(attributes, each) for each in _items(value))
            case "$not":
                return not self.condition(attributes, value)
            case "$savedGroup":
                return self.saved_group(attributes, value)
            case _:
                return self.value(value, at_path(attributes, key))

    def any_of(self, attributes: object, conditions: Any) -> bool:
        """At least one holds; none at all is true."""
        items = _items(conditions)
        return not items or any(self.condition(attributes, each) for each in items)

    def value(self, expected: Any, actual: Any, *, any_case: bool = False) -> bool:
        """What is there is what is expected: by value, or by operators that all hold."""
        self.budget.spend(1)
        if isinstance(expected, str):
            text = js.to_text(actual)
            return text.lower() == expected.lower() if any_case else text == expected
        if isinstance(expected, bool):
            return actual is not None and js.truthy(actual) is expected
        if isinstance(expected, int | float):
            return js.to_number(actual) == expected
        if is_operators(expected):
            return self.operators(expected, actual)
        return js.same_json(actual, expected)

    def operators(self, expected: dict[str, Any], actual: Any) -> bool:
        """All operators hold of what is there."""
        self.enter()
        found = all(self.operator(name, actual, operand) for name, operand in expected.items())
        self.depth -= 1
        return found

    def operator(self, name: str, actual: Any, operand: Any) -> bool:
        """One operator; false for one that nobody knows."""
        if name in _COMPARISONS:
            return _COMPARISONS[name](actual, operand)
        if name in _MEMBERSHIPS:
            negated, any_case = _MEMBERSHIPS[name]
            return isinstance(operand, list) and self.is_in(actual, operand, any_case=any_case) is not negated
        method = _METHODS.get(name)
        return method(self, actual, operand) if method else False

    def is_in(self, actual: Any, expected: Sequence[Any], *, any_case: bool = False) -> bool:
        """Whether it, or of a list any item, is among the expected."""
        self.budget.spend(len(expected) // 100 + 1)
        fold = _folded if any_case else _same
        if isinstance(actual, list):
            self.budget.spend(len(actual))
            return not {_identity(fold(item)) for item in actual}.isdisjoint(_identity(fold(item)) for item in expected)
        if isinstance(actual, str) and not any_case:
            return actual in expected
        return any(js.strictly_equal(fold(actual), fold(item)) for item in expected)

    def saved_group(self, attributes: object, reference: Any) -> bool:
        """A saved group by reference: {"id": …}, of a list of values or of a condition."""
        entry = self.groups.get(reference.get("id", "")) if isinstance(reference, dict) else None
        if not isinstance(entry, dict):
            return False
        if entry.get("type") == "condition":
            return self.condition(attributes, entry.get("condition"))
        path, values = reference.get("attributeKey", entry.get("attributeKey")), entry.get("values")
        if entry.get("type") != "list" or not isinstance(path, str) or not isinstance(values, list):
            return False
        return self.is_in(at_path(attributes, path), values)

    def group_values(self, name: Any) -> Sequence[Any]:
        """The values of a saved group; none where it is not known."""
        entry = self.groups.get(js.to_text(name))
        found = entry.get("values") if isinstance(entry, dict) else entry
        return found if isinstance(found, list) else ()

    def in_group(self, actual: Any, operand: Any) -> bool:
        """$inGroup."""
        return self.is_in(actual, self.group_values(operand))

    def not_in_group(self, actual: Any, operand: Any) -> bool:
        """$notInGroup."""
        return not self.in_group(actual, operand)

    def unless(self, actual: Any, operand: Any) -> bool:
        """$not beside other operators."""
        return not self.value(operand, actual)

    def size(self, actual: Any, operand: Any) -> bool:
        """$size: a list's length, by value or operators."""
        return isinstance(actual, list) and self.value(operand, len(actual))

    def element(self, actual: Any, operand: Any) -> bool:
        """$elemMatch: an item that counts as true meets operators, or is an object that meets a condition."""
        if not isinstance(actual, list):
            return False
        if not isinstance(operand, dict):
            raise _Unusable
        check = self.value if is_operators(operand) else _turned(self.condition)
        return any(check(operand, item) for item in actual if js.truthy(item))

    def every(self, actual: Any, operand: Any, *, any_case: bool = False) -> bool:
        """$all: each expected value is met by some item."""
        if not (isinstance(operand, list) and isinstance(actual, list)):
            return False
        return all(any(self.value(each, item, any_case=any_case) for item in actual) for each in operand)

    def every_any_case(self, actual: Any, operand: Any) -> bool:
        """$alli."""
        return self.every(actual, operand, any_case=True)

    def pattern(self, actual: Any, operand: Any, *, any_case: bool = False) -> bool:
        """$regex: found anywhere in the text; false where the pattern is none."""
        try:
            found = patterns.compiled(operand, any_case=any_case) if isinstance(operand, str) else None
        except ValueError:
            return False
        return found is not None and found.found_in(js.to_text(actual), self.budget)

    def pattern_any_case(self, actual: Any, operand: Any) -> bool:
        """$regexi."""
        return self.pattern(actual, operand, any_case=True)


def _items(value: Any) -> list[Any]:
    """The conditions of a grouping. As in JavaScript, a value without a length has none to fail; null breaks."""
    if value is None:
        raise _Unusable
    return value if isinstance(value, list) else []


def _turned(check: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda expected, item: check(item, expected)


def _same(value: Any) -> Any:
    return value


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _identity(value: Any) -> object:
    """A hashable key that is equal exactly where === is: numbers are one kind, lists and objects are like nothing."""
    if isinstance(value, list | dict):
        return object()
    return ("number", value) if js.is_number(value) else (type(value), value)


def _type_name(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "unknown")


def _by_version(compare: Callable[[bytes, bytes], bool]) -> Callable[[Any, Any], bool]:
    return lambda actual, operand: compare(
        js.code_units(padded_version(actual)), js.code_units(padded_version(operand))
    )


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": js.strictly_equal,
    "$ne": lambda actual, operand: not js.strictly_equal(actual, operand),
    "$lt": js.less,
    "$lte": lambda actual, operand: js.less(actual, operand, or_equal=True),
    "$gt": lambda actual, operand: js.less(operand, actual),
    "$gte": lambda actual, operand: js.less(operand, actual, or_equal=True),
    "$veq": _by_version(bytes.__eq__),
    "$vne": _by_version(bytes.__ne__),
    "$vlt": _by_version(bytes.__lt__),
    "$vlte": _by_version(bytes.__le__),
    "$vgt": _by_version(bytes.__gt__),
    "$vgte": _by_version(bytes.__ge__),
    "$exists": lambda actual, operand: (actual is not None) is js.truthy(operand),
    "$type": lambda actual, operand: _type_name(actual) == operand,
}
# name: (negated, in any case)
_MEMBERSHIPS = {"$in": (False, False), "$ini": (False, True), "$nin": (True, False), "$nini": (True, True)}
_METHODS: dict[str, Callable[[_Evaluation, Any, Any], bool]] = {
    "$not": _Evaluation.unless,
    "$size": _Evaluation.size,
    "$elemMatch": _Evaluation.element,
    "$all": _Evaluation.every,
    "$alli": _Evaluation.every_any_case,
    "$regex": _Evaluation.pattern,
    "$regexi": _Evaluation.pattern_any_case,
    "$inGroup": _Evaluation.in_group,
    "$notInGroup": _Evaluation.not_in_group,
}
OPERATORS = frozenset({*_COMPARISONS, *_MEMBERSHIPS, *_METHODS})
