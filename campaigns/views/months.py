"""The calendar: a month of campaigns as bars and in words, what gets in whose way, quiet hours, and a file of all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns import icalendar, month
from campaigns.models import Audience, Campaign
from campaigns.models.campaign import CampaignStatus
from campaigns.queries import products, timetable
from campaigns.queries.audiences import Figure, shared_between
from core.answers import whole_address
from core.members import signed_in

_MONTH = re.compile(r"(2\d{3})-(0[1-9]|1[0-2])")
UNDATED_SHOWN = 10
# More pairs than anybody reads, and each asks how many shoppers its audiences share.
PAIRS_LOOKED_AT = 20
PAST_IN_FILE = timedelta(days=366)


@require_safe
@login_required
@permission_required("campaigns.view_campaign", raise_exception=True)
def calendar(request: HttpRequest) -> HttpResponse:
    """One month; `?month=2026-11`, `?view=list` without the bars, `?brand=` for one brand."""
    member, shown = signed_in(request), _month(request.GET.get("month", ""))
    brand = request.GET.get("brand", "").replace("\x00", "")[:80]
    campaigns = timetable.campaigns_between(member, *month.bounds(shown), brand=brand)
    spans = [_span(one) for one in campaigns]
    context = {
        "month": shown,
        "before": month.preceding(shown),
        "after": month.following(shown),
        "today": timezone.localdate(),
        "view": "list" if request.GET.get("view") == "list" else "month",
        "weeks": [_week(one, campaigns) for one in month.weeks(shown, spans)],
        "campaigns": campaigns,
        "collisions": _collisions(spans, campaigns),
        "undated": timetable.undated(member, UNDATED_SHOWN, brand=brand),
        "quiet": timetable.quiet_brands(member, brand=brand),
        "brands": list(products.brands_for(member)),
        "brand": brand,
        "zone": timezone.get_current_timezone_name(),
    }
    return render(request, "campaigns/calendar.html", context)


@require_safe
@login_required
@permission_required("campaigns.view_campaign", raise_exception=True)
def calendar_file(request: HttpRequest) -> HttpResponse:
    """Every campaign of the last year and to come that the member may see, as iCalendar."""
    found = timetable.campaigns_between(signed_in(request), timezone.localdate() - PAST_IN_FILE, None)
    text = icalendar.written((_event(one) for one in found), name=_("Campaigns"), at=timezone.now().astimezone(UTC))
    return HttpResponse(
        text,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="campaigns.ics"', "Cache-Control": "private, no-store"},
    )


def _month(asked: str) -> date:
    """The first day of the month that is asked for; of this one where that is none."""
    found = _MONTH.fullmatch(asked)
    return date(int(found[1]), int(found[2]), 1) if found else timezone.localdate().replace(day=1)


def _span(campaign: Any) -> month.Span:
    span: month.Span = campaign.span
    return span


def _week(week: month.Week, campaigns: Sequence[Any]) -> dict[str, Any]:
    by_key = {one.key: one for one in campaigns}
    return {
        "days": week.days,
        "lanes": [
            [{"bar": bar, "campaign": by_key[bar.span.key] if bar.span else None} for bar in lane]
            for lane in week.lanes
        ],
    }


# --- collisions -----------------------------------------------------------------------------------------------------
def _collisions(spans: Sequence[month.Span], campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    """Each two campaigns that are in each other's way, in sentences."""
    met = month.together(spans)[:PAIRS_LOOKED_AT]
    shared = _shared({one.key: list(one.audiences.all()) for one in campaigns}, met)
    plain = {(one.one.key, one.other.key): one for one in month.collisions(spans)}
    found = []
    for one, other in met:
        reasons = _reasons(plain.get((one.key, other.key)), shared.get((one.key, other.key), ""))
        if reasons:
            found.append({"one": one, "other": other, "when": _when(one, other), "reasons": reasons})
    return found


def _when(one: month.Span, other: month.Span) -> str:
    first, last = month.shared_days(one, other)
    words = {"first": _day(first), "last": _day(last) if last else ""}
    return _("from %(first)s to %(last)s") % words if last else _("from %(first)s, with no end in sight") % words


def _reasons(found: month.Collision | None, shared: str) -> list[str]:
    """`shared` says how many shoppers different audiences have in common; the same audience says it all."""
    reasons = [shared] if shared and not (found and found.audiences) else []
    if found and found.audiences:
        reasons.append(_("Both speak to the audience %(names)s.") % {"names": _listed(found.audiences)})
    if found and found.products:
        reasons.append(_("Both sell %(names)s.") % {"names": _listed(found.products)})
    return reasons


def _shared(
    audiences: Mapping[str, Sequence[Audience]], met: Sequence[tuple[month.Span, month.Span]]
) -> dict[tuple[str, str], str]:
    """For campaigns with different audiences the two that share the most shoppers; two queries for all of them."""
    asked = [
        (one, other, first, second)
        for one, other in met
        for first in audiences[one.key]
        for second in audiences[other.key]
        if first.pk != second.pk
    ]
    figures = shared_between([(first, second) for _one, _other, first, second in asked])
    most: dict[tuple[str, str], tuple[Figure, str]] = {}
    for (one, other, first, second), figure in zip(asked, figures, strict=True):
        pair = (one.key, other.key)
        if figure.count > (most[pair][0].count if pair in most else 0):
            names = (one.audiences[first.key], other.audiences[second.key])
            most[pair] = figure, _in_both(figure, names)
    return {pair: sentence for pair, (_figure, sentence) in most.items()}


def _in_both(figure: Figure, names: tuple[str, str]) -> str:
    words = {"count": number_format(figure.count, force_grouping=True), "one": names[0], "other": names[1]}
    if figure.margin:
        return _("About %(count)s shoppers are in “%(one)s” and in “%(other)s”.") % words
    return _("%(count)s shoppers are in “%(one)s” and in “%(other)s”.") % words


def _listed(names: Sequence[str]) -> str:
    return _(", ").join(f"“{name}”" for name in names)


# --- the file -------------------------------------------------------------------------------------------------------
def _event(campaign: Any) -> icalendar.Event:
    address = reverse("campaigns:detail", args=[campaign.key])
    lines = [str(campaign.get_status_display()), campaign.brand.name, str(campaign.get_channel_display())]
    if campaign.span.last is None:
        lines.append(_("Nobody said when it ends."))
    return icalendar.Event(
        uid=f"campaign-{campaign.pk}@{_host()}",
        summary=campaign.name,
        first=campaign.span.first,
        last=campaign.span.last,
        description="\n".join(lines),
        url=whole_address(address),
        is_certain=campaign.status != CampaignStatus.SCHEDULED,
    )


def _host() -> str:
    return settings.PUBLIC_URL.split("//")[-1].split("/")[0].split(":")[0] or "copylift"


def _day(value: date) -> str:
    return date_format(value, "DATE_FORMAT")
