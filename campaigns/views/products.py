"""The catalogue: found by text, in pages."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns.views import reads

PAGE_SIZE = 25


@require_safe
@login_required
@permission_required("campaigns.view_product", raise_exception=True)
def product_list(request: HttpRequest) -> HttpResponse:
    """Products by SKU; several words must all be found."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    page = Paginator(reads.product_list(words), PAGE_SIZE).get_page(request.GET.get("page"))
    reads.dress(page.object_list, reads.page_language())
    return render(request, "campaigns/products.html", {"page": page, "words": words})
