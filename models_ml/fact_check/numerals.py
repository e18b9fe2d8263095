"""Numbers as people write them: digits with either decimal mark, English words, Chinese numerals; all as Decimal.

`1,299.50`, `1.299,50`, `1 299,50`, "twelve hundred", `一千二百`, `1.2万` and `二〇二六` are read. What a number counts
is not decided here. Works on folded text (plain digits, small letters). Repetitions are bounded, so reading is linear.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

_DIGITS = (
    r"\d{1,3}(?:,\d{3}){1,5}(?:\.\d{1,9})?(?!\d)"
    r"|\d{1,3}(?:\.\d{3}){1,5},\d{1,2}(?!\d)|\d{1,3}(?:[ \u202f']\d{3}){1,5},\d{1,2}(?!\d)"
    r"|\d{1,3}(?:\.\d{3}){2,5}(?!\d)|\d+,\d{1,2}(?!\d)|\d+\.\d{1,9}|\d+"
)
_SMALL = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "dozen": 12}
_NAME = "|".join(sorted((*_SMALL, *_TENS, *_SCALES), key=len, reverse=True))
_WORDS = rf"(?:an?[\s-](?=hundred|thousand|million|dozen))?(?:{_NAME})(?:[\s-](?:and[\s-])?(?:{_NAME})){{0,8}}"
_HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0, "两": 2, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5, "陆": 6, "柒": 7, "捌": 8, "玖": 9,
}  # fmt: skip
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_HAN_SCALES = {"万": 10_000, "亿": 100_000_000}
_HAN = f"[{''.join((*_HAN_DIGITS, *_HAN_UNITS, *_HAN_SCALES))}]"
_TIMES = {"k": 1000, "thousand": 1000, "million": 1_000_000} | _HAN_UNITS | _HAN_SCALES
# "10k" is ten thousand before people or reviews only: a 4K screen and 24k gold are names.
_SUFFIX = (
    r"\s?(?P<times>亿|万|千(?![米克瓦])|百|thousand\b|million\b"
    r"|k(?=\+?\s?(?:people|customers|reviews|users|fans|followers|shoppers|orders|happy)))"
)
NUMBER = re.compile(
    rf"(?P<digits>{_DIGITS})(?:{_SUFFIX})?|(?P<han>{_HAN}{{1,16}}(?:点{_HAN}{{1,6}})?)|\b(?P<words>{_WORDS})\b"
)
# What the other readers put into their patterns where a small number may stand.
SMALL_NUMBER = rf"(?:\d{{1,4}}|[一二两三四五六七八九十]{{1,3}}|(?:{'|'.join(sorted(_SMALL, key=len, reverse=True))})\b)"


class Number(NamedTuple):
    """A number at [start, end) of a folded text. `form` is "digits", "han" or "words"; `raw` as written."""

    value: Decimal
    start: int
    end: int
    form: str
    raw: str


def find_numbers(text: str) -> list[Number]:
    """Every number of a folded text, in order; number words that make no number ("two three") are left out."""
    found = []
    for match in NUMBER.finditer(text):
        form = match.lastgroup if match.lastgroup != "times" else "digits"
        value = read(match)
        if value is not None and form is not None:
            found.append(Number(value, match.start(), match.end(), form, match[0]))
    return found


def value_of(text: str) -> Decimal | None:
    """The value of a folded text that is one number and nothing else; else None."""
    match = NUMBER.fullmatch(text.strip())
    return read(match) if match else None


def read(match: re.Match[str]) -> Decimal | None:
    """The value of a match of NUMBER; None where the words make no number."""
    if match["digits"]:
        number = _decimal(match["digits"])
        return number * _TIMES[match["times"]] if match["times"] else number
    if match["han"]:
        return _han(match["han"])
    return _english(match["words"])


def plain(number: Decimal) -> str:
    """Digits without an exponent or trailing zeros: 20, 7.5."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimal(text: str) -> Decimal:
    """The last mark is the decimal one, unless it only groups thousands: `1,299` and `1.299.000` are whole."""
    text = text.replace(" ", "").replace("\u202f", "").replace("'", "")
    comma, point = text.rfind(","), text.rfind(".")
    if comma > point:
        grouped = len(text) - comma == 4
        return Decimal(text.replace(",", "") if grouped else text.replace(".", "").replace(",", "."))
    return Decimal(text.replace(".", "") if text.count(".") > 1 else text.replace(",", ""))


def _english(text: str) -> Decimal | None:
    words = [word for word in re.split(r"[\s-]+", text) if word not in {"and", "a", "an"}]
    total = current = 0
    previous = ""
    for word in words:
        if not _follows(word, previous):
            return None
        if word in _SCALES:
            current = (current or 1) * _SCALES[word]
            if word in {"thousand", "million"}:
                total, current = total + current, 0
        else:
            current += _SMALL.get(word, _TENS.get(word, 0))
        previous = word
    return Decimal(total + current)


def _follows(word: str, previous: str) -> bool:
    """Whether a number word can stand after another: "twenty five" yes, "two three" no."""
    if not previous or word in _SCALES or previous in _SCALES:
        return True
    return previous in _TENS and word in _SMALL and 0 < _SMALL[word] < 10


def _han(text: str) -> Decimal | None:
    whole, _, fraction = text.partition("点")
    if not all(character in _HAN_DIGITS for character in fraction):
        return None
    value = Decimal(_han_whole(whole))
    if fraction:
        value += Decimal("0." + "".join(str(_HAN_DIGITS[character]) for character in fraction))
    return value


def _han_whole(text: str) -> int:
    if len(text) > 1 and all(character in _HAN_DIGITS for character in text):
        return int("".join(str(_HAN_DIGITS[character]) for character in text))
    total = section = digit = 0
    for character in text:
        if character in _HAN_SCALES:
            total, section, digit = (total + section + digit or 1) * _HAN_SCALES[character], 0, 0
        elif character in _HAN_UNITS:
            section, digit = section + (digit or 1) * _HAN_UNITS[character], 0
        else:
            digit = _HAN_DIGITS[character]
    return total + section + digit
