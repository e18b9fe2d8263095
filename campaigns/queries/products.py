"""Reads of the catalogue, narrowed to the brands a member sees; and what prices were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q, QuerySet

from campaigns.models import Brand, Campaign, PriceRecord, Product, ProductImport
from core import access, errors
from core.models import User


def products_for(
    user: User | None, *, words: str = "", brand: str = "", category: str = "", active: bool | None = None
) -> QuerySet[Product]:
    """Products by SKU; each word must stand in a name, the SKU, the category or a description. No user: an API key."""
    found = Product.objects.select_related("brand").order_by("sku")
    found = access.visible(user, found) if user else found
    for word in words.split()[:8]:
        found = found.filter(
            Q(name_en__icontains=word)
            | Q(name_zh__icontains=word)
            | Q(sku__icontains=word)
            | Q(category__icontains=word)
            | Q(description_en__icontains=word)
            | Q(description_zh__icontains=word)
        )
    if brand:
        found = found.filter(brand__key=brand)
    if category:
        found = found.filter(category=category)
    return found if active is None else found.filter(is_active=active)


def brands_for(user: User) -> QuerySet[Brand]:
    """The brands a member sees."""
    return access.visible(user, Brand.objects.order_by("name"))


def categories_for(user: User) -> list[str]:
    """The categories of what a member sees, at most 200."""
    rows = access.visible(user, Product.objects.exclude(category=""))
    return list(rows.order_by("category").values_list("category", flat=True).distinct()[:200])


def product_for(user: User, pk: int) -> Product:
    """A product the member sees. Raises NotFound."""
    found = access.visible(user, Product.objects.select_related("brand")).filter(pk=pk).first()
    if found is None:
        raise errors.NotFound
    return found


def import_for(user: User, pk: int) -> ProductImport:
    """An import of a brand the member sees. Raises NotFound."""
    rows = access.visible(user, ProductImport.objects.select_related("brand", "job", "created_by"))
    found = rows.filter(pk=pk).first()
    if found is None:
        raise errors.NotFound
    return found


def imports_for(user: User, limit: int = 5) -> list[ProductImport]:
    """The newest imports of brands the member sees."""
    return list(access.visible(user, ProductImport.objects.select_related("brand")).order_by("-id")[:limit])


def campaigns_with(user: User, product: Product) -> list[Campaign]:
    """Campaigns that use the product, the newest first."""
    return list(access.visible(user, Campaign.objects.filter(products=product)).order_by("-created_at")[:20])


def price_records(product: Product, limit: int = 200) -> list[PriceRecord]:
    """The newest prices, the newest first."""
    return list(product.prices.order_by("-seen_at")[:limit])


def lowest_price(records: Sequence[PriceRecord], *, days: int, now: datetime) -> Decimal | None:
    """The lowest price in force within the last days; `records` newest first. None where nothing is known."""
    since = now - timedelta(days=days)
    found: list[Decimal] = []
    for record in records:
        found.append(record.price)
        if record.seen_at <= since:
            break
    return min(found, default=None)
