"""Offers made of more than one number: "buy 2 get 1 free", `买二送一`, `第二件半价`, `满200减30`, fractions and 折.

One form for each: what is paid for how many ("3 for 2"), how many for a sum ("2 for USD 30"), "second at 50 %", and
"CNY 30 off from CNY 200". Chinese 折 names what is LEFT to pay, in tenths with one digit (8折), in hundredths with two
(75折, 七五折).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache

from models_ml.fact_check.money import currency_at, role_at
from models_ml.fact_check.numerals import find_numbers, plain, value_of
from models_ml.fact_check.patterns import compiled, entries
from models_ml.fact_check.taken import Taken
from models_ml.fact_check.values import Claim

_SHARES: dict[str, int | Decimal] = {"half": 50, "third": Decimal(100) / 3, "quarter": 25, "fifth": 20, "tenth": 10}
_TENTHS = {character: value for value, character in enumerate("零一二三四五六七八九")}

Reader = Callable[[re.Match[str]], Claim | None]


def read_offers(text: str) -> Iterator[Claim]:
    """Every offer of a folded text; where two readings overlap, the earlier pattern is meant."""
    taken = Taken(len(text))
    for needed, pattern, reader in _patterns():
        if needed in text:
            claims = (reader(match) for match in pattern.finditer(text))
            yield from taken.claim(claim for claim in claims if claim is not None)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], Reader], ...]:
    """(a word that must be in the text, pattern, what it means), in the order in which they are tried."""
    return tuple((entry["needs"], compiled(entry["any"]), _READERS[entry["reader"]]) for entry in entries("offers"))


def _small(text: str | None, otherwise: int = 1) -> int:
    value = value_of(text) if text and text not in {"another", "the second"} else None
    return otherwise if value is None else int(value)


def _offer(match: re.Match[str], subject: str) -> Claim:
    return Claim("offer", subject, None, match.start(), match.end())


def _get_free(match: re.Match[str]) -> Claim:
    paid, given = _small(match["paid"]), _small(match["given"])
    return _offer(match, f"{paid + given} for {paid}")


def _one_free(match: re.Match[str]) -> Claim:
    return _offer(match, "2 for 1")


def _for_price_of(match: re.Match[str]) -> Claim | None:
    taken, paid = _small(match["taken"]), _small(match["paid"])
    return _offer(match, f"{taken} for {paid}") if taken > paid else None


def _free_of(match: re.Match[str]) -> Claim:
    taken, free = _small(match["taken"]), _small(match["free"])
    return _offer(match, f"{taken + free} for {taken}")


def _free_among(match: re.Match[str]) -> Claim:
    taken, free = _small(match["taken"]), _small(match["free"])
    return _offer(match, f"{taken} for {taken - free}")


def _sum(text: str) -> str | None:
    number = next(iter(find_numbers(text)), None)
    currency = currency_at(text, number.start, number.end) if number else None
    if number is None:
        return None
    return f"{currency[0] if currency else 'CNY'} {plain(number.value)}"


def _set_price(match: re.Match[str]) -> Claim | None:
    price = _sum(match["sum"])
    return _offer(match, f"{_small(match['taken'])} for {price}") if price else None


def _over(match: re.Match[str]) -> Claim | None:
    reduction, least = _sum(match["reduction"]), _sum(match["least"])
    return _offer(match, f"{reduction} off from {least}") if reduction and least else None


def _second(match: re.Match[str]) -> Claim:
    return _offer(match, "second at 50 %")


def _reduction(match: re.Match[str], amount: Decimal, bound: str = "") -> Claim:
    return Claim("percent", "", amount, match.start(), match.end(), "off", bound)


def _half(match: re.Match[str]) -> Claim:
    return _reduction(match, Decimal(50))


def _fraction(match: re.Match[str]) -> Claim:
    count = {"two": 2, "three": 3}.get(match["count"] or "", 1)
    share = count * Decimal(_SHARES[match["share"].removesuffix("s").replace("halve", "half")])
    return _reduction(match, share, "max" if match["bound"] else "")


def _left_to_pay(match: re.Match[str]) -> Claim:
    digits = match["left"]
    if digits[0] in _TENTHS:
        digits = "".join(str(_TENTHS[character]) for character in digits)
    left = Decimal(digits)
    bound = "max" if match["low"] or match["from"] else ""
    claim = _reduction(match, 100 - (left if left >= 10 else left * 10), bound)
    start, end = match.start("left"), match.end()
    before = match.string[max(0, start - 4) : start]
    wrong = re.search(r"(?:[减省]|立减|直降|降)了?$", before) or re.match(r"\s?off\b", match.string[end:])
    return claim._replace(start=start, end=end, role="wrong way" if wrong else "off")


def _tenths(match: re.Match[str]) -> Claim | None:
    value = value_of(match["tenths"])
    if value is None:
        return None
    return _reduction(match, value * 10)._replace(start=match.start("tenths"))


def _hundredths(match: re.Match[str]) -> Claim | None:
    value = value_of(match["number"])
    if value is None:
        return None
    role = role_at(match.string, match.start(), match.end())
    return Claim("percent", "", value, match.start(), match.end(), role if role in {"off", "more"} else "")


_READERS: Mapping[str, Reader] = {
    "second": _second,
    "get_free": _get_free,
    "one_free": _one_free,
    "for_price_of": _for_price_of,
    "set_price": _set_price,
    "free_of": _free_of,
    "free_among": _free_among,
    "over": _over,
    "half": _half,
    "fraction": _fraction,
    "left_to_pay": _left_to_pay,
    "tenths": _tenths,
    "hundredths": _hundredths,
}
