"""Brands: the list, one brand with a box to try a text, and the form. Only reads and one call of a service each."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import services
from campaigns.forms.brands import CHANNEL_NAMES, BrandForm, DisclaimerRows, TryForm, disclaimers, places_with
from campaigns.frames import RANK, runs
from campaigns.models import Brand
from campaigns.models.campaign import Tone
from campaigns.models.shop import Language
from campaigns.queries import brands as queries
from campaigns.services import brands as writes
from campaigns.wording.findings import dress
from core import errors
from core.languages import page_language
from core.members import signed_in
from core.models import User
from core.roles import Role

GROUPS = (
    (gettext_lazy("How it speaks"), ("name", "voice", "tone", "default_language", "banned_words", "preferred_words")),
    (gettext_lazy("Where it sells"), ("jurisdictions",)),
    (
        gettext_lazy("Messages"),
        ("sender_name", "sender_email", "postal_address", "quiet_from", "quiet_until", "cap_messages", "cap_days"),
    ),
    (gettext_lazy("People"), ("members", "second_approver_from")),
)


@require_safe
@login_required
@permission_required("campaigns.view_brand", raise_exception=True)
def brand_list(request: HttpRequest) -> HttpResponse:
    """The brands a member sees."""
    found: list[Any] = list(queries.brand_list(signed_in(request)))
    for one in found:
        one.shown_places = _places(one.jurisdictions)
    return render(request, "campaigns/brands.html", {"brands": found})


@require_safe
@login_required
@permission_required("campaigns.view_brand", raise_exception=True)
def brand(request: HttpRequest, key: str) -> HttpResponse:
    """One brand."""
    found = _find(request, key)
    return _page(request, found, TryForm.empty(found))


@require_POST
@login_required
@permission_required("campaigns.view_brand", raise_exception=True)
def brand_check(request: HttpRequest, key: str) -> HttpResponse:
    """What the checks say of a text; for HTMX while it is typed, else the whole page. Nothing is stored."""
    found, form = _find(request, key), TryForm(request.POST)
    tried = _tried(found, form) if form.is_valid() else None
    if request.headers.get("HX-Request"):
        return render(request, "campaigns/_brand_tried.html", {"tried": tried, "try_form": form})
    return _page(request, found, form, tried=tried, status=422 if tried is None else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.add_brand", raise_exception=True)
def brand_new(request: HttpRequest) -> HttpResponse:
    """A new brand."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.change_brand", raise_exception=True)
def brand_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Change a brand."""
    return _edit(request, _find(request, key))


def _edit(request: HttpRequest, found: Brand | None) -> HttpResponse:
    member = signed_in(request)
    data = request.POST if request.method == "POST" else None
    rows = DisclaimerRows(data, initial=found.disclaimers if found else [], prefix="disclaimer")
    form = BrandForm(
        data,
        instance=found,
        team=User.objects.filter(is_active=True, groups__isnull=False).distinct().order_by("name", "pk"),
        may_set_approvers=member.has_role(Role.ADMINISTRATOR),
    )
    stored = _store(request, found, form, rows) if data is not None and form.is_valid() and rows.is_valid() else None
    if stored is not None:
        return redirect("campaigns:brand", key=stored.key)
    groups = [(title, [form[name] for name in names]) for title, names in GROUPS]
    context = {"form": form, "rows": rows, "brand": found, "groups": groups}
    return render(request, "campaigns/brand_edit.html", context, status=200 if data is None else 422)


def _store(request: HttpRequest, found: Brand | None, form: BrandForm, rows: Any) -> Brand | None:
    values = {**form.values(), "disclaimers": disclaimers(rows)}
    try:
        if found is None:
            stored = writes.create_brand(actor=signed_in(request), members=form.members(), **values)
            messages.success(request, _("The brand is made."))
            return stored
        changed = writes.change_brand(found, actor=signed_in(request), members=form.members(), **values)
    except errors.CopyliftError as problem:
        form.take(problem)
        return None
    messages.success(request, _("The brand is stored.") if changed else _("Nothing was changed."))
    return found


def _page(
    request: HttpRequest, found: Any, form: TryForm, *, tried: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    language = page_language()
    context = {
        "brand": found,
        "places": _places(found.jurisdictions),
        "tone": dict(Tone.choices).get(found.tone, found.tone),
        "packs": [(pack, pack.title.said(language)) for pack in queries.packs_of(found)],
        "texts": [_text(one) for one in found.disclaimers],
        "members": list(found.members.order_by("name", "pk")),
        "try_form": form,
        "tried": tried,
    }
    return render(request, "campaigns/brand.html", context, status=status)


def _text(one: dict[str, Any]) -> dict[str, Any]:
    """A required text with where it counts, in the reader's words."""
    return {
        "text": one.get("text", ""),
        "language": dict(Language.choices).get(one.get("language", ""), ""),
        "channels": [CHANNEL_NAMES[name] for name in one.get("channels", ()) if name in CHANNEL_NAMES],
        "places": _places(one.get("jurisdictions", ())),
    }


def _places(codes: list[str]) -> list[str]:
    return [name for code, name in places_with(codes) if code in codes]


def _tried(found: Brand, form: TryForm) -> dict[str, Any]:
    """The text with its marks, and what was found, the heaviest first."""
    texts, values = form.texts(), form.cleaned_data
    said = queries.tried_out(found, texts, channel=values["channel"], language=values["language"], day=values["day"])
    rows = sorted((services.finding_row(one) for one in said), key=lambda one: RANK[one.severity])
    dress(rows, page_language())
    parts = [
        (name, runs(text, [one for one in rows if one.part == name])) for name, text in texts.items() if text.strip()
    ]
    return {"parts": parts, "findings": rows, "language": values["language"]}


def _find(request: HttpRequest, key: str) -> Brand:
    try:
        return queries.brand_for(signed_in(request), key)
    except errors.NotFound as problem:
        raise Http404(problem.message) from None
