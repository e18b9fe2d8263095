"""The fact check itself: each claim of each part against what supports it, and each fact against how it is used.

What a slot put in is supported by construction; nothing inside a product's, a brand's or a code's own name is a claim
of the copy. Everything else must be supported, or it is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from models_ml.fact_check.places import by_character, hidden, located, places_of
from models_ml.fact_check.reading import claims_of
from models_ml.fact_check.roles import history_problem, misuse, stated_as
from models_ml.fact_check.support import NAME_SLOTS, Support
from models_ml.fact_check.values import EXCERPT, Claim, FactFinding, FactSpan

_NO_MINIMUM = re.compile(r"\bno minimum\b|\bwhatever you spend\b|无门槛|不限金额", re.IGNORECASE)
_NEEDS_CONDITION = "promises free delivery without the order value from which it holds"
_WHAT = {
    "number": "number", "price": "price", "percent": "percentage", "offer": "offer", "date": "date",
    "duration": "length of time", "quantity": "measure", "rating": "rating or count of customers",
    "code": "code or model", "material": "material", "colour": "colour", "brand": "maker or origin",
    "superlative": "rank", "guarantee": "promise", "price_history": "earlier price",
}  # fmt: skip
_REMEDIES = {
    "superlative": "Say what is good about it instead of ranking it.",
    "guarantee": "Take the promise out, or put it into the product's description first.",
    "price_history": "Take it out, or keep the prices that prove it.",
    "brand": "Use {brand}, or take the name out.",
    "material": "Use {material}, or take the material out.",
    "colour": "Use {colour}, or take the colour out.",
    "offer": "Say what the offer gives, or take it out.",
    "date": "Use {deadline}, correct the date, or take it out.",
    "role": "Say it the right way round.",
}
_USUAL = "Use a slot, correct it, or take it out."


def check(
    parts: Mapping[str, str], support: Support, *, fact_spans: Mapping[str, Sequence[FactSpan]] | None = None
) -> list[FactFinding]:
    """All findings in the shown `parts`, part by part in the order of the text; empty where all is supported.

    `fact_spans` says, by part, what slots put in (see `filled`); without it, facts are found where they stand.
    """
    found: list[FactFinding] = []
    claims: dict[str, list[Claim]] = {}
    for part, text in parts.items():
        spans = fact_spans.get(part, ()) if fact_spans is not None else located(text, support.facts)
        claims[part] = claims_of(hidden(text, _names(text, spans, support)))
        owners = by_character(spans)
        problems = ((claim, _problem(text, claim, owners.get(claim.start, ()), support)) for claim in claims[part])
        found += [_finding(part, text, claim, problem) for claim, problem in problems if problem]
    return [*found, *_unconditional(parts, claims, support)]


def _names(text: str, spans: Sequence[FactSpan], support: Support) -> list[tuple[int, int]]:
    names = [(span.start, span.end) for span in spans if span.slot in NAME_SLOTS]
    return names + [place for name in support.names for place in places_of(text, name)]


def _problem(text: str, claim: Claim, spans: Sequence[FactSpan], support: Support) -> tuple[str, str] | None:
    """(kind, sentence) of what is wrong with a claim; None where nothing is."""
    around = [span for span in spans if _belongs(claim, span)]
    if wrong := misuse(text, claim, around, support):
        return "role", f"“{{words}}” {wrong}."
    if around:
        return None
    if claim.kind == "price_history" or claim.role == "former":
        reason = history_problem(claim, support)
        return ("price_history", f"“{{words}}” speaks of an earlier price, and {reason}.") if reason else None
    if support.supports(claim):
        return None
    if claim.kind in {"price", "percent"} and (known := support.other_role(claim)):
        return "role", f"“{{words}}” {stated_as(known, claim.role)}."
    return claim.kind, _missing(claim, support)


def _belongs(claim: Claim, span: FactSpan) -> bool:
    """Whether a slot put the claim in; a colour or material that begins in a fact may run on (`{colour}色`)."""
    runs_on = claim.kind in {"material", "colour"} and span.slot not in {"price", "discount", "threshold"}
    return span.start <= claim.start < span.end and (claim.end <= span.end or runs_on)


def _missing(claim: Claim, support: Support) -> str:
    if claim.kind in {"price", "percent"} and claim.role == "off":
        offered = [one for one in support.known.get(claim.kind, ()) if one.role == "off" and one.amount is not None]
        if offered and claim.amount is not None and all(claim.amount > (one.amount or 0) for one in offered):
            return "“{words}” is a larger reduction than the offer gives."
    return f"“{{words}}” is a {_WHAT[claim.kind]} that neither the product, the offer nor the brief holds."


def _unconditional(
    parts: Mapping[str, str], claims: Mapping[str, Sequence[Claim]], support: Support
) -> Iterator[FactFinding]:
    """Free delivery from an order value on, promised without it; a call to action may leave that to the other parts."""
    condition = support.facts.get("threshold", "")
    if support.offer != "free_shipping" or not condition:
        return
    sums = {one.subject: one.amount for one in claims_of(condition) if one.kind == "price"}
    naming = {part for part, said in claims.items() if any(sums.get(one.subject, 0) == one.amount for one in said)}
    for part, said in claims.items():
        told = (part in naming and not _NO_MINIMUM.search(parts[part])) or (part == "call_to_action" and naming)
        for claim in () if told else said:
            if (claim.kind, claim.subject) == ("offer", "free_shipping"):
                yield _finding(part, parts[part], claim, ("role", f"“{{words}}” {_NEEDS_CONDITION}."))


def _finding(part: str, text: str, claim: Claim, problem: tuple[str, str]) -> FactFinding:
    kind, message = problem
    excerpt = text[claim.start : claim.end][:EXCERPT]
    remedy = _REMEDIES.get(kind, _USUAL)
    return FactFinding(
        kind, part, claim.start, claim.end, excerpt, claim.normal(), message.replace("{words}", excerpt), remedy
    )
