"""Reads of unfinished briefs. A brief is its author's alone: nobody else is told that it is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, QuerySet

from campaigns.audience_sql import rule_q
from campaigns.models import Audience, CampaignDraft, Product, Shopper
from core import access
from core.models import User


def drafts_of(member: User) -> QuerySet[CampaignDraft]:
    """The member's own, the last changed first."""
    return CampaignDraft.objects.filter(owner=member)


def chosen_products(member: User, chosen: Iterable[Any]) -> list[Product]:
    """The products of a draft in the order they were chosen; those that are gone or hidden are left out."""
    ids = [int(one) for one in chosen if str(one).isdecimal()]
    if not ids:
        return []
    rows = access.visible(member, Product.objects.select_related("brand")).filter(pk__in=ids)
    found = {one.pk: one for one in rows}
    return [found[one] for one in dict.fromkeys(ids) if one in found]


def shoppers_in(audiences: Iterable[Audience]) -> tuple[int, dict[int, int]]:
    """All shoppers, and how many each audience has now, in one query."""
    wanted = list(audiences)
    counts = {f"in_{one.pk}": Count("pk", filter=rule_q(one.rule)) for one in wanted if one.rule}
    found = Shopper.objects.aggregate(total=Count("pk"), **counts)
    return found["total"], {one.pk: found.get(f"in_{one.pk}", found["total"]) for one in wanted}
