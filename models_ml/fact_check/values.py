"""The values of the fact check: what is claimed, what a finding says, where facts stand, what a price was.

A claim is held in one normal form whatever its wording: `八折`, `20 % off` and "a fifth off" are all a reduction of 20
percent. Positions are characters of the text as given, [start, end).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from models_ml.fact_check.numerals import plain

KINDS = (
    "number", "price", "percent", "offer", "date", "duration", "quantity", "rating", "code", "material", "colour",
    "brand", "superlative", "guarantee", "price_history", "role",
)  # fmt: skip
BLOCK, WARN = "block", "warn"
EXCERPT = 80


class FactSpan(NamedTuple):
    """Characters [start, end) of a part that a slot put there."""

    start: int
    end: int
    slot: str


@dataclass(frozen=True)
class PricePoint:
    """What the product cost from `day` on: the price paid and, where one was shown, the list price."""

    day: date
    price: Decimal
    list_price: Decimal | None = None
    currency: str = "USD"


@dataclass(frozen=True)
class FactFinding:
    """A claim that nothing supports, or a fact used in a way that falsifies it. `kind` is one of KINDS.

    `claim` is the claim in its normal form, `message` says what support is missing, `remedy` what to do about it.
    """

    kind: str
    part: str
    start: int
    end: int
    excerpt: str
    claim: str
    message: str
    remedy: str
    severity: str = BLOCK


class Claim(NamedTuple):
    """One claim of a text. `subject` is what is measured or said (a currency, a unit's dimension, a material).

    `role` is the part it plays ("off", "price", "former", "threshold", "more"; "imperial" for a unit), `bound` is "max"
    for "up to" and "min" for "over".
    """

    kind: str
    subject: str
    amount: Decimal | None
    start: int
    end: int
    role: str = ""
    bound: str = ""

    def normal(self) -> str:
        """The claim in one form, such as `reduction 20 %`, `price USD 49.9`, `quantity volume 500 ml`."""
        amount = "" if self.amount is None else _short(self.amount)
        bound = {"max": "up to ", "min": "over "}.get(self.bound, "")
        if self.kind == "percent":
            return f"{'reduction' if self.role == 'off' else 'share'} {bound}{amount} %"
        if self.kind == "material" and amount:
            return f"material {self.subject} {amount} %"
        if self.kind == "price":
            return f"{_MONEY_ROLES.get(self.role, 'price')} {self.subject} {amount}"
        words = (self.kind, bound.strip(), self.subject, amount, _BASE_UNITS.get(self.subject, ""))
        return " ".join(word for word in words if word)


def _short(amount: Decimal) -> str:
    """An amount to two decimals; one of more digits than a Decimal rounds is left as it is."""
    return plain(round(amount, 2) if amount < 10**15 else amount)


_MONEY_ROLES = {"off": "reduction", "former": "former price", "threshold": "order value"}
_BASE_UNITS = {
    "volume": "ml", "mass": "g", "length": "mm", "area": "mm2", "time": "minutes", "months": "months", "charge": "mAh",
    "power": "W", "storage": "MB", "warranty": "months", "returns": "minutes",
}  # fmt: skip
