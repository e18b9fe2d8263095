"""What JavaScript means by text, number, true, equal and less, for values that came out of JSON.

GrowthBook's conditions are defined by what its JavaScript SDK does with such values, so the other rules must be the
same ones (ECMA-262, chapter 7). Peculiar: text is ordered by UTF-16 code units; null is 0 as a number; a list is its
items joined with commas; lists and objects equal nothing but themselves. The identifiers of units are texts by the same
rules. Pure.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

# White space and line ends (ECMA-262, 12.2 and 12.3).
_SPACE = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_RADIX = re.compile(r"0(?:[xX](?P<hex>[0-9a-fA-F]+)|[oO](?P<oct>[0-7]+)|[bB](?P<bin>[01]+))")
_ARRAY_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_BASES = {"hex": 16, "oct": 8, "bin": 2}


def is_number(value: object) -> bool:
    """Whether typeof is "number": truth values are not numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def truthy(value: object) -> bool:
    """All but null, false, zero, NaN and the empty text is true; empty lists and objects too."""
    if isinstance(value, list | dict):
        return True
    return bool(value) and value == value  # noqa: PLR0124 - NaN alone differs from itself


def to_text(value: object) -> str:
    """String(value) (ECMA-262, 7.1.17 ToString)."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return ",".join("" if item is None else to_text(item) for item in value)
    return number_text(value) if isinstance(value, int | float) else "[object Object]"


def to_number(value: object) -> float:
    """Number(value) (ECMA-262, 7.1.4 ToNumber); NaN for what is none."""
    if value is None:
        return 0.0
    if isinstance(value, int | float):
        return _double(value)
    return _number_of_text(to_text(value))


def strictly_equal(left: object, right: object) -> bool:
    """left === right. Two lists or objects out of two JSON texts are never the same one."""
    if is_number(left) and is_number(right):
        return left == right
    return type(left) is type(right) and not isinstance(left, list | dict) and left == right


def less(left: object, right: object, *, or_equal: bool = False) -> bool:
    """left < right, or left <= right (ECMA-262, 7.2.12 IsLessThan): as text where both are, else as numbers."""
    first, second = _primitive(left), _primitive(right)
    if isinstance(first, str) and isinstance(second, str):
        order: tuple[Any, Any] = (code_units(first), code_units(second))
    else:
        order = (to_number(first), to_number(second))
    return bool(order[0] <= order[1] if or_equal else order[0] < order[1])


def code_units(text: str) -> bytes:
    """A key that orders text by UTF-16 code units."""
    return text.encode("utf-16-be", "surrogatepass")


def same_json(left: object, right: object) -> bool:
    """Whether JSON.stringify writes both alike: the order of an object's keys matters, 1 and 1.0 are one number."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        keys = _key_order(left)
        return keys == _key_order(right) and all(same_json(left[key], right[key]) for key in keys)
    return strictly_equal(left, right)


def array_index(key: str) -> int | None:
    """The index that a property's name is, or None."""
    return int(key) if _ARRAY_INDEX.fullmatch(key) else None


def unit_key(value: object) -> str:
    """The text under which an identifier of any JSON type is hashed; empty for what identifies nobody.

    Zero, NaN, truth values, null, lists and objects identify nobody. Numbers are written as ECMAScript's
    Number::toString does.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not value or value != value:  # noqa: PLR0124
        return ""
    return number_text(value)


def number_text(value: float) -> str:
    """A number as ECMAScript's Number::toString writes it. JavaScript has doubles only, so a long whole number loses
    its last digits before it is written.
    """
    try:
        double = float(value)
    except OverflowError:
        double = math.inf if value > 0 else -math.inf
    if math.isnan(double):
        return "NaN"
    if math.isinf(double):
        return "Infinity" if double > 0 else "-Infinity"
    if double == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(double)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent)
    return ("-" if sign else "") + _placed(text, point)


def _key_order(found: dict[str, Any]) -> list[str]:
    # Names that are array indices come first, in ascending order (ECMA-262, 10.1.11).
    indices = sorted((key for key in found if array_index(key) is not None), key=int)
    return indices + [key for key in found if array_index(key) is None]


def _primitive(value: object) -> object:
    return to_text(value) if isinstance(value, list | dict) else value


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _number_of_text(text: str) -> float:
    stripped = text.strip(_SPACE)
    if not stripped:
        return 0.0
    if _DECIMAL.fullmatch(stripped):
        return float(stripped)
    if stripped in {"Infinity", "+Infinity", "-Infinity"}:
        return -math.inf if stripped.startswith("-") else math.inf
    based = _RADIX.fullmatch(stripped)
    if based is None or based.lastgroup is None:
        return math.nan
    return _double(int(based[based.lastgroup], _BASES[based.lastgroup]))


def _placed(digits: str, point: int) -> str:
    """Significant digits with the decimal point after the first `point` of them (ECMA-262, 6.1.6.1.20
    Number::toString).
    """
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
