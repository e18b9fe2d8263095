"""Facts as a shopper reads them: prices, discounts and dates in the language of the copy. Pure.

English writes `20%`, `$1,299.50`, `30 September`; Chinese writes `8折`, `1299.50元`, `9月30日`. What an offer is worth
is kept as a plain number and becomes text here only, so one campaign can be shown in either language.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_SYMBOLS = {
    "USD": "$", "EUR": "€", "GBP": "£", "CNY": "CN¥", "JPY": "¥", "HKD": "HK$", "TWD": "NT$", "SGD": "S$",
    "AUD": "A$", "CAD": "CA$", "INR": "₹", "KRW": "₩",
}  # fmt: skip
_CHINESE_NAMES = {
    "CNY": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑", "JPY": "日元", "HKD": "港元", "TWD": "新台币",
    "SGD": "新加坡元", "AUD": "澳元", "CAD": "加元", "INR": "卢比", "KRW": "韩元",
}  # fmt: skip
_WITHOUT_CENTS = frozenset({"JPY", "KRW"})
# Offers whose value is a number; of the others the value is the marketer's own words.
NUMBER_OFFERS = frozenset({"percent", "amount", "free_shipping"})
LARGEST_AMOUNT = Decimal(10_000_000)


class OfferError(ValueError):
    """An offer value that cannot be used, in a sentence; `code` names what is wrong, for `campaigns.offer_words`."""

    def __init__(self, message: str, code: str, value: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.value = value


def money(amount: Decimal, currency: str, language: str) -> str:
    """An amount with its currency: `$49`, `$49.90`, `CHF 49.90`; `49元`, `49.90美元`, `49.90 CHF`."""
    whole = currency in _WITHOUT_CENTS or amount == amount.to_integral_value()
    digits = f"{amount:.0f}" if whole else f"{amount:.2f}"
    if language == "zh":
        name = _CHINESE_NAMES.get(currency)
        return f"{digits}{name}" if name else f"{digits} {currency}"
    grouped = f"{Decimal(digits):,}"
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{grouped}" if symbol else f"{currency} {grouped}"


def discount(percent: Decimal, language: str) -> str:
    """A reduction: `20%` in English; in Chinese what is left to pay in tenths, `8折` (八折), `7.5折`."""
    if language == "zh":
        return f"{plain((Decimal(100) - percent) / 10)}折"
    return f"{plain(percent)}%"


def day(value: date, language: str) -> str:
    """A date without its year: `30 September`, `9月30日`."""
    if language == "zh":
        return f"{value.month}月{value.day}日"
    return f"{value.day} {MONTHS[value.month - 1]}"


def offer_value(kind: str, value: str, *, currency: str, language: str) -> str:
    """What an offer gives, as shown. Raises OfferError where the value does not fit the kind."""
    checked = checked_offer(kind, value)
    if not checked or kind not in NUMBER_OFFERS:
        return checked
    number = Decimal(checked)
    return discount(number, language) if kind == "percent" else money(number, currency, language)


def checked_offer(kind: str, value: str) -> str:
    """The value in the form it is kept in. Raises OfferError: percent is over 0 and under 100, an amount over 0."""
    value = value.strip()
    if kind == "none":
        if value:
            raise OfferError("must be empty where there is no offer", "not_empty")
        return ""
    if kind == "free_shipping" and not value:
        return ""
    if not value:
        raise OfferError("says what the offer gives; it is missing", "missing")
    if kind not in NUMBER_OFFERS:
        return value
    return plain(_number(kind, value))


def plain(number: Decimal) -> str:
    """Digits without an exponent or trailing zeros: 20, 7.5."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(kind: str, value: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        shown = repr(value[:40])
        raise OfferError(f"must be a number for this offer, such as 20; got {shown}", "number", shown) from None
    if not number.is_finite() or number != round(number, 2):
        raise OfferError("must be a number with at most two decimals", "decimals")
    if kind == "percent" and not 0 < number < 100:
        raise OfferError("must be over 0 and under 100 percent", "percent")
    if not 0 < number <= LARGEST_AMOUNT:
        raise OfferError(f"must be over 0 and at most {LARGEST_AMOUNT:,}", "amount")
    return number
