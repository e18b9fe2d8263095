"""What is changed of a campaign from its page: the text shown today, and a copy of its brief for another campaign."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from campaigns import lifecycle, services
from campaigns.forms.campaigns import ControlForm, DuplicateForm
from campaigns.services import drafts
from campaigns.views.campaigns import attempt, find
from core import errors
from core.members import signed_in
from models_ml.channels import PARTS


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.add_campaign", raise_exception=True)
def campaign_duplicate(request: HttpRequest, key: str) -> HttpResponse:
    """Ask for the name, channel and language; then the brief lies open, filled in."""
    campaign = find(request, key)
    first = {
        "name": (_("%(name)s, again") % {"name": campaign.name})[:120],
        "channel": campaign.channel,
        "language": campaign.language,
    }
    form = DuplicateForm(request.POST if request.method == "POST" else None, initial=first)
    if not (form.is_bound and form.is_valid()):
        context = {"campaign": campaign, "form": form}
        return render(request, "campaigns/duplicate.html", context, status=422 if form.is_bound else 200)
    try:
        draft = drafts.duplicate_campaign(campaign, owner=signed_in(request), **form.cleaned_data)
    except errors.CopyliftError as problem:
        messages.error(request, problem.message)
        return redirect("campaigns:detail", key=campaign.key)
    messages.success(request, _("This is a new brief, filled in. Look it over, then make the campaign."))
    return redirect("campaigns:draft", pk=draft.pk, step="overview")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.change_campaign", raise_exception=True)
def campaign_control(request: HttpRequest, key: str) -> HttpResponse:
    """Say what the shop shows today."""
    campaign = find(request, key)
    first = {f"control_{part}": getattr(campaign, f"control_{part}") for part in PARTS}
    form = ControlForm(request.POST if request.method == "POST" else None, initial=first)
    if not (form.is_bound and form.is_valid()):
        context = {"campaign": campaign, "form": form, "open": campaign.status in lifecycle.OPEN_CAMPAIGN}
        return render(request, "campaigns/control.html", context, status=422 if form.is_bound else 200)
    control = {part: form.cleaned_data[f"control_{part}"] for part in PARTS}
    return attempt(
        request,
        campaign,
        lambda: services.set_control(campaign, control=control, actor=signed_in(request)),
        done=_("The text shown today is kept. New copy is compared with it."),
    )
