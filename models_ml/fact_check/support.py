"""What a copy is held against, and whether it supports a claim.

Known are the facts by slot, the brief's own product, offer, price and code, the shop's texts and attributes, and what
the price history gives (prices, and the saving from list price to price). A fact supports an equal or a weaker claim:
"up to 50 %" does not support "50 %", `1,200 reviews` supports "over 1,000 reviews"; a price supports no reduction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from models_ml.brief import Brief
from models_ml.fact_check.dates import days_meant, same_day
from models_ml.fact_check.folding import Folded
from models_ml.fact_check.places import places_of
from models_ml.fact_check.reading import claims_of
from models_ml.fact_check.units import data
from models_ml.fact_check.values import Claim, PricePoint
from models_ml.fact_check.vocabulary import broader

# The part a money or percent fact plays because of the slot it fills.
SLOT_ROLES = {"price": "price", "discount": "off", "threshold": "threshold"}
NAME_SLOTS = ("product", "brand", "code")
# What a product is called ("Best Mug") proves no rank and no promise.
_NOT_BY_NAME = frozenset({"superlative", "guarantee", "rating", "offer", "price_history"})
_ROUNDED = Decimal("0.015")  # conversions between systems are sold rounded: 12 fl oz is 354.88 ml and sold as 355
_THIRDS = Decimal("0.5")  # "a third" is written 33 %


@dataclass(frozen=True)
class Support:
    """All that may support a claim. `facts` maps slots to shown text; `today` gives "today only" its meaning."""

    brief: Brief | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    product_texts: Sequence[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    price_history: Sequence[PricePoint] = ()
    today: date | None = None
    language: str = ""
    supported_texts: Sequence[str] = ()
    offer_kind: str = ""

    @property
    def offer(self) -> str:
        """The kind of the offer: as given, else the brief's, else none."""
        return self.offer_kind or (self.brief.offer.kind if self.brief else "none")

    @property
    def shown_language(self) -> str:
        """The language of the copy: as given, else the brief's, else English."""
        return self.language or (self.brief.language if self.brief else "en")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in which nothing is a claim of the copy, longest first."""
        found = {self.facts.get(slot, "") for slot in NAME_SLOTS}
        if self.brief:
            found |= {self.brief.product.name, self.brief.brand, self.brief.code}
        return tuple(sorted((name for name in found if len(name.strip()) > 1), key=lambda name: (-len(name), name)))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The shop's own texts that may support any claim."""
        own = (*self.product_texts, *self.attributes.values(), *self.supported_texts)
        product = self.brief.product if self.brief else None
        return (*own, product.category, *product.attributes.values()) if product else own

    @cached_property
    def folded(self) -> str:
        """All texts and facts, folded, for names of makers and codes."""
        return Folded.of("\n".join((*self.names, *self.texts, *self.facts.values()))).text

    @cached_property
    def _joined(self) -> str:
        """The folded texts without hyphens, as codes are compared."""
        return self.folded.replace("-", "")

    @cached_property
    def known(self) -> Mapping[str, tuple[Claim, ...]]:
        """Known claims by kind."""
        found: dict[str, list[Claim]] = {}
        for claim in self._claims():
            found.setdefault(claim.kind, []).append(claim)
        return {kind: tuple(claims) for kind, claims in found.items()}

    def _claims(self) -> Iterator[Claim]:
        for slot, text in self.facts.items():
            if slot not in NAME_SLOTS:
                yield from _as(SLOT_ROLES.get(slot, ""), text)
        if self.brief:
            role = {"percent": "off", "amount": "off", "free_shipping": "threshold"}.get(self.brief.offer.kind, "")
            yield from _as(role, self.brief.offer.value)
            yield from _as("price", self.brief.price)
        for name in self.names:
            yield from (claim for claim in claims_of(name, sure=True) if claim.kind not in _NOT_BY_NAME)
        for text in self.texts:
            yield from claims_of(text, sure=True)
        yield from history_claims(self.price_history, self.today)

    def supports(self, claim: Claim) -> bool:
        """Whether anything known supports the claim."""
        if claim.kind in {"brand", "code"}:
            return any(places_of(self.folded, claim.subject)) or any(places_of(self._joined, claim.subject))
        if claim.kind == "offer" and claim.subject in _needs() and self._offer_gives(claim.subject):
            return True
        if claim.kind == "date":
            return self._date_holds(claim)
        if claim.kind == "quantity" and claim.amount in self._numbers_in_names:
            return True
        return any(_supports(one, claim) for one in self.known.get(claim.kind, ()))

    @cached_property
    def _numbers_in_names(self) -> frozenset[Decimal | None]:
        """Bare numbers of the product's name, which often give its measure ("Trail Bottle 500")."""
        claims = (claim for name in self.names for claim in claims_of(name))
        return frozenset(claim.amount for claim in claims if (claim.kind, claim.subject) == ("number", ""))

    def other_role(self, claim: Claim) -> str:
        """The part that the claim's amount plays by right, where it is known in another part only; else empty."""
        same = (
            one for one in self.known.get(claim.kind, ()) if (one.subject, one.amount) == (claim.subject, claim.amount)
        )
        return next((one.role for one in same if one.role and claim.role and one.role != claim.role), "")

    def _offer_gives(self, word: str) -> bool:
        if word == "code":
            return bool(self.facts.get("code") or (self.brief and self.brief.code))
        return self.offer in _needs()[word] or (
            word == "reduction"
            and any(one.role == "off" for one in (*self.known.get("percent", ()), *self.known.get("price", ())))
        )

    def _date_holds(self, claim: Claim) -> bool:
        known = self.known.get("date", ())
        if claim.role != "relative":
            this_year = self.today is not None and claim.subject == str(self.today.year)
            return this_year or any(same_day(claim.subject, one.subject) for one in known if one.role != "relative")
        if any(one == claim._replace(start=one.start, end=one.end) for one in known):
            return True
        if self.today is None:
            return False
        meant = {f"{day.year}-{day.month}-{day.day}" for day in days_meant(claim.subject, self.today)}
        return any(same_day(day, one.subject) for day in meant for one in known if one.role != "relative")


def _as(role: str, text: str) -> Iterator[Claim]:
    """The claims of a fact, its amounts in the part that its slot plays."""
    for claim in claims_of(text, sure=True):
        known = role and claim.kind in {"price", "percent"} and claim.role != "more"
        yield claim._replace(role=role) if known else claim


def history_claims(history: Sequence[PricePoint], today: date | None) -> Iterator[Claim]:
    """What the latest price says: the price itself, and how far it is under its list price."""
    point = latest(history, today)
    if point is None:
        return
    yield Claim("price", point.currency, point.price, 0, 0, "price")
    if point.list_price and point.list_price > point.price:
        saved = point.list_price - point.price
        yield Claim("price", point.currency, saved, 0, 0, "off")
        yield Claim("percent", "", 100 * saved / point.list_price, 0, 0, "off")


def latest(history: Sequence[PricePoint], today: date | None) -> PricePoint | None:
    """The price in force: the last point on or before `today`, or simply the last."""
    past = [point for point in history if today is None or point.day <= today]
    return max(past, key=lambda point: point.day, default=None)


def roles_agree(claimed: str, known: str) -> bool:
    """Whether an amount said in one role may stand for one known in another; an unsaid role agrees with any."""
    if claimed == "from":
        return known in {"", "price", "threshold", "from"}
    return not claimed or not known or known in {claimed, "from"}


def _needs() -> Mapping[str, Sequence[str]]:
    needs: Mapping[str, Sequence[str]] = {"code": (), **data("phrases")["needs"]}
    return needs


def _supports(known: Claim, claim: Claim) -> bool:
    if claim.kind in {"material", "colour"}:
        same = claim.subject in broader(claim.kind).get(known.subject, {known.subject})
        return same and (claim.amount is None or claim.amount == known.amount)
    if claim.kind in {"price", "percent"}:
        return known.subject == claim.subject and roles_agree(claim.role, known.role) and _amount_holds(known, claim)
    if claim.amount is None or known.amount is None:
        return known.subject == claim.subject
    if claim.kind == "number" and not known.subject and claim.subject != "times":
        return _amount_holds(known, claim)
    converted = _converted(known, claim)
    return converted is not None and _amount_holds(known._replace(amount=converted), claim)


def _converted(known: Claim, claim: Claim) -> Decimal | None:
    """The known amount in the claim's dimension; an ounce is a weight or a volume."""
    if known.subject == claim.subject or (claim.kind == "number" and not claim.subject):
        return known.amount
    per_ounce = {"mass": Decimal("28.3495"), "volume": Decimal("29.5735")}
    if known.amount is not None and claim.subject == "ounce" and known.subject in per_ounce:
        return known.amount / per_ounce[known.subject]
    if known.amount is not None and known.subject == "ounce" and claim.subject in per_ounce:
        return known.amount * per_ounce[claim.subject]
    return None


def _amount_holds(known: Claim, claim: Claim) -> bool:
    if known.amount is None or claim.amount is None:
        return False
    if claim.bound == "min":
        return known.bound != "max" and (
            known.amount > claim.amount or (known.bound, known.amount) == ("min", claim.amount)
        )
    if known.bound == "max" and claim.bound != "max":
        return False
    if claim.kind == "price" and claim.bound == "max" and claim.role != "off":
        return known.role == "price" and known.amount <= claim.amount  # "under $50" holds for $49.90
    if claim.kind == "percent":
        return abs(known.amount - claim.amount) < (
            _THIRDS if claim.amount % 1 or known.amount % 1 else Decimal("0.0001")
        )
    if claim.kind == "quantity" and (known.role != claim.role):
        return abs(known.amount - claim.amount) <= _ROUNDED * known.amount
    return known.amount == claim.amount
