"""Placements: the list, a new one, and one with its code to paste, what shoppers see there, and its settings."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.forms.placements import PlacementForm
from campaigns.models import Placement
from campaigns.placement_notes import notes_of
from campaigns.queries import placements as queries
from campaigns.services import placements as services
from core import audit, errors
from core.answers import whole_address
from core.forms import show_refusal
from core.languages import page_language
from core.members import signed_in


@require_safe
@login_required
@permission_required("campaigns.view_placement", raise_exception=True)
def placement_list(request: HttpRequest) -> HttpResponse:
    """The placements of the member's brands."""
    found = queries.placement_list(signed_in(request))
    return render(request, "campaigns/placements.html", {"placements": found, "showing": queries.SHOWING})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.add_placement", raise_exception=True)
def placement_new(request: HttpRequest) -> HttpResponse:
    """An empty form, or a new placement from it."""
    member = signed_in(request)
    form = PlacementForm(request.POST or None, member=member)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_placement(**form.cleaned_data, actor=member)
        except errors.InvalidInput as problem:
            show_refusal(form, problem)
        else:
            messages.success(request, _("The placement is there. Paste its code into the shop's page."))
            return redirect("campaigns:placement", made.key)
    status = 422 if form.is_bound else 200
    return render(request, "campaigns/placement_new.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.view_placement", raise_exception=True)
def placement(request: HttpRequest, key: str) -> HttpResponse:
    """One placement; POST changes it."""
    member = signed_in(request)
    found = get_object_or_404(queries.placement_list(member), key=key)
    if request.method == "POST" and not member.has_perm("campaigns.change_placement"):
        raise PermissionDenied
    form = PlacementForm(request.POST or None, member=member, placement=found)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_placement(found, **form.cleaned_data, actor=member)
        except errors.InvalidInput as problem:
            show_refusal(form, problem)
        else:
            messages.success(request, _("The placement was changed. Pages follow at their next view."))
            return redirect("campaigns:placement", key)
    return page(request, found, form)


def page(request: HttpRequest, found: Placement, form: PlacementForm) -> HttpResponse:
    """The page of one placement."""
    campaign = found.campaign
    shows = campaign is not None and campaign.status in queries.SHOWING
    groups = queries.arms_shown(campaign) if campaign is not None and shows else []
    for group in groups:
        group["audience"] = group["link"].audience.name(page_language())
    context = {
        "placement": found,
        "form": form,
        "shows": shows,
        "groups": groups,
        "notes": notes_of(found),
        "snippet_url": whole_address(reverse("snippet")),
        "history": audit.history(found).order_by("-id")[:10],
    }
    return render(request, "campaigns/placement.html", context, status=422 if form.errors else 200)
