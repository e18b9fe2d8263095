"""Delivery of a campaign: whom it would reach, a test message, waves and their messages, and ads as a file.

Analysts and approvers see states and counts; who a message went to is linked only for those who may see shoppers, and
no address stands on these pages.
"""

from __future__ import annotations

import csv
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns import ads, queries
from campaigns.forms.delivery import MessagesForm, TryForm
from campaigns.message_words import explain
from campaigns.models import Campaign, Message, Wave
from campaigns.queries import delivery as reads
from campaigns.services import trying, waves
from campaigns.views.campaigns import find
from core import dispatch, errors
from core.languages import page_language
from core.members import signed_in
from experiments.models import Arm

PAGE_SIZE = 50
ADS = "search_ad"
# In the order in which a message passes through them.
SHOWN = (
    Message.State.SENT,
    reads.HANDED,
    Message.State.WAITING,
    Message.State.CAPPED,
    Message.State.FAILED,
    *reads.LEFT_OUT,
)
TONES = {"sent": "good", "failed": "bad", "waiting": "live", "handed": "live", "capped": "warn"}


@require_safe
@login_required
@permission_required("campaigns.view_wave", raise_exception=True)
def delivery(request: HttpRequest, key: str) -> HttpResponse:
    """The whole page; HTMX asks for the waves again while one is open."""
    campaign = find(request, key)
    if request.headers.get("HX-Request"):
        return render(request, "campaigns/_waves.html", waves_context(campaign))
    return render(request, "campaigns/delivery.html", page_context(campaign))


def page_context(campaign: Campaign, form: TryForm | None = None) -> dict[str, Any]:
    """What the page of any channel shows."""
    context: dict[str, Any] = {"campaign": campaign, "sends": reads.sends(campaign)}
    if campaign.channel == ADS:
        found = search_ads(campaign)
        return {**context, "ads": found, "url": reads.destination(campaign), "limits": ads}
    if not context["sends"]:
        return context
    approved = reads.approved_texts(campaign)
    return {
        **context,
        **waves_context(campaign),
        "reach": reads.reach(campaign),
        "left_out": Message.State,
        "form": form or TryForm(campaign=campaign, copies=approved),
        "obstacles": reads.obstacles(campaign),
        "sender_obstacles": reads.sender_obstacles(campaign),
        "destination": reads.destination(campaign),
        "one_click": reads.is_link_public(),
        "arms": arm_rows(campaign),
    }


def waves_context(campaign: Campaign) -> dict[str, Any]:
    """The waves with their counts in words."""
    found = reads.waves_of(campaign)
    for wave in found:
        wave.shown = shown_counts(wave.counts)  # type: ignore[attr-defined]
    current = next((wave for wave in found if wave.state in reads.OPEN_WAVE), None)
    return {
        "campaign": campaign,
        "waves": found,
        "current": current,
        "next_due": reads.next_due(current) if current else None,
    }


def shown_counts(counts: dict[str, int]) -> list[tuple[str, int, str]]:
    """Label, number and tone of each state that occurs."""
    labels = {**dict(Message.State.choices), reads.HANDED: _("with the other system")}
    return [(str(labels[state]), counts[state], TONES.get(state, "quiet")) for state in SHOWN if counts.get(state)]


def arm_rows(campaign: Campaign) -> list[dict[str, Any]]:
    """How many of each arm were sent, capped and so on, with the share that was capped."""
    found = reads.by_arm(campaign)
    named = arm_names(campaign) if found else {}
    rows = [(names, found[key]) for key, names in named.items() if key in found]
    return [
        {
            "names": names,
            "total": sum(counts.values()),
            "sent": counts.get(Message.State.SENT, 0),
            "capped": counts.get(Message.State.CAPPED, 0),
            "share": counts.get(Message.State.CAPPED, 0) / sum(counts.values()),
            "failed": counts.get(Message.State.FAILED, 0),
        }
        for names, counts in rows
    ]


class ArmNames(NamedTuple):
    """An arm as a person knows it: its text, and for whom."""

    text: str
    audience: str
    is_control: bool


def arm_names(campaign: Campaign) -> dict[tuple[str, str], ArmNames]:
    """The arms of the campaign by (experiment, arm), in the order in which shoppers are tried."""
    language = page_language()
    audiences = {link.experiment_id: link.audience.name(language) for link in queries.links_of(campaign)}
    found = Arm.objects.filter(experiment__in=list(audiences)).select_related("experiment")
    ordered = sorted(found, key=lambda arm: (list(audiences).index(arm.experiment_id), arm.position))
    return {
        (arm.experiment.key, arm.key): ArmNames(
            _("Shown today") if arm.is_control else arm.name, audiences[arm.experiment_id], arm.is_control
        )
        for arm in ordered
    }


@require_POST
@login_required
@permission_required("campaigns.add_wave", raise_exception=True)
def wave_start(request: HttpRequest, key: str) -> HttpResponse:
    """A wave to everybody who can be reached and has had no message of this campaign."""
    campaign = find(request, key)
    try:
        with transaction.atomic():
            wave = waves.start_wave(campaign, actor=signed_in(request))
            if wave.job is not None:
                dispatch.send_on_commit(wave.job)
        messages.success(request, _("The wave is on its way."))
    except errors.CopyliftError as problem:
        messages.error(request, problem.said())
    return redirect("campaigns:delivery", key=campaign.key)


@require_POST
@login_required
@permission_required("campaigns.change_wave", raise_exception=True)
def wave_cancel(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Send nothing more of a wave."""
    campaign = find(request, key)
    wave = get_object_or_404(Wave.objects.select_related("job"), campaign=campaign, pk=pk)
    if waves.cancel_wave(wave, actor=signed_in(request)):
        messages.warning(request, _("The wave is cancelled. What was handed over before has gone out."))
    else:
        messages.info(request, _("The wave was over already."))
    return redirect("campaigns:delivery", key=campaign.key)


@require_POST
@login_required
@permission_required("campaigns.add_wave", raise_exception=True)
def wave_test(request: HttpRequest, key: str) -> HttpResponse:
    """A test message to oneself."""
    campaign = find(request, key)
    if not reads.sends(campaign):
        raise Http404
    form = TryForm(request.POST, campaign=campaign, copies=reads.approved_texts(campaign))
    if form.is_valid():
        try:
            address = trying.send_test(campaign, actor=signed_in(request), **form.cleaned_data)
        except errors.CopyliftError as problem:
            for one in problem.problems:
                form.add_error(one.field if one.field in form.fields else None, one.message)
            if not problem.problems:
                form.add_error(None, problem.message)
        else:
            messages.success(request, _("A test message is on its way to %(address)s.") % {"address": address})
            return redirect("campaigns:delivery", key=campaign.key)
    return render(request, "campaigns/delivery.html", page_context(campaign, form), status=422)


@require_safe
@login_required
@permission_required("campaigns.view_message", raise_exception=True)
def delivery_messages(request: HttpRequest, key: str) -> HttpResponse:
    """The messages by state and arm, without addresses."""
    campaign = find(request, key)
    names = arm_names(campaign)
    arms = [(f"{test}/{arm}", f"{one.text} · {one.audience}") for (test, arm), one in names.items()]
    form = MessagesForm(request.GET, arms=arms)
    page = Paginator(reads.message_list(campaign, **form.filters()), PAGE_SIZE).get_page(request.GET.get("page"))
    for message in page:
        message.arm = names.get((message.experiment_key, message.arm_key))  # type: ignore[attr-defined]
        message.why = explain(message.error)  # type: ignore[attr-defined]
        message.tone = TONES.get(message.state, "quiet")  # type: ignore[attr-defined]
    context = {"campaign": campaign, "form": form, "page": page, "query": form.as_query()}
    return render(request, "campaigns/messages.html", context)


@require_safe
@login_required
@permission_required("campaigns.view_copy", raise_exception=True)
def ads_csv(request: HttpRequest, key: str) -> HttpResponse:
    """Approved ads as a file for Google Ads Editor."""
    campaign = find(request, key)
    if campaign.channel != ADS:
        return redirect("campaigns:delivery", key=campaign.key)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{campaign.key}-ads.csv"'
    answer.write("\ufeff")
    writer = csv.writer(answer)
    writer.writerow(ads.COLUMNS)
    url = reads.destination(campaign)
    writer.writerows(ads.row(campaign.name, ad, url) for ad in search_ads(campaign) if ad.headlines)
    return answer


def search_ads(campaign: Campaign) -> list[ads.SearchAd]:
    """One ad for each audience with approved copy; its ad group is named alike whoever downloads it."""
    label = queries.label_of(campaign)
    groups: dict[str, list[dict[str, str]]] = {}
    for copy in reads.approved_texts(campaign):
        groups.setdefault(copy.audience.name(campaign.language), []).append(queries.shown_parts(copy, label))
    return [ads.search_ad(name, parts) for name, parts in groups.items()]
