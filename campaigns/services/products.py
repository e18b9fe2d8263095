"""Writing products: one by hand, many from a feed or a client. A changed price is kept as one price record.

Peculiar: rows are compared before they are written, so the same feed again writes nothing. One writer at a time holds a
lock of the database over all catalogues: of two feeds with the same new SKU one makes the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.feeds.errors import Problem
from campaigns.feeds.rows import Row
from campaigns.models import Brand, PriceRecord, Product
from campaigns.services.guards import require
from core import audit
from core.audit import Actor
from core.models import User

CREATED, UPDATED, UNCHANGED, FAILED = "created", "updated", "unchanged", "failed"
CATALOGUE_LOCK = 0x636F7079  # any constant that no other lock of ours uses
WRITTEN = (
    "name_en", "name_zh", "description_en", "description_zh", "category", "attributes", "price", "list_price",
    "currency", "stock", "image_url", "url", "is_active",
)  # fmt: skip
PRICED = ("price", "list_price")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row."""

    row: Row
    outcome: str
    problems: Sequence[Problem]


@transaction.atomic
def upsert_products(rows: Sequence[Row], *, brand: Brand, language: str, source: str) -> list[Outcome]:
    """Store the usable rows, each SKU at most once in them. Outcomes stand in the order of the rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CATALOGUE_LOCK])
    skus = [row.sku for row in rows if row.usable]
    known = {one.sku: one for one in Product.objects.select_for_update().filter(sku__in=skus)}
    store = _Store(brand=brand, language=language, source=source, known=known, now=timezone.now())
    outcomes = [store.take(row) for row in rows]
    store.write()
    return outcomes


class _Store:
    """Collects what is to be written, so that a batch costs a few statements."""

    def __init__(self, *, brand: Brand, language: str, source: str, known: dict[str, Product], now: datetime) -> None:
        self.brand, self.language, self.source, self.known, self.now = brand, language, source, known, now
        self.made: list[Product] = []
        self.changed: list[Product] = []
        self.priced: list[Product] = []
        self.taken: set[str] = set()

    def take(self, row: Row) -> Outcome:
        """Decide on one row."""
        if not row.usable:
            return Outcome(row, FAILED, row.problems)
        found = self.known.get(row.sku)
        code = "sku_twice" if row.sku in self.taken else "sku_taken" if self._foreign(found) else ""
        if code:
            return Outcome(row, FAILED, [*row.problems, Problem(row.row, row.sku, "sku", code, row.sku)])
        self.taken.add(row.sku)
        return Outcome(row, self._change(found, row) if found else self._make(row), row.problems)

    def _foreign(self, found: Product | None) -> bool:
        return found is not None and found.brand_id != self.brand.pk

    def _make(self, row: Row) -> str:
        product = Product(sku=row.sku, brand=self.brand, source=self.source)
        _apply(product, self._values(product, row))
        self.made.append(product)
        self.priced.append(product)
        return CREATED

    def _change(self, product: Product, row: Row) -> str:
        values = self._values(product, row)
        differing = {name for name, value in values.items() if getattr(product, name) != value}
        if not differing:
            return UNCHANGED
        _apply(product, values)
        product.changed_at = self.now
        self.changed.append(product)
        if differing & set(PRICED):
            self.priced.append(product)
        return UPDATED

    def _values(self, product: Product, row: Row) -> dict[str, Any]:
        values = dict(row.values)
        if row.attributes:
            before = dict(product.attributes)
            values["attributes"] = {**before, self.language: {**before.get(self.language, {}), **row.attributes}}
        if "stock" not in values and row.available is not None:
            values["stock"] = max(product.stock, 1) if row.available else 0
        return values

    def write(self) -> None:
        """All of it."""
        Product.objects.bulk_create(self.made)
        Product.objects.bulk_update(self.changed, [*WRITTEN, "changed_at"])
        PriceRecord.objects.bulk_create(
            PriceRecord(product=one, price=one.price, list_price=one.list_price, seen_at=self.now)
            for one in self.priced
        )


def _apply(product: Product, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(product, name, value)


@transaction.atomic
def change_product(product: Product, *, actor: User, **values: Any) -> bool:
    """Change a product by hand; a changed price is recorded. False where nothing differs. Raises Forbidden."""
    require(actor, "campaigns.change_product", _("change products"))
    kept = Product.objects.select_for_update().get(pk=product.pk)
    differing = sorted(name for name, value in values.items() if getattr(kept, name) != value)
    if not differing:
        return False
    _apply(kept, values)
    kept.full_clean(exclude=["brand"])
    kept.save()
    audit.record("product.changed", kept, actor=actor, fields=differing)
    if set(differing) & set(PRICED):
        PriceRecord.objects.create(product=kept, price=kept.price, list_price=kept.list_price, seen_at=timezone.now())
    return True


def take_off_sale(brand: Brand, *, present: set[str], actor: Actor) -> int:
    """Mark the brand's products whose SKU is not present as off sale; how many."""
    offered = Product.objects.filter(brand=brand, is_active=True).values_list("pk", "sku")
    missing = [pk for pk, sku in offered if sku not in present]
    changed = Product.objects.filter(pk__in=missing, is_active=True).update(is_active=False, changed_at=timezone.now())
    if changed:
        audit.record("product.off_sale", brand, actor=actor, count=changed)
    return changed
