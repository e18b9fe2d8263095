"""Prices as shops write them: `19,99 EUR`, `USD 5`, `¥128`, `1.299,00 €`, `1'299.50`, `128元`.

Peculiar: `1.299` alone could be one thousand or one and a bit, so it is refused and not guessed; `1,299` is thousands,
since no price has three decimals behind a comma. `¥` and `$` are the feed's currency where it is one of theirs.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from campaigns.feeds.errors import ValueProblem

CURRENCIES = frozenset({
    "AED", "ARS", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD",
    "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW", "KZT", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN",
    "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "UYU", "VND",
    "ZAR",
})  # fmt: skip
_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP", "UYU"})
_YENS = frozenset({"CNY", "JPY"})
# Longer spellings first: HK$ is not a dollar.
_SIGNS = (
    ("HK$", "HKD"), ("NT$", "TWD"), ("US$", "USD"), ("CA$", "CAD"), ("A$", "AUD"), ("S$", "SGD"), ("R$", "BRL"),
    ("CN¥", "CNY"), ("RMB", "CNY"), ("人民币", "CNY"),
    ("美元", "USD"), ("欧元", "EUR"), ("英镑", "GBP"), ("港元", "HKD"),
    ("日元", "JPY"), ("元", "CNY"), ("円", "JPY"), ("€", "EUR"), ("£", "GBP"), ("₩", "KRW"), ("₹", "INR"), ("₽", "RUB"),
    ("zł", "PLN"), ("¥", ""), ("￥", ""), ("$", ""),
)  # fmt: skip
_SPACES = re.compile(r"[\s\u00a0\u2009\u202f]+")
_NUMBER = re.compile(r"[0-9]+(?:[.,'’ ][0-9]+)*")
_CODE = re.compile(r"[A-Z]{3}")
LARGEST = Decimal("9999999999.99")


class Price(NamedTuple):
    """An amount and its currency."""

    amount: Decimal
    currency: str


def read(text: str, currency: str) -> Price:
    """The price in a text; `currency` where it names none. Raises ValueProblem."""
    given = _SPACES.sub(" ", text).strip()
    found = [match for match in _NUMBER.finditer(given) if match[0]]
    if not given or not found:
        raise ValueProblem("price_unreadable" if given else "missing", text)
    if len(found) > 1 or "-" in given or "−" in given:
        raise ValueProblem("price_negative" if len(found) == 1 else "price_unreadable", text)
    around = (given[: found[0].start()] + given[found[0].end() :]).strip()
    return Price(_amount(found[0][0], text), _currency(around, currency, text))


def _currency(around: str, currency: str, given: str) -> str:
    word = around.strip(" .:").upper()
    if not word:
        return currency
    if _CODE.fullmatch(word) and word in CURRENCIES:
        return word
    for sign, code in _SIGNS:
        if word == sign.upper():
            return code or _shared(sign, currency)
    raise ValueProblem("currency_unknown", given)


def _shared(sign: str, currency: str) -> str:
    family, usual = (_DOLLARS, "USD") if sign == "$" else (_YENS, "CNY")
    return currency if currency in family else usual


def _amount(number: str, given: str) -> Decimal:
    text = re.sub(r"['’ ](?=[0-9]{3}(?![0-9]))", "", number)
    if not re.fullmatch(r"[0-9.,]{1,40}", text):
        raise ValueProblem("price_unreadable", given)
    amount = Decimal(_with_point(text, given))
    if amount > LARGEST:
        raise ValueProblem("price_large", given)
    if amount != amount.quantize(Decimal("0.01")):
        raise ValueProblem("price_decimals", given)
    return amount.quantize(Decimal("0.01"))


def _with_point(text: str, given: str) -> str:
    marks = [character for character in text if character in ".,"]
    if not marks:
        return text
    last = marks[-1]
    if len(set(marks)) == 2 and marks.count(last) == 1:
        whole, _mark, rest = text.rpartition(last)
        return f"{_grouped(whole, marks[0], given)}.{rest}"
    if len(marks) > 1:
        return _grouped(text, last, given)
    whole, _mark, rest = text.partition(last)
    if len(rest) != 3 or whole.startswith("0") or len(whole) > 3:
        return f"{whole}.{rest}"
    if last == ".":
        raise ValueProblem("price_ambiguous", given)
    return whole + rest


def _grouped(text: str, mark: str, given: str) -> str:
    """Digits in threes without their marks."""
    if not re.fullmatch(rf"[0-9]{{1,3}}(?:{re.escape(mark)}[0-9]{{3}})+", text):
        raise ValueProblem("price_unreadable", given)
    return text.replace(mark, "")
