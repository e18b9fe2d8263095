"""Audiences: the list, the rule builder, and the live count beside it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns.audience_words import rule_in_words
from campaigns.forms.audiences import AudienceForm, RuleBuilder
from campaigns.models import Audience
from campaigns.queries import audiences as queries
from campaigns.queries.attributes import known_attributes
from campaigns.rule_rows import to_rows
from campaigns.services import audiences as services
from core import errors
from core.languages import page_language
from core.members import signed_in

FIELDS = ("name_en", "name_zh", "description_en", "description_zh")


@require_safe
@login_required
@permission_required("campaigns.view_audience", raise_exception=True)
def audience_list(request: HttpRequest) -> HttpResponse:
    """Every audience with its rule in words and its shoppers now."""
    found = list(queries.audience_list(signed_in(request)))
    total, counts = queries.shoppers_in([one.rule for one in found])
    language = page_language()
    lines = [
        {
            "audience": one,
            "name": one.name(language),
            "description": one.description(language),
            "rule": rule_in_words(one.rule),
            "shoppers": count,
            "share": count / total if total else None,
        }
        for one, count in zip(found, counts, strict=True)
    ]
    return render(request, "campaigns/audiences.html", {"lines": lines, "total": total})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.add_audience", raise_exception=True)
def audience_new(request: HttpRequest) -> HttpResponse:
    """An empty builder, or a new audience from it."""
    return _builder(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.view_audience", raise_exception=True)
def audience(request: HttpRequest, key: str) -> HttpResponse:
    """One audience in the builder. Who may not change audiences reads it and its counts."""
    if request.method == "POST" and not signed_in(request).has_perm("campaigns.change_audience"):
        raise PermissionDenied
    return _builder(request, _find(key))


@require_POST
@login_required
@permission_required("campaigns.view_audience", raise_exception=True)
def audience_count(request: HttpRequest) -> HttpResponse:
    """The counts of the rows as they are typed; for HTMX, while typing. Nothing is stored."""
    builder = RuleBuilder.posted(request.POST, known_attributes())
    key = request.POST.get("audience_key", "").replace("\0", "")[:40]
    besides = Audience.objects.filter(key=key).first() if key else None
    return render(request, "campaigns/_audience_count.html", _measured(request, builder, besides))


@require_POST
@login_required
@permission_required("campaigns.change_audience", raise_exception=True)
def audience_archive(request: HttpRequest, key: str) -> HttpResponse:
    """Put an audience away, or offer it again."""
    found, member = _find(key), signed_in(request)
    try:
        if found.is_archived:
            services.restore_audience(found, actor=member)
            messages.success(request, _("The audience can be chosen again."))
        else:
            services.put_away_audience(found, actor=member)
            messages.success(request, _("The audience is put away: new campaigns cannot choose it."))
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()))
    return redirect("campaigns:audience", key=found.key)


def _builder(request: HttpRequest, found: Audience | None) -> HttpResponse:
    known = known_attributes()
    if request.method != "POST":
        rows = RuleBuilder(to_rows(found.rule if found else []), known)
        return _page(request, AudienceForm(instance=found), rows, found)
    # A copy of the row, so that the page of what was refused still names the audience as it is stored.
    form, builder = AudienceForm(request.POST), RuleBuilder.posted(request.POST, known)
    if any(name in request.POST for name in ("add", "remove")):
        return _page(request, AudienceForm(initial=request.POST.dict()), builder, found)
    fits = builder.check()
    if "show_count" in request.POST:
        context = _measured(request, builder, found)
        return _page(request, AudienceForm(initial=request.POST.dict()), builder, found, **context)
    stored = _store(request, form, builder, found) if form.is_valid() and fits else None
    if stored is None:
        return _page(request, form, builder, found, status=422)
    return redirect("campaigns:audience", key=stored.key)


def _store(request: HttpRequest, form: AudienceForm, builder: RuleBuilder, found: Audience | None) -> Audience | None:
    values = {name: form.cleaned_data[name] for name in FIELDS} | {"rule": builder.rule}
    member = signed_in(request)
    try:
        if found is None:
            stored = services.create_audience(actor=member, **values)
        else:
            stored = services.change_audience(found, actor=member, **values)
    except errors.CopyliftError as problem:
        form.take(problem)
        return None
    messages.success(request, _("The audience is stored."))
    return stored


def _page(
    request: HttpRequest,
    form: AudienceForm,
    builder: RuleBuilder,
    found: Audience | None,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    member = signed_in(request)
    context |= {
        "form": form,
        "builder": builder,
        "audience": found,
        "name": found.name(page_language()) if found else "",
        "rule": rule_in_words(found.rule) if found else "",
        "may_change": member.has_perm("campaigns.change_audience" if found else "campaigns.add_audience"),
        "running": queries.running_links(member, found) if found else [],
    }
    return render(request, "campaigns/audience.html", context, status=status)


def _measured(request: HttpRequest, builder: RuleBuilder, besides: Audience | None) -> dict[str, Any]:
    if not builder.rule and not builder.check():
        return {"builder": builder, "counted": True}
    measure = queries.measure(builder.rule or [], user=signed_in(request), besides=besides)
    language = page_language()
    return {
        "builder": builder,
        "counted": True,
        "measure": measure,
        "rule_words": rule_in_words(builder.rule or []),
        "running_tests": [(one, one.link.audience.name(language)) for one in measure.running],
        "others": [(one, one.audience.name(language)) for one in measure.others],
    }


def _find(key: str) -> Audience:
    try:
        return queries.audience_by_key(key)
    except errors.NotFound as problem:
        raise Http404(problem.message) from None
