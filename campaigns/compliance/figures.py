"""Every number in a shown copy must be a fact: a price, a percentage, a date or a count from product, offer or brief.

What a slot filled in is right by construction. Anything else is read as a figure with its kind (percent, money, date,
model name, plain number), and must equal a figure in the facts or in the shop's own text about the product: `20%` does
not support `20 hours`, nor `$49` a `49`. Chinese `8折` and `八折` are both 20 % off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

from campaigns.compliance.findings import BLOCK, CheckContext, CopyParts, Finding, at, fact_spans
from campaigns.compliance.folding import Folded
from models_ml.channels import PARTS

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = "|".join(f"{name}|{name[:3]}" for name in _MONTHS)
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_HAN = "零一二两三四五六七八九十百千万"
_HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000}
_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "fifteen": 15, "twenty": 20, "twenty-five": 25, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "a hundred": 100, "one hundred": 100,
}  # fmt: skip
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
# One name for each way of writing a currency; a bare yen sign is read as yuan on both sides of the comparison.
_CURRENCIES = {
    "$": "USD", "us$": "USD", "usd": "USD", "dollar": "USD", "dollars": "USD", "美元": "USD", "€": "EUR", "eur": "EUR",
    "euro": "EUR", "euros": "EUR", "欧元": "EUR", "£": "GBP", "gbp": "GBP", "pound": "GBP", "pounds": "GBP",
    "英镑": "GBP", "¥": "CNY", "cn¥": "CNY", "cny": "CNY", "rmb": "CNY", "yuan": "CNY", "元": "CNY", "块钱": "CNY",
    "块": "CNY", "人民币": "CNY", "日元": "JPY", "jpy": "JPY", "hk$": "HKD", "hkd": "HKD", "港元": "HKD",
    "nt$": "TWD", "新台币": "TWD", "s$": "SGD", "新加坡元": "SGD", "a$": "AUD", "澳元": "AUD", "ca$": "CAD",
    "加元": "CAD", "₹": "INR", "卢比": "INR", "₩": "KRW", "韩元": "KRW", "chf": "CHF",
}  # fmt: skip
_BEFORE = r"us\$|cn¥|hk\$|nt\$|ca\$|s\$|a\$|\$|€|£|¥|₹|₩|\b(?:usd|eur|gbp|cny|rmb|jpy|hkd|chf)\b"
_AFTER = (
    r"(?:dollars?|euros?|pounds?|yuan|usd|eur|gbp|cny|rmb|jpy|hkd|chf)\b"
    r"|美元|欧元|英镑|日元|港元|新台币|新加坡元|澳元|加元|卢比|韩元|人民币|元(?![旦素气老首复])|块钱|块(?=[，。！,.!\s]|$)"
)


class Figure(NamedTuple):
    """One number in a text: what kind, its value in one form, and where it stands."""

    kind: str
    value: str
    start: int
    end: int


def unsupported(parts: CopyParts, context: CheckContext) -> Iterator[Finding]:
    """A figure that neither a slot brought nor the facts hold."""
    known = {
        (figure.kind, figure.value)
        for text in (*context.facts.values(), *context.supported)
        for figure in figures(text)
    }
    for part in PARTS:
        spans = fact_spans(parts, part, context.facts)
        for figure in figures(parts.filled.get(part, "")):
            by_slot = any(span.start <= figure.start and figure.end <= span.end for span in spans)
            if not by_slot and (figure.kind, figure.value) not in known:
                yield _finding(parts, part, figure)


def figures(text: str) -> list[Figure]:
    """Every figure of a text, in its order; each character belongs to one figure at most."""
    folded, found = Folded.of(text), list[Figure]()
    for kind, pattern, value in _READERS:
        for start, end, match in folded.find(pattern):
            if not any(start < other.end and other.start < end for other in found):
                found.append(Figure(kind, value(match), start, end))
    return sorted(found, key=lambda figure: figure.start)


def _finding(parts: CopyParts, part: str, figure: Figure) -> Finding:
    words = (
        f"“{parts.filled[part][figure.start : figure.end]}” is in neither the product, the offer nor the brief.",
        "Use a slot, correct the figure, or take it out.",
    )
    return at("figures.unsupported", BLOCK, parts, (part, figure.start, figure.end), words)


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _read(text: str) -> Decimal:
    """A number in digits, English words or Chinese numerals up to 9,999."""
    text = text.strip()
    if text in _WORDS:
        return Decimal(_WORDS[text])
    if text[:1].isdigit() and text.isascii():
        return Decimal(text.replace(",", ""))
    return Decimal(_han(text))


def _han(text: str) -> int:
    total = digit = 0
    for character in text:
        if character == "万":
            total, digit = (total + digit) * 10_000, 0
        elif character in _HAN_UNITS:
            total, digit = total + (digit or 1) * _HAN_UNITS[character], 0
        else:
            digit = _HAN_DIGITS.get(character, 0)
    return total + digit


def _percent(match: re.Match[str]) -> str:
    return _plain(_read(match[1]))


def _paid_share(match: re.Match[str]) -> str:
    """折 names what is left to pay: in tenths with one digit (8折), in hundredths with two (75折, 七五折)."""
    text = match[1]
    if text[0] in _HAN_DIGITS:
        text = "".join(str(_HAN_DIGITS[character]) for character in text)
    left = Decimal(text)
    return _plain(100 - (left if left >= 10 else left * 10))


def _money(match: re.Match[str]) -> str:
    named = next(match[name] for name in ("before", "after") if match[name])
    return f"{_CURRENCIES[named]} {_plain(_read(match['number']))}"


def _date(match: re.Match[str]) -> str:
    month, day = match["month"], int(match["day"])
    number = int(month) if month.isdigit() else next(i for i, m in enumerate(_MONTHS, 1) if m.startswith(month[:3]))
    return f"{number}-{day}"


def _half(_match: re.Match[str]) -> str:
    return "50"


def _token(match: re.Match[str]) -> str:
    return match[0].replace("-", "")


def _number(match: re.Match[str]) -> str:
    return _plain(_read(match[1]))


_READERS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (kind, re.compile(pattern), value)
    for kind, pattern, value in (
        ("date", r"(?P<month>1[0-2]|0?[1-9])月(?P<day>\d{1,2})[日号]?", _date),
        ("date", rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\b", _date),
        ("date", rf"\b(?P<month>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b", _date),
        ("date", r"\b\d{4}-(?P<month>\d{2})-(?P<day>\d{2})\b", _date),
        ("percent", rf"({_NUMBER})\s*(?:%|per\s?cent\b)", _percent),
        ("percent", rf"\b({_WORD})[\s-]+per\s?cent\b", _percent),
        ("percent", rf"百分之({_NUMBER}|[{_HAN}]+)", _percent),
        ("percent", r"(\d{1,2}(?:\.\d+)?|[一二三四五六七八九]{1,2})\s*折(?![叠页痕])", _paid_share),
        ("percent", r"\bhalf[\s-]+(?:the\s+)?(?:price|off)\b|半价|打对折", _half),
        ("money", rf"(?P<before>{_BEFORE})\s*(?P<number>{_NUMBER})(?P<after>)", _money),
        ("money", rf"(?P<before>)(?P<number>{_NUMBER}|[{_HAN}]+)\s*(?P<after>{_AFTER})", _money),
        ("money", rf"(?P<before>)\b(?P<number>{_WORD})\s+(?P<after>dollars?|euros?|pounds?|yuan)\b", _money),
        ("plain", rf"\b({_WORD})[\s-]+(?:day|hour|week|month|year|star|minute|time)s?\b", _number),
        ("plain", rf"([{_HAN}]+)(?:倍|年质保|年保修|年联保|天无理由)", _number),
        ("token", r"(?<![a-z])[a-z]+-?\d+[a-z\d]*", _token),
        ("plain", rf"({_NUMBER})", _number),
    )
)
