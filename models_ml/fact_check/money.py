"""Currencies beside a number, and the part a price or percentage plays: a price, a reduction, a former price.

The part is read from the words around: "save $10" takes off, "only $10" is to be paid, "was $10" used to be, "over $10"
is an order value. A bare yen sign is read as yuan, on both sides of every comparison.
"""

from __future__ import annotations

import re
from functools import cache

from models_ml.fact_check.patterns import compiled, entries
from models_ml.fact_check.units import data

_SIGN = r"us\$|cn¥|hk\$|nt\$|ca\$|s\$|a\$|\$|€|£|¥|₹|₩"
_CODE = r"usd|eur|gbp|cny|rmb|jpy|hkd|twd|sgd|aud|cad|inr|krw|chf"
BEFORE = re.compile(rf"((?<![a-z])(?:{_CODE})|{_SIGN})\s?$")
AFTER = re.compile(
    rf"[\s-]?((?:dollars?|bucks|euros?|pounds?(?! weight)|quid|yuan|{_CODE})(?![a-z])|{_SIGN}"
    r"|元人民币|美元|美金|欧元|英镑|日元|港元|港币|新台币|新加坡元|澳元|加元|卢比|韩元|人民币|元(?![旦素气老首复宵])|块钱"
    r"|块(?=[。、,.!;\s]|就|带|搞定|拿下|起|以|左右|出头|入手|到手|$))"
)

# The words that tell a role stand close by; a short window keeps reading linear.
_WINDOW = 32


def currency_at(text: str, start: int, end: int) -> tuple[str, int, int] | None:
    """The currency beside a number at [start, end) of a folded text: its code and the whole span; None without one."""
    low = max(0, start - 6)
    if before := BEFORE.search(text[low:start]):
        return _currencies()[before[1]], low + before.start(), end
    if after := AFTER.match(text, end):
        return _currencies()[after[1]], start, after.end()
    return None


@cache
def _currencies() -> dict[str, str]:
    return {written: code for code, names in data("patterns")["currencies"].items() for written in names}


def role_at(text: str, start: int, end: int) -> str:
    """The part an amount at [start, end) of a folded text plays, from the words around; empty where nothing tells."""
    left = text[max(0, start - _WINDOW) : start]
    for role, before, after in _roles():
        if (before and before.search(left)) or (after and after.match(text, end)):
            return role
    return ""


@cache
def _roles() -> tuple[tuple[str, re.Pattern[str] | None, re.Pattern[str] | None], ...]:
    """(role, words before, words after) in the order in which they are tried."""
    return tuple(
        (
            entry["role"],
            compiled(entry["before"]) if entry["before"] else None,
            compiled(entry["after"]) if entry["after"] else None,
        )
        for entry in entries("roles")
    )
