"""Keeping the history of prices, against which a reduction is measured."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from campaigns.models import PriceRecord, Product
from core import audit
from core.audit import Actor


@transaction.atomic
def record_price(product: Product, *, actor: Actor) -> PriceRecord:
    """The product's price as it stands now."""
    record = PriceRecord.objects.create(
        product=product, price=product.price, list_price=product.list_price, seen_at=timezone.now()
    )
    audit.record("product.price", product, actor=actor, price=str(product.price))
    return record
