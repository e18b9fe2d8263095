"""The catalogue: the list, one product with its prices, and its picture."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import facts, price_line
from campaigns.forms.products import ProductForm
from campaigns.models import Product
from campaigns.product_words import field_name
from campaigns.queries import products as queries
from campaigns.services import pictures
from campaigns.services import products as services
from campaigns.views import reads
from core import errors
from core.languages import page_language
from core.members import signed_in

PAGE_SIZE = 25
SALE = {"yes": True, "no": False}


@require_safe
@login_required
@permission_required("campaigns.view_product", raise_exception=True)
def product_list(request: HttpRequest) -> HttpResponse:
    """Products by SKU; several words must all be found."""
    member = signed_in(request)
    chosen = {name: _asked(request, name) for name in ("q", "brand", "category", "sale")}
    found = queries.products_for(
        member,
        words=chosen["q"],
        brand=chosen["brand"],
        category=chosen["category"],
        active=SALE.get(chosen["sale"]),
    )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    reads.dress(page.object_list, page_language())
    context = {
        "page": page,
        "words": chosen["q"],
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "brands": list(queries.brands_for(member)),
        "categories": queries.categories_for(member),
        "imports": queries.imports_for(member),
    }
    return render(request, "campaigns/products.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.view_product", raise_exception=True)
def product(request: HttpRequest, pk: int) -> HttpResponse:
    """One product; who may change products edits it here."""
    member, found = signed_in(request), find(request, pk)
    if request.method != "POST":
        return _page(request, found, ProductForm(instance=found))
    if not member.has_perm("campaigns.change_product"):
        return HttpResponse(status=403)
    form = ProductForm(request.POST, instance=found)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    if services.change_product(found, actor=member, **form.values()):
        messages.success(request, _("The product is stored."))
    else:
        messages.info(request, _("Nothing was changed."))
    return redirect("campaigns:product", pk=found.pk)


@require_safe
@login_required
@permission_required("campaigns.view_product", raise_exception=True)
def product_image(request: HttpRequest, pk: int) -> HttpResponse:
    """The picture from our own address; 404 where there is none."""
    try:
        found = pictures.picture_of(find(request, pk))
    except errors.NotFound as problem:
        raise Http404(problem.message) from None
    return HttpResponse(
        found.body,
        content_type=found.content_type,
        headers={"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"},
    )


def find(request: HttpRequest, pk: int) -> Product:
    """The product, or the 404 page where the member may not see it."""
    try:
        return queries.product_for(signed_in(request), pk)
    except errors.NotFound as problem:
        raise Http404(problem.message) from None


def _page(request: HttpRequest, found: Any, form: ProductForm, status: int = 200) -> HttpResponse:
    member, now, language = signed_in(request), timezone.now(), page_language()
    records: list[Any] = queries.price_records(found)
    reads.dress([found], language)
    for record in records:
        record.shown = facts.money(record.price, found.currency, language)
        record.shown_list = facts.money(record.list_price, found.currency, language) if record.list_price else ""
    lowest = [(days, queries.lowest_price(records, days=days, now=now)) for days in (7, 30)]
    context = {
        "product": found,
        "form": form,
        "may_change": member.has_perm("campaigns.change_product"),
        "records": records,
        "line": price_line.points(records, now),
        "lowest": [(days, facts.money(price, found.currency, language)) for days, price in lowest if price is not None],
        "sides": [_side(found, code) for code in ("en", "zh")],
        "campaigns": queries.campaigns_with(member, found),
    }
    return render(request, "campaigns/product.html", context, status=status)


def _side(found: Product, language: str) -> dict[str, Any]:
    """The facts in one language as they are stored, without those of the other."""
    attributes = found.attributes.get(language) or {}
    return {
        "language": language,
        "name": getattr(found, f"name_{language}"),
        "description": getattr(found, f"description_{language}"),
        "attributes": [(field_name(str(name)), str(value)) for name, value in sorted(attributes.items())],
    }


def _asked(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()[:100]
