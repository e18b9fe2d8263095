"""The predicates that a rule can name: each yields the places in a copy that the rule speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from campaigns.compliance import brand, duties, form, prices
from campaigns.compliance.asking import Asked, Predicate
from campaigns.compliance.findings import Hit


def elsewhere(_asked: Asked) -> Iterator[Hit]:
    """No place: the fact check finds those of its rules itself, and the pack holds only their texts."""
    yield from ()


PREDICATES: Mapping[str, Predicate] = {
    "missing_parts": form.missing_parts,
    "too_long": form.too_long,
    "open_slots": form.open_slots,
    "left_out": form.left_out,
    "wrong_language": form.wrong_language,
    "banned": brand.banned,
    "preferred": brand.preferred,
    "disclaimers": brand.disclaimers,
    "prior_price": prices.prior_price,
    "short_history": prices.short_history,
    "former_held": prices.former_held,
    "ai_label": duties.ai_label,
    "postal_address": duties.postal_address,
    "fact_check": elsewhere,
}
