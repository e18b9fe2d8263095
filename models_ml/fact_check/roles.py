"""Facts that are right and used wrongly: "save $49" where $49 is the price, `减8折`, "was $80" that nobody ever paid.

A slot makes the figure right; the words around can still make the sentence false. Checked here: the part an amount
plays against the part its slot has, reductions counted twice, former and lowest prices against the price history.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from models_ml.fact_check.support import SLOT_ROLES, Support, latest, roles_agree
from models_ml.fact_check.values import Claim, FactSpan

_AGAIN = re.compile(r"(?:\b(?:extra|another|additional|further|plus)\s+|再[减享打]?|折上|又)$", re.IGNORECASE)
_DOUBLED = re.compile(r"\s+off\b|\s*(?:折|%)", re.IGNORECASE)
_ENDS = re.compile(r"(?:\boff|折|%\s*off)\s*$", re.IGNORECASE)
_NAMES = {
    "off": "a reduction", "price": "a price to pay", "former": "a former price", "threshold": "an order value",
    "from": "a price to start from", "more": "a gain", "waived": "a sum not reached", "": "a price to pay",
}  # fmt: skip


def misuse(text: str, claim: Claim, spans: Iterable[FactSpan], support: Support) -> str:
    """Why a supported amount is used wrongly, in a sentence; empty where it is not."""
    slots = [span for span in spans if span.slot in SLOT_ROLES]
    if claim.role == "wrong way":
        return "takes off what 折 leaves to pay"
    if claim.kind not in {"price", "percent"} or not slots:
        return ""
    reasons = [_against_slot(text, claim, span, support) for span in slots]
    return reasons[0] if all(reasons) else ""  # where two facts read the same, either may be meant


def _against_slot(text: str, claim: Claim, span: FactSpan, support: Support) -> str:
    role, due = claim.role, SLOT_ROLES[span.slot]
    if not role and due == "off" and claim.kind == "price" and support.shown_language == "zh":
        role = "price"  # an amount that nothing takes off reads as the price
    if not roles_agree(role, due):
        return stated_as(due, role)
    if due == "off" and _ENDS.search(text[span.start : span.end]) and _DOUBLED.match(text, span.end):
        return "says twice that it comes off"
    if due == "off" and _AGAIN.search(text[max(0, span.start - 12) : span.start]) and _before(text, span):
        return "gives the same reduction a second time"
    return ""


def stated_as(due: str, said: str) -> str:
    """A sentence's end: which part an amount plays by right, and which one the words around give it."""
    return f"states {_NAMES.get(due, 'a share')} as {_NAMES.get(said, 'a share')}"


def _before(text: str, span: FactSpan) -> bool:
    return text[span.start : span.end] in text[: span.start]


def history_problem(claim: Claim, support: Support) -> str:
    """Why the price history does not bear a claim about earlier prices out; empty where it does."""
    if claim.kind == "price" and claim.role == "former":
        return "" if _was_paid(claim, support) else "no earlier price or list price in the price history says so"
    if claim.kind == "price_history":
        return _lowest_problem(claim.subject, support)
    return ""


def _was_paid(claim: Claim, support: Support) -> bool:
    """Whether the amount was the price before the one in force, or was ever a list price, or a text says so."""
    now = latest(support.price_history, support.today)
    for point in support.price_history:
        past = support.today is None or point.day <= support.today
        shown = {point.list_price} if point == now else {point.price, point.list_price}
        if past and point.currency == claim.subject and claim.amount in shown:
            return True
    return any(
        one.role == "former" and (one.subject, one.amount) == (claim.subject, claim.amount)
        for one in support.known.get("price", ())
    )


def _lowest_problem(subject: str, support: Support) -> str:
    now = latest(support.price_history, support.today)
    if now is None:
        return "there is no price history to show it"
    return _lowest_since(now.price, support, _begins(subject, support.today or now.day))


def _begins(subject: str, today: date) -> date | None:
    """The first day of the time that a lowest price is claimed for; None where it is all time."""
    if subject == "lowest price this year":
        return today.replace(month=1, day=1)
    window = re.search(r"\d+", subject)
    return today - timedelta(days=int(window[0])) if window else None


def _lowest_since(price: Decimal, support: Support, start: date | None) -> str:
    """What is wrong with `price` as the lowest since `start`: a price counts from its day to the next one's."""
    points = sorted(support.price_history, key=lambda point: point.day)
    past = [point for point in points if support.today is None or point.day <= support.today]
    if start is not None and past[0].day > start:
        return f"the price history begins on {past[0].day.isoformat()}, after the time it speaks of"
    before = [point for point in past if start is not None and point.day <= start][-1:]
    prices = {point.price for point in (*before, *(point for point in past if start is None or point.day > start))}
    if min(prices) < price:
        return "the price history has a lower one"
    return "" if len(prices) > 1 else "the price history knows no higher one"
