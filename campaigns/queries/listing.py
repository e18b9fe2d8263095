"""The list of campaigns: narrowed by state, brand, channel, words and the day it was made, in one of a few orders."""

from __future__ import annotations

from datetime import date
from typing import Required, TypedDict

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower

from campaigns.models import Brand, Campaign
from campaigns.models.campaign import CampaignStatus
from campaigns.models.copies import CopyStatus
from core import access
from core.models import User

NEWEST = "newest"
_IN_ORDER = [When(status=status, then=Value(place)) for place, status in enumerate(CampaignStatus.values)]
ORDERS: dict[str, tuple[OrderBy | Lower | str, ...]] = {
    NEWEST: ("-created_at", "-id"),
    "name": (Lower("name"), "id"),
    "last_day": (F("deadline").asc(nulls_last=True), "-created_at", "-id"),
    "state": (Case(*_IN_ORDER, output_field=IntegerField()).asc(), "-created_at", "-id"),
}


class Wanted(TypedDict, total=False):
    """What the list is narrowed by; what is left out or empty does not narrow it."""

    q: str
    state: str
    brand: Brand | None
    channel: str
    since: date | None
    until: date | None
    sort: Required[str]


def campaigns_for(user: User, wanted: Wanted) -> QuerySet[Campaign]:
    """The campaigns the member may see, with how many audiences each has and how much copy waits and is approved."""
    return (
        access.visible(user, Campaign.objects.filter(_narrowed(wanted)))
        .select_related("brand")
        .annotate(
            audience_count=Count("audiences", distinct=True),
            pending_count=Count("copies", filter=Q(copies__status=CopyStatus.PENDING), distinct=True),
            approved_count=Count("copies", filter=Q(copies__status=CopyStatus.APPROVED), distinct=True),
        )
        .order_by(*ORDERS[wanted["sort"]])
    )


def _narrowed(wanted: Wanted) -> Q:
    found = Q()
    for word in wanted.get("q", "").split():
        found &= Q(name__icontains=word) | Q(key__icontains=word)
    if state := wanted.get("state"):
        found &= Q(status=state)
    if brand := wanted.get("brand"):
        found &= Q(brand=brand)
    if channel := wanted.get("channel"):
        found &= Q(channel=channel)
    if since := wanted.get("since"):
        found &= Q(created_at__date__gte=since)
    if until := wanted.get("until"):
        found &= Q(created_at__date__lte=until)
    return found
