"""Reads of brands: those a member sees, and what the checks say of a text that somebody tries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from campaigns import compliance
from campaigns.compliance.library import chosen, rules_by_id
from campaigns.compliance.packs import Pack
from campaigns.models import Brand
from campaigns.queries.reading import brand_rules
from core import access, errors
from core.models import User

# What speaks of a product's facts or prices, or of parts left empty, says nothing of a text without a campaign.
_NEEDS_A_CAMPAIGN = frozenset(
    {"missing_parts", "left_out", "fact_check", "prior_price", "short_history", "former_held"}
)


def brand_list(user: User | None) -> QuerySet[Brand]:
    """The brands a member sees (None: all), with their campaigns, products and members counted."""
    rows = Brand.objects.order_by("name", "pk")
    return (access.visible(user, rows) if user is not None else rows).annotate(
        campaign_count=Count("campaigns", distinct=True),
        product_count=Count("products", distinct=True),
        member_count=Count("members", distinct=True),
    )


def brand_for(user: User | None, key: str) -> Brand:
    """A brand the member sees (None: any). Raises NotFound."""
    found = brand_list(user).filter(key=key).first()
    if found is None:
        raise errors.NotFound(_("There is no such brand."))
    return found


def packs_of(brand: Brand) -> tuple[Pack, ...]:
    """The rule packs that count for the brand's copy."""
    return chosen(tuple(brand.jurisdictions))


def tried_out(
    brand: Brand, texts: Mapping[str, str], *, channel: str, language: str, day: date
) -> list[compliance.Finding]:
    """What the checks of a day say of texts in the brand's name, apart from what needs a product or a brief."""
    facts = {"brand": brand.name}
    context = compliance.CheckContext(channel, language, facts, as_of=day, **brand_rules(brand))
    found = compliance.check(compliance.CopyParts.of(texts, facts), context)
    return [one for one in found if rules_by_id()[one.rule].predicate not in _NEEDS_A_CAMPAIGN]
