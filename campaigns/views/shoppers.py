"""Shoppers: found by unit or address, one with all that is known, lists from files, export and erasure.

Addresses carry the row's number and never the unit, since addresses end up in logs.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import services
from campaigns.forms.shoppers import ConsentForm, EraseForm, MappingForm, UploadForm, reason_of
from campaigns.models import Channel, Message, Shopper
from campaigns.people_files import Problem
from campaigns.queries import shoppers as queries
from campaigns.queries.shopper_record import shopper_record
from campaigns.services import shopper_imports as imports
from campaigns.services.erasure import erase_shopper
from core import access, audit, dispatch, errors
from core import queries as core_queries
from core.members import signed_in
from experiments.models import Experiment
from experiments.queries.units import tests_of_unit

PAGE_SIZE = 50
SHOWN_ROWS = 50


@require_safe
@login_required
@permission_required("campaigns.view_shopper", raise_exception=True)
def shopper_list(request: HttpRequest) -> HttpResponse:
    """The shoppers, found by the beginning of a unit or a whole address."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:254]
    page = Paginator(queries.find_shoppers(words), PAGE_SIZE).get_page(request.GET.get("page"))
    lines = [(one, _labels(one.channels)) for one in page.object_list]
    return render(request, "campaigns/shoppers.html", {"page": page, "lines": lines, "words": words})


@require_safe
@login_required
@permission_required("campaigns.view_shopper", raise_exception=True)
def shopper(request: HttpRequest, pk: int) -> HttpResponse:
    """One shopper: attributes, consents, why nothing may go by a channel, tests and messages."""
    return _shopper_page(request, get_object_or_404(Shopper, pk=pk))


@require_POST
@login_required
@permission_required("campaigns.change_shopper", raise_exception=True)
def shopper_consent(request: HttpRequest, pk: int) -> HttpResponse:
    """Enter what the shopper said."""
    found, form = get_object_or_404(Shopper, pk=pk), ConsentForm(request.POST)
    if not form.is_valid():
        return _shopper_page(request, found, status=422, consent_form=form)
    change = services.give_consent if form.cleaned_data["given"] == "yes" else services.withdraw_consent
    change(found, channel=form.cleaned_data["channel"], source=form.cleaned_data["source"])
    messages.success(request, _("The consent is entered."))
    return redirect("campaigns:shopper", pk=found.pk)


@require_POST
@login_required
@permission_required("campaigns.view_shopper", raise_exception=True)
def shopper_export(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything known of the shopper, as a download; the audit trail says who asked for it."""
    found = get_object_or_404(Shopper, pk=pk)
    audit.record("shopper.exported", found, actor=signed_in(request))
    answer = JsonResponse(
        shopper_record(found), encoder=DjangoJSONEncoder, json_dumps_params={"ensure_ascii": False, "indent": 2}
    )
    answer["Content-Disposition"] = f'attachment; filename="shopper-{found.pk}.json"'
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@login_required
@permission_required("campaigns.delete_shopper", raise_exception=True)
def shopper_erase(request: HttpRequest, pk: int) -> HttpResponse:
    """Erase the shopper, once that was confirmed."""
    found, form = get_object_or_404(Shopper, pk=pk), EraseForm(request.POST)
    if not form.is_valid():
        return _shopper_page(request, found, status=422, erase_form=form)
    erase_shopper(found, actor=signed_in(request), objected=form.cleaned_data["objected"])
    messages.success(request, _("The shopper is erased. Results of tests stay as they were."))
    return redirect("campaigns:shoppers")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.add_shopper", raise_exception=True)
def shopper_import(request: HttpRequest) -> HttpResponse:
    """Three steps at one address: choose a file, say what its columns are, store."""
    if request.method != "POST":
        return _import_page(request, UploadForm())
    token = request.POST.get("token", "")
    try:
        return _map_and_start(request, token) if token else _take_file(request)
    except errors.CopyliftError as problem:
        form = UploadForm()
        sentences = [reason_of(one.code) if one.code != "invalid" else one.message for one in problem.problems]
        return _import_page(request, form, status=422, refusals=sentences or [problem.message])


def _take_file(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _import_page(request, form, status=422)
    token = imports.keep_upload(form.cleaned_data["file"].chunks())
    columns, rows = imports.preview(token)
    return _preview_page(request, token, MappingForm(None, columns=columns), rows)


def _map_and_start(request: HttpRequest, token: str) -> HttpResponse:
    columns, rows = imports.preview(token)
    form = MappingForm(request.POST, columns=columns)
    if not form.is_valid():
        return _preview_page(request, token, form, rows, status=422)
    if "start" not in request.POST:
        _columns, rows = imports.preview(token, mapped=form.mapped())
        return _preview_page(request, token, form, rows)
    try:
        job = imports.request_import(token, mapped=form.mapped(), actor=signed_in(request))
    except errors.InvalidInput as problem:
        refusals = [reason_of(one.code) for one in problem.problems]
        return _preview_page(request, token, form, rows, status=422, refusals=refusals)
    dispatch.send_on_commit(job)
    return redirect("core:job", job.pk)


def _import_page(request: HttpRequest, form: UploadForm, *, status: int = 200, **context: Any) -> HttpResponse:
    earlier = [(job, _refused_lines(job.result)) for job in core_queries.jobs_by_task(imports.IMPORT_TASK, 5)]
    return render(
        request, "campaigns/shopper_import.html", {"form": form, "earlier": earlier, **context}, status=status
    )


def _refused_lines(result: dict[str, Any] | None) -> list[dict[str, Any]]:
    return [{**one, "why": reason_of(one["code"])} for one in (result or {}).get("problems", [])]


def _preview_page(
    request: HttpRequest, token: str, form: MappingForm, rows: list[Any], *, status: int = 200, **context: Any
) -> HttpResponse:
    shown = [
        {"problem": reason_of(one.code)}
        if isinstance(one, Problem)
        else {"shopper": one, "agreed": _labels([two.channel for two in one.consents if two.given])}
        for one in rows
    ]
    context |= {"token": token, "mapping": form, "rows": shown}
    return render(request, "campaigns/shopper_import.html", context, status=status)


def _shopper_page(request: HttpRequest, found: Shopper, *, status: int = 200, **forms: Any) -> HttpResponse:
    member = signed_in(request)
    reasons = queries.reasons_of(found)
    sent = access.visible(member, Message.objects.filter(shopper=found)).select_related("campaign").order_by("-pk")
    tests = tests_of_unit(found.unit).filter(experiment__in=access.visible(member, Experiment.objects.all()))
    context = {
        "shopper": found,
        "attributes": sorted(found.attributes.items()),
        "channels": [{"label": one.label, "left_out": _reason(reasons[one.value])} for one in Channel],
        "consents": queries.consents_of(found)[:SHOWN_ROWS],
        "suppressions": list(queries.suppressions_of(found)),
        "tests": list(tests[:SHOWN_ROWS]),
        "sent": list(sent[:SHOWN_ROWS]),
        "consent_form": ConsentForm(),
        "erase_form": EraseForm(),
        **forms,
    }
    return render(request, "campaigns/shopper.html", context, status=status)


def _reason(state: str) -> str:
    return str(Message.State(state).label) if state else ""


def _labels(channels: list[str]) -> list[str]:
    return [str(Channel(one).label) for one in channels if one in Channel.values]
