"""Importing a feed: upload, a look at the first rows with their columns, the running job, and the report."""

from __future__ import annotations

import csv
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import facts
from campaigns.feeds.errors import FeedError
from campaigns.feeds.rows import Row
from campaigns.forms.products import FeedForm, field_choices, posted_mapping
from campaigns.models import ProductImport
from campaigns.product_words import FORMAT_NAMES, refusal, told
from campaigns.queries import products as queries
from campaigns.services import importing
from core import dispatch, errors
from core.files import formula_safe
from core.languages import page_language
from core.members import signed_in

SHOWN_PROBLEMS = 50
COUNTS = (
    ("created", gettext_noop("created")),
    ("updated", gettext_noop("updated")),
    ("unchanged", gettext_noop("unchanged")),
    ("failed", gettext_noop("failed")),
    ("off_sale", gettext_noop("marked as off sale")),
)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.add_productimport", raise_exception=True)
def product_import(request: HttpRequest) -> HttpResponse:
    """Choose a file and a brand."""
    member = signed_in(request)
    brands = queries.brands_for(member)
    form = FeedForm(request.POST or None, request.FILES or None, brands=brands, initial={"brand": brands.first()})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            one = importing.start_import(
                brand=values["brand"],
                name=values["file"].name,
                chunks=values["file"].chunks(),
                language=values["language"],
                currency=values["currency"],
                actor=member,
            )
        except errors.CopyliftError as problem:
            form.add_error("file", problem.said())
        else:
            return redirect("campaigns:product_import_one", pk=one.pk)
    status = 422 if form.errors else 200
    return render(request, "campaigns/product_import.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.view_productimport", raise_exception=True)
def product_import_one(request: HttpRequest, pk: int) -> HttpResponse:
    """The look at a feed and its columns; after that its job and report."""
    one = _find(request, pk)
    if one.state != ProductImport.State.PREVIEW:
        return _report(request, one)
    if request.method != "POST":
        return _look(request, one, one.mapping)
    if not request.user.has_perm("campaigns.add_productimport"):
        return HttpResponse(status=403)
    mapping = posted_mapping(request.POST.dict(), sorted(one.mapping))
    if "look" in request.POST:
        return _look(request, one, mapping)
    try:
        job = importing.request_import(
            one, mapping=mapping, mark_missing="mark_missing" in request.POST, actor=signed_in(request)
        )
    except errors.CopyliftError as problem:
        messages.error(request, problem.said())
        return _look(request, one, mapping, status=422)
    dispatch.send_on_commit(job)
    return redirect("campaigns:product_import_one", pk=one.pk)


@require_safe
@login_required
@permission_required("campaigns.view_productimport", raise_exception=True)
def product_import_problems(request: HttpRequest, pk: int) -> HttpResponse:
    """The problems as CSV; a cell that a spreadsheet would run as a formula begins with an apostrophe."""
    one = _find(request, pk)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="import-{one.pk}.csv"'
    answer.write("\ufeff")
    writer = csv.writer(answer)
    writer.writerow([_("row"), _("SKU"), _("field"), _("what is wrong"), _("value"), _("kind")])
    for problem in map(told, one.problems):
        kind = _("warning") if problem.get("warning") else _("left out")
        cells = [problem["row"], problem["sku"], problem["field_name"], problem["sentence"], problem.get("given"), kind]
        writer.writerow([formula_safe(str(cell or "")) for cell in cells])
    return answer


def _look(request: HttpRequest, one: ProductImport, mapping: dict[str, str], status: int = 200) -> HttpResponse:
    try:
        rows = importing.preview(one, mapping)
    except FeedError as problem:
        messages.error(request, refusal(problem).problems[0].message)
        rows = []
    except errors.NotFound as problem:
        messages.error(request, problem.message)
        return redirect("campaigns:product_import")
    columns = sorted(mapping)
    context = {
        "one": one,
        "format_name": FORMAT_NAMES.get(one.format, one.format),
        # Those that are used come first; an export of Shopify has some forty others.
        "columns": sorted(
            ((place, column, mapping[column]) for place, column in enumerate(columns)), key=lambda one: not one[2]
        ),
        "mark_missing": "mark_missing" in request.POST,
        "choices": field_choices(),
        "rows": [_shown(row, one.language) for row in rows],
    }
    return render(request, "campaigns/product_import_look.html", context, status=status)


def _shown(row: Row, language: str) -> dict[str, Any]:
    values, reader = row.values, page_language()
    price, before, currency = values.get("price"), values.get("list_price"), values.get("currency", "")
    return {
        "row": row,
        "name": values.get(f"name_{language}") or values.get("name_en") or values.get("name_zh") or "",
        "price": facts.money(price, currency, reader) if price is not None else "",
        "before": facts.money(before, currency, reader) if before is not None else "",
        "attributes": list(row.attributes.values()),
        "problems": [told(problem.to_dict()) for problem in row.problems],
    }


def _report(request: HttpRequest, one: ProductImport) -> HttpResponse:
    job = one.job
    counts = one.counts or (job.checkpoint.get("counts", {}) if job else {})
    context = {
        "one": one,
        "job": job,
        "counts": [(_(label), counts[name]) for name, label in COUNTS if name in counts],
        "problems": [told(problem) for problem in one.problems[:SHOWN_PROBLEMS]],
        "kept": len(one.problems),
    }
    part = "campaigns/_product_import.html"
    return render(
        request, part if request.headers.get("HX-Request") else "campaigns/product_import_report.html", context
    )


def _find(request: HttpRequest, pk: int) -> ProductImport:
    try:
        return queries.import_for(signed_in(request), pk)
    except errors.NotFound as problem:
        raise Http404(problem.message) from None
