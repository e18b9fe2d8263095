"""Predicates about reductions: what a percentage or a former price is measured against, from the price history.

Two cases. A percentage (or sum) equal to the offer's will come off the price in force, so that price must not be above
the lowest of the window up to the day. Any other reduction is one that the price in force already gives, so it is
measured against the lowest price in the window before that price came into force. Sources: Directive 98/6/EC Art. 6a
with CJEU C-330/23 (30 days; percentages count from that price); SAMR Order 32 Art. 21 (7 days where no base is shown).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from campaigns.compliance.asking import Asked
from campaigns.compliance.findings import CheckContext, CopyParts, Hit
from campaigns.facts import money
from models_ml.channels import PARTS
from models_ml.fact_check import PricePoint, claims_of
from models_ml.fact_check.values import Claim

# A percentage is written rounded: 33 % for a third, 8.5折.
ROUNDED = Decimal("0.5")


@dataclass(frozen=True)
class Said:
    """A reduction that a part announces: `percent` or `sum` that comes off, or the `former` price."""

    part: str
    claim: Claim

    @property
    def kind(self) -> str:
        """percent, sum or former."""
        if self.claim.kind == "percent":
            return "percent"
        return "former" if self.claim.role == "former" else "sum"


@dataclass(frozen=True)
class History:
    """The prices up to a day, oldest first, and how far back a law looks."""

    points: Sequence[PricePoint]
    day: date
    window: int

    @classmethod
    def of(cls, context: CheckContext, window: int) -> History | None:
        """What is known on the day whose rules count; None where nothing is."""
        day = context.rules_of
        past = [one for one in context.price_history if day is not None and one.day <= day]
        return cls(sorted(past, key=lambda one: one.day), day, window) if day is not None and past else None

    @property
    def current(self) -> PricePoint:
        """The price in force."""
        return self.points[-1]

    @property
    def since(self) -> date:
        """The day on which the price in force began: the first of the last run of equal prices."""
        day = self.current.day
        for one in reversed(self.points):
            if one.price != self.current.price:
                return day
            day = one.day
        return day

    def lowest(self, *, before_current: bool) -> Decimal | None:
        """The lowest price within the window up to the day, or up to the beginning of the price in force."""
        until = self.since - timedelta(days=1) if before_current else self.day
        start = until - timedelta(days=self.window)
        known = [one for one in self.points if one.day <= until]
        standing = [one for one in known if one.day <= start][-1:]
        prices = [one.price for one in (*standing, *(one for one in known if one.day > start))]
        return min(prices, default=None)

    @property
    def reaches_back(self) -> bool:
        """Whether the whole window is known."""
        return self.points[0].day <= self.day - timedelta(days=self.window)


def prior_price(asked: Asked) -> Iterator[Hit]:
    """Reductions that the lowest price of the rule's `window` does not bear out."""
    history = History.of(asked.context, asked.rule.options["window"])
    said = list(reductions(asked.parts))
    if history is None or (asked.rule.options.get("unless_former") and any(one.kind == "former" for one in said)):
        return
    for one in said:
        if values := _problem(one, history, asked.context):
            values |= {"days": str(history.window), "current": _money(history.current.price, history)}
            yield Hit(one.part, one.claim.start, one.claim.end, values, "former" if one.kind == "former" else "")


def short_history(asked: Asked) -> Iterator[Hit]:
    """Reductions for which the price history does not reach back over the rule's `window`."""
    if asked.context.rules_of is None:
        return
    history = History.of(asked.context, asked.rule.options["window"])
    if history is None or not history.reaches_back:
        for one in list(reductions(asked.parts))[:1]:
            values = {"days": str(asked.rule.options["window"])}
            yield Hit(one.part, one.claim.start, one.claim.end, values)


def former_held(asked: Asked) -> Iterator[Hit]:
    """Former prices that were asked for less than the rule's `days`, as far as the history knows them."""
    for one in reductions(asked.parts):
        held = days_held(one.claim, asked.context) if one.kind == "former" else None
        if held is not None and held < asked.rule.options["days"]:
            values = {"held": str(held), "days": str(asked.rule.options["days"])}
            yield Hit(one.part, one.claim.start, one.claim.end, values)


def days_held(claim: Claim, context: CheckContext) -> int | None:
    """On how many days the claimed former price was asked; None where the history does not know it."""
    history = History.of(context, 0)
    if history is None:
        return None
    ends = [*(one.day for one in history.points[1:]), history.day]
    held = [(end - one.day).days for one, end in zip(history.points, ends, strict=True) if one.price == claim.amount]
    return sum(held) if held else None


def reductions(parts: CopyParts) -> Iterator[Said]:
    """Every reduction with its amount that the shown parts announce, in the order of the text."""
    for part in PARTS:
        for claim in claims_of(parts.filled.get(part, "")):
            percent = claim.kind == "percent" and claim.role == "off"
            if claim.amount is not None and (percent or (claim.kind == "price" and claim.role in {"off", "former"})):
                yield Said(part, claim)


def _problem(one: Said, history: History, context: CheckContext) -> dict[str, str] | None:
    """What is wrong with a reduction; None where the prices bear it out."""
    current, amount = history.current.price, one.claim.amount or Decimal(0)
    comes_off = one.kind != "former" and _is_offer(one, context)
    lowest = history.lowest(before_current=not comes_off)
    if lowest is None:
        return None
    if comes_off:
        wrong = current > lowest
    elif one.kind == "former":
        wrong = amount > lowest
    elif one.kind == "sum":
        wrong = amount > max(lowest - current, Decimal(0))
    else:
        wrong = amount > 100 * (lowest - current) / lowest + ROUNDED if lowest else False
    return {"lowest": _money(lowest, history)} if wrong else None


def _is_offer(one: Said, context: CheckContext) -> bool:
    """Whether it is the reduction that the campaign's own offer gives on top of the price in force."""
    given = claims_of(context.facts.get("discount", ""), sure=True)
    wanted = "percent" if one.kind == "percent" else "price"
    return any(known.kind == wanted and known.amount == one.claim.amount for known in given)


def _money(amount: Decimal, history: History) -> str:
    return money(amount, history.current.currency, "en")
