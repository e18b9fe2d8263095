"""When campaigns are on: from their hour or their first test to their last day, as spans of whole days.

A campaign begins at its scheduled hour, or when the first of its tests began. It ends on its last day; without one,
when the length of its plan is over; without a plan nobody said, and the span is open. A finished one ended with its
tests.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from campaigns.models import Brand, Campaign
from campaigns.models.campaign import CampaignStatus
from campaigns.month import Span
from core import access
from core.languages import page_language
from core.models import User

MOST_SHOWN = 300
ON = frozenset({CampaignStatus.SCHEDULED, CampaignStatus.RUNNING})


def campaigns_between(user: User, first: date, last: date | None, *, brand: str = "") -> list[Campaign]:
    """The campaigns with a place in time that the member may see, the earliest first; four queries.

    Each bears `span`. `last` None stands for all that is to come.
    """
    rows = _timed(user)
    if brand:
        rows = rows.filter(brand__key=brand)
    rows = rows.filter(Q(ended=None) | Q(ended__gte=_midnight(first)))
    if last is not None:
        rows = rows.filter(begins__lt=_midnight(last + timedelta(days=1)))
    found: list[Any] = list(rows.order_by("begins", "name")[:MOST_SHOWN])
    for campaign in found:
        campaign.span = _span(campaign)
    return [one for one in found if one.span.meets(first, last or date.max)]


def undated(user: User, limit: int, *, brand: str = "") -> list[Campaign]:
    """Campaigns that could be launched and have no hour yet, the one with the nearest last day first."""
    rows = access.visible(user, Campaign.objects.filter(status=CampaignStatus.READY)).select_related("brand")
    if brand:
        rows = rows.filter(brand__key=brand)
    return list(rows.order_by("deadline", "-created_at")[:limit])


def quiet_brands(user: User, *, brand: str = "") -> list[Brand]:
    """The brands that send no messages for some hours of the day."""
    rows = access.visible(user, Brand.objects.exclude(Q(quiet_from=None) | Q(quiet_until=None)))
    return list(rows.filter(key=brand) if brand else rows)


def _timed(user: User) -> QuerySet[Any]:
    placed = Q(status=CampaignStatus.SCHEDULED) | Q(began__isnull=False)
    tests = "experiment_links__experiment"
    rows = access.visible(user, Campaign.objects.all()).annotate(
        began=Min(f"{tests}__started_at"), ended=Max(f"{tests}__stopped_at", filter=~Q(status__in=ON))
    )
    rows = rows.filter(placed).annotate(begins=Coalesce("began", "starts_at"))
    return rows.select_related("brand").prefetch_related("audiences", "products")


def _span(campaign: Any) -> Span:
    first, language = timezone.localdate(campaign.begins), page_language()
    return Span(
        key=campaign.key,
        name=campaign.name,
        first=first,
        last=_last(campaign, first),
        is_on=campaign.status in ON,
        audiences={one.key: one.name(language) for one in campaign.audiences.all()},
        products={one.sku: one.name(language) for one in campaign.products.all()},
    )


def _last(campaign: Any, first: date) -> date | None:
    if campaign.status not in ON:
        return timezone.localdate(campaign.ended) if campaign.ended else first
    deadline: date | None = campaign.deadline
    if deadline is not None:
        return max(first, deadline)
    days = (campaign.plan or {}).get("days")
    return first + timedelta(days=int(days) - 1) if days else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))
