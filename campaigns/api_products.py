"""REST of the catalogue: products written in batches, and read in pages.

Each item stands for itself: one that cannot be used is named in the answer, the others are stored. The same batch again
changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field, StringConstraints

from campaigns.feeds import json_stream
from campaigns.feeds import mapping as maps
from campaigns.feeds.records import Record
from campaigns.feeds.rows import Defaults, Row, read
from campaigns.models import Brand, Product
from campaigns.product_words import told
from campaigns.queries import products as queries
from campaigns.services import products as services
from core import errors
from core.answers import answer
from core.api_auth import KeyAuth, member_of
from core.models.access import Scope

router = Router(tags=["products"])
MOST_ITEMS = 1000
FIELDS = frozenset(maps.FIELDS)
Slug = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]{0,80}$")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


class ProductsIn(Schema):
    """A batch of products of one brand."""

    model_config = ConfigDict(extra="forbid")

    brand: Slug = Field(description="The key of the brand they belong to.")
    language: Annotated[str, StringConstraints(pattern="^(en|zh)$")] = "en"
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] = "USD"
    products: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_ITEMS)] = Field(
        description="Objects with sku, name, price and, where known, name_en, name_zh, description, category, "
        "sale_price, list_price, currency, availability, stock, image_url, url, is_active, attributes."
    )


@router.put("/products", auth=KeyAuth(Scope.WRITE), summary="Write products in a batch")
def put_products(request: HttpRequest, payload: ProductsIn) -> HttpResponse:  # noqa: ARG001 - its signature
    """Make or change up to 1,000 products by their SKU; fields that are not given stay as they are."""
    return _written(payload)


@router.post("/products", auth=KeyAuth(Scope.WRITE), summary="Write products in a batch, for clients without PUT")
def post_products(request: HttpRequest, payload: ProductsIn) -> HttpResponse:  # noqa: ARG001 - its signature
    """The same as PUT."""
    return _written(payload)


@router.get("/products", auth=KeyAuth(Scope.READ), summary="The products")
def list_products(request: HttpRequest, brand: Slug = "", limit: Limit = 100, offset: Offset = 0) -> HttpResponse:
    """By SKU; `total` counts all of them."""
    found = queries.products_for(member_of(request), brand=brand)
    page = [described(one) for one in found[offset : offset + limit]]
    return answer({"total": found.count(), "limit": limit, "offset": offset, "products": page})


def _written(payload: ProductsIn) -> HttpResponse:
    brand = Brand.objects.filter(key=payload.brand).first()
    if brand is None:
        raise errors.NotFound("There is no such brand.", code="brand_unknown")
    defaults = Defaults(payload.language, payload.currency, timezone.now())
    rows = [_row(number, item, defaults) for number, item in enumerate(payload.products)]
    done = services.upsert_products(rows, brand=brand, language=payload.language, source="api")
    results = [
        {
            "index": one.row.row,
            "sku": one.row.sku,
            "outcome": one.outcome,
            "problems": [_problem(problem.to_dict()) for problem in one.problems],
        }
        for one in done
    ]
    names = (services.CREATED, services.UPDATED, services.UNCHANGED, services.FAILED)
    counts = {name: sum(one.outcome == name for one in done) for name in names}
    return answer({"counts": counts, "results": results})


def _row(number: int, item: dict[str, Any], defaults: Defaults) -> Row:
    values = {
        key.replace("attributes.", "Option:", 1) if key.startswith("attributes.") else key: value
        for key, value in json_stream.record(number, json_stream.as_written(item)).values.items()
    }
    mapping = {key: maps.ATTRIBUTE if key.startswith("Option:") else key for key in values if _known(key)}
    row = read(Record(number, values), mapping, defaults)
    for key in values:
        if not _known(key):
            row.note(key[:40].encode("utf-8", "replace").decode(), "field_unknown", key)
    return row


def _known(key: str) -> bool:
    return key in FIELDS or key.startswith("Option:")


def _problem(problem: dict[str, Any]) -> dict[str, Any]:
    words = told(problem)
    return {name: words[name] for name in ("field", "code", "given", "warning")} | {"message": words["sentence"]}


def described(one: Product) -> dict[str, Any]:
    """A product for JSON; amounts are texts, so that no client rounds them."""
    plain = ("sku", "name_en", "name_zh", "description_en", "description_zh", "category", "attributes", "currency",
             "stock", "image_url", "url", "is_active")  # fmt: skip
    return {
        **{name: getattr(one, name) for name in plain},
        "brand": one.brand.key,
        "price": str(one.price),
        "list_price": str(one.list_price) if one.list_price is not None else None,
        "changed_at": one.changed_at.isoformat(),
    }
