"""What our own authors may write as a targeting condition: strict where `experiments.targeting` is lenient.

A typo in a condition targets nobody, or everybody, without a word; so what can never be meant is refused when it is
written, with the path of the place. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

from experiments import patterns
from experiments.targeting import MAX_DEPTH, OPERATORS, is_operators

MAX_ENTRIES = 200
MAX_PATTERNS = 20
TYPES = ("string", "number", "boolean", "array", "object", "null")

_LISTS = ("$and", "$or", "$nor")


def check_condition(condition: object) -> None:
    """Raises ValueError naming the path ("country.$in: …") for a condition that can never be meant."""
    _Check().condition(condition, "", 1)


class _Check:
    def __init__(self) -> None:
        self.entries = 0
        self.patterns = 0

    def condition(self, condition: object, path: str, depth: int) -> None:
        if not isinstance(condition, dict):
            _refuse(path, "an object is needed")
        if depth > MAX_DEPTH // 2:
            _refuse(path, f"is nested more than {MAX_DEPTH // 2} deep")
        for key, value in condition.items():
            self.entry(key, value, _join(path, key), depth)

    def entry(self, key: str, value: object, path: str, depth: int) -> None:
        self.count(path)
        if key in _LISTS:
            if not isinstance(value, list) or not value:
                _refuse(path, "a list of one condition or more is needed")
            for index, item in enumerate(value):
                self.condition(item, f"{path}.{index}", depth + 1)
        elif key == "$not":
            self.condition(value, path, depth + 1)
        elif key in OPERATORS:
            _refuse(path, "an operator belongs below the name of an attribute")
        elif not key or not all(key.split(".")):
            _refuse(path, "is not the name of an attribute")
        else:
            self.value(value, path, depth)

    def value(self, value: object, path: str, depth: int) -> None:
        if isinstance(value, dict) and not is_operators(value) and any(key.startswith("$") for key in value):
            _refuse(path, "operators and other names cannot stand side by side")
        if not is_operators(value):
            _plain(value, path)
            return
        if depth > MAX_DEPTH // 2:
            _refuse(path, f"is nested more than {MAX_DEPTH // 2} deep")
        for name, operand in value.items():
            self.operator(name, operand, _join(path, name), depth + 1)

    def operator(self, name: str, operand: object, path: str, depth: int) -> None:
        self.count(path)
        if name not in OPERATORS:
            _refuse(path, "is not an operator")
        if name in ("$regex", "$regexi"):
            self.pattern(operand, path)
        elif name in ("$not", "$size"):
            self.value(operand, path, depth)
        elif name == "$elemMatch":
            self.element(operand, path, depth)
        elif name in ("$all", "$alli"):
            for index, item in enumerate(_list(operand, path)):
                self.value(item, f"{path}.{index}", depth)
        else:
            _OPERANDS[name](operand, path)

    def element(self, operand: object, path: str, depth: int) -> None:
        if is_operators(operand):
            self.value(operand, path, depth)
        else:
            self.condition(operand, path, depth)

    def pattern(self, operand: object, path: str) -> None:
        self.patterns += 1
        if self.patterns > MAX_PATTERNS:
            _refuse(path, f"there are more than {MAX_PATTERNS} patterns")
        if not isinstance(operand, str):
            _refuse(path, "a pattern is text")
        try:
            patterns.compiled(operand)
        except ValueError as problem:
            _refuse(path, str(problem).removeprefix("pattern: "))

    def count(self, path: str) -> None:
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            _refuse(path, f"the condition has more than {MAX_ENTRIES} entries")


def _refuse(path: str, sentence: str) -> NoReturn:
    raise ValueError(f"{path or 'condition'}: {sentence}")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _plain(value: object, path: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        _refuse(path, "is not a number that can be written")


def _list(operand: object, path: str) -> list[Any]:
    if not isinstance(operand, list) or not operand:
        _refuse(path, "a list of one value or more is needed")
    return operand


def _scalars(operand: object, path: str) -> None:
    for index, item in enumerate(_list(operand, path)):
        _scalar(item, f"{path}.{index}")


def _scalar(operand: object, path: str) -> None:
    if isinstance(operand, list | dict):
        _refuse(path, "a list or an object is equal to nothing; give text, a number, true, false or null")
    _plain(operand, path)


def _ordered(operand: object, path: str) -> None:
    if isinstance(operand, bool) or not isinstance(operand, str | int | float):
        _refuse(path, "text or a number is needed")
    _plain(operand, path)


def _version(operand: object, path: str) -> None:
    if not isinstance(operand, str) or not operand:
        _refuse(path, "a version such as 1.2.3 is needed")


def _truth(operand: object, path: str) -> None:
    if not isinstance(operand, bool):
        _refuse(path, "true or false is needed")


def _type(operand: object, path: str) -> None:
    if operand not in TYPES:
        _refuse(path, f"is not one of {', '.join(TYPES)}")


def _group(operand: object, path: str) -> None:
    _refuse(path, f"there is no saved group {operand!r}; write the values with $in")


_OPERANDS: dict[str, Callable[[object, str], None]] = {
    **dict.fromkeys(("$eq", "$ne"), _scalar),
    **dict.fromkeys(("$lt", "$lte", "$gt", "$gte"), _ordered),
    **dict.fromkeys(("$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte"), _version),
    **dict.fromkeys(("$in", "$ini", "$nin", "$nini"), _scalars),
    **dict.fromkeys(("$inGroup", "$notInGroup"), _group),
    "$exists": _truth,
    "$type": _type,
}
