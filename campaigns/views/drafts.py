"""The campaign wizard: a brief that can be left on any page and gone on with on another day.

Each step keeps what was entered before it looks at it. Only whoever began a brief sees it; for others it is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from campaigns import services
from campaigns.forms.drafts import STEPS, steps_of, touched
from campaigns.models import Brand, CampaignDraft, Product
from campaigns.queries import drafts as reads
from campaigns.queries.products import products_for
from campaigns.services import drafts
from campaigns.views import draft_pages
from core import access, errors
from core.languages import page_language
from core.members import signed_in
from core.models import User
from models_ml.channels import PARTS

PRODUCTS_A_PAGE = 10
NEXT = dict(zip(STEPS, [*STEPS][1:], strict=False))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.add_campaign", raise_exception=True)
def campaign_new(request: HttpRequest) -> HttpResponse:
    """The unfinished briefs to go on with, or a new one; `?product=SKU` is its first product."""
    member = signed_in(request)
    sku = (request.POST if request.method == "POST" else request.GET).get("product", "").replace("\x00", "")[:60]
    product = access.visible(member, Product.objects.all()).filter(sku=sku).first() if sku else None
    if request.method == "POST":
        return _start(request, member, product)
    found = [draft_pages.line(one) for one in reads.drafts_of(member)]
    name = product.name(page_language()) if product else ""
    return render(request, "campaigns/draft_start.html", {"drafts": found, "product": product, "product_name": name})


def _start(request: HttpRequest, member: User, product: Product | None) -> HttpResponse:
    try:
        draft = drafts.start_draft(owner=member, entered={"products": [product.pk]} if product else {})
    except errors.CopyliftError as problem:
        messages.error(request, problem.message)
        return redirect("campaigns:new")
    return redirect("campaigns:draft", pk=draft.pk, step="brief")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.add_campaign", raise_exception=True)
def draft_step(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """One page of the brief."""
    draft = find(request, pk)
    if step not in STEPS:
        raise Http404
    if request.method != "POST":
        return _page(request, draft, step)
    try:
        return _choose(request, draft) if step == "products" else _save(request, draft, step)
    except errors.CopyliftError as problem:
        messages.error(request, problem.message)
        return redirect("campaigns:draft", pk=pk, step=step)


def _save(request: HttpRequest, draft: CampaignDraft, step: str) -> HttpResponse:
    """Keep the page; go where the pressed button says, but to the next page only from one that can be used."""
    wanted = request.POST.get("go", "next")
    target = wanted if wanted in STEPS else NEXT.get(step, step)
    saved = drafts.save_draft(draft, entered=_entered(request, step), step=target)
    if wanted == "later":
        messages.success(request, _("The brief is kept. Go on with it whenever you like."))
        return redirect("campaigns:new")
    if wanted == "next":
        forms = steps_of(saved, signed_in(request))
        if step in forms and not forms[step].is_valid():
            drafts.save_draft(saved, entered={}, step=step)
            return _page(request, saved, step, status=422)
    return redirect("campaigns:draft", pk=draft.pk, step=target)


def _entered(request: HttpRequest, step: str) -> dict[str, Any]:
    if step == "audiences":
        return {"audiences": request.POST.getlist("audiences")[:200]}
    return {name: request.POST.get(name, "") for name in STEPS[step].fields}


def _choose(request: HttpRequest, draft: CampaignDraft) -> HttpResponse:
    """Add, remove or put first: each press of a button is kept at once."""
    member = signed_in(request)
    move = {name: _number(request.POST.get(name, "")) for name in ("add", "remove", "lead")}
    if move["add"] and not access.visible(member, Product.objects.filter(pk=move["add"])).exists():
        raise Http404
    drafts.choose_products(draft, **move)
    query = request.GET.urlencode()
    return redirect(reverse("campaigns:draft", args=[draft.pk, "products"]) + (f"?{query}" if query else ""))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


@require_POST
@login_required
@permission_required("campaigns.add_campaign", raise_exception=True)
def draft_make(request: HttpRequest, pk: int) -> HttpResponse:
    """The campaign of the brief, or the overview with what is missing."""
    draft, member = find(request, pk), signed_in(request)
    forms = steps_of(draft, member)
    if not all(form.is_valid() for form in forms.values()):
        return _page(request, draft, "overview", status=422)
    try:
        campaign = drafts.make_campaign(draft, owner=member, values=_values(forms))
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()))
        return _page(request, draft, "overview", status=problem.status)
    messages.success(request, _("The campaign is made. Now have copy written for it."))
    return redirect("campaigns:studio", key=campaign.key)


def _values(forms: Mapping[str, Any]) -> dict[str, Any]:
    """What `create_campaign` takes."""
    control = forms["control"].cleaned_data
    return {
        **forms["brief"].cleaned_data,
        **forms["channel"].cleaned_data,
        "products": forms["products"].cleaned_data["products"],
        "audiences": list(forms["audiences"].cleaned_data["audiences"]),
        "control": {part: control[f"control_{part}"] for part in PARTS},
        "key": services.free_key(forms["brief"].cleaned_data["name"]),
    }


@require_POST
@login_required
@permission_required("campaigns.add_campaign", raise_exception=True)
def draft_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Throw the brief away."""
    drafts.delete_draft(find(request, pk))
    messages.success(request, _("The brief is deleted."))
    return redirect("campaigns:new")


def find(request: HttpRequest, pk: int) -> CampaignDraft:
    """The member's own brief, or the 404 page."""
    return get_object_or_404(reads.drafts_of(signed_in(request)), pk=pk)


# --- what a page shows ------------------------------------------------------------------------------------------
def _page(request: HttpRequest, draft: CampaignDraft, step: str, *, status: int = 200) -> HttpResponse:
    member = signed_in(request)
    forms = steps_of(draft, member, first=_habits(draft, member, step))
    context = {
        "draft": draft,
        "step": STEPS[step],
        "number": [*STEPS].index(step) + 1,
        "steps": draft_pages.step_lines(draft, forms, step),
        "form": forms.get(step),
        "body": f"campaigns/draft_{step}.html",
        **_more(request, draft, forms, step),
    }
    return render(request, "campaigns/draft.html", context, status=status)


def _more(request: HttpRequest, draft: CampaignDraft, forms: Mapping[str, Any], step: str) -> dict[str, Any]:
    if step == "products":
        return _catalogue(request, draft, forms["products"].chosen)
    if step == "audiences":
        return draft_pages.audience_lines(draft)
    if step == "channel":
        return {"cards": draft_pages.channel_cards(str(draft.data.get("channel", "")))}
    if step == "control":
        return {"limits": draft_pages.limits_of(str(draft.data.get("channel", "")))}
    if step == "overview":
        return draft_pages.overview(draft, forms)
    return {}


def _catalogue(request: HttpRequest, draft: CampaignDraft, chosen: list[Product]) -> dict[str, Any]:
    """What is chosen, and a page of what else there is of the brand and on sale."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    found = products_for(signed_in(request), words=words, active=True)
    brand = _number(str(draft.data.get("brand", ""))) or (chosen[0].brand_id if chosen else 0)
    found = found.filter(brand_id=brand) if brand else found
    page = Paginator(found, PRODUCTS_A_PAGE).get_page(request.GET.get("page"))
    draft_pages.dress([*chosen, *page.object_list])
    return {"chosen": chosen, "chosen_ids": {one.pk for one in chosen}, "page": page, "words": words}


def _habits(draft: CampaignDraft, member: User, step: str) -> dict[str, Any]:
    """What stands in a brief nobody wrote in yet: the brand of the first product, or the only one, and its habits."""
    if step != "brief" or touched(draft, "brief"):
        return {}
    chosen = reads.chosen_products(member, draft.data.get("products", [])[:1])
    brands = [chosen[0].brand] if chosen else list(access.visible(member, Brand.objects.all())[:2])
    if len(brands) != 1:
        return {}
    return {"brand": brands[0].pk, "language": brands[0].default_language, "tone": brands[0].tone}
