"""Shopify's exports: the CSV of the back office and products.json. Each variant becomes a record of its own.

Peculiar: only the first row of a product says its title, text and image; the rows below it inherit them. Rows that only
add a picture are none. A variant without a SKU gets one from the handle and its options, the same at each export.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from campaigns.feeds.records import Record, text_of

SHARED = ("Title", "Body (HTML)", "Vendor", "Type", "Product Category", "Published", "Status", "Image Src",
          "Option1 Name", "Option2 Name", "Option3 Name")  # fmt: skip
OPTIONS = ("Option1", "Option2", "Option3")
_DEFAULT = "default title"
_HIDDEN = frozenset({"draft", "archived"})  # of "Status"; the older column "Published" may still say true
_NOT_WORD = re.compile(r"[^\w]+")


def is_table(columns: Iterable[str]) -> bool:
    """Whether a heading is that of Shopify's CSV."""
    return {"Handle", "Title", "Variant Price"} <= set(columns)


def table_records(rows: Iterator[Record]) -> Iterator[Record]:
    """The variants of a CSV."""
    handle, shared = "", dict[str, str]()
    for row in rows:
        if row.broken:
            yield row
            continue
        if row.values.get("Handle", "") != handle or row.values.get("Title"):
            handle = row.values.get("Handle", "")
            shared = {name: row.values.get(name, "") for name in SHARED}
        if _is_variant(row.values):
            own = {name: value for name, value in row.values.items() if value}
            yield Record(row.row, _finished({**row.values, **shared, **own}))


def _is_variant(values: Mapping[str, str]) -> bool:
    return any(values.get(name) for name in ("Variant Price", "Variant SKU", "Option1 Value", "Title"))


def json_records(entries: Iterable[Any]) -> Iterator[Record]:
    """The variants of products.json, under the names of the CSV."""
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, Mapping):
            yield Record(number, {}, "row_no_object")
            continue
        shared = _of_product(entry)
        variants = entry.get("variants")
        for variant in variants if isinstance(variants, list) else []:
            if isinstance(variant, Mapping):
                yield Record(number, _finished(shared | _of_variant(variant)))
            else:
                yield Record(number, {}, "row_no_object")


def _of_product(entry: Mapping[str, Any]) -> dict[str, str]:
    options = [one for one in _list(entry, "options") if isinstance(one, Mapping)]
    images = [one for one in _list(entry, "images") if isinstance(one, Mapping)]
    values = {
        "Handle": text_of(entry.get("handle")) or text_of(entry.get("id")),
        "Title": text_of(entry.get("title")),
        "Body (HTML)": text_of(entry.get("body_html")),
        "Vendor": text_of(entry.get("vendor")),
        "Type": text_of(entry.get("product_type")),
        "Status": text_of(entry.get("status")),
        "Image Src": text_of(images[0].get("src")) if images else "",
    }
    names = {f"{slot} Name": text_of(option.get("name")) for slot, option in zip(OPTIONS, options, strict=False)}
    return values | names


def _of_variant(variant: Mapping[str, Any]) -> dict[str, str]:
    values = {
        "Variant SKU": text_of(variant.get("sku")),
        "Variant Price": text_of(variant.get("price")),
        "Variant Compare At Price": text_of(variant.get("compare_at_price")),
        "Variant Barcode": text_of(variant.get("barcode")),
        "Variant Inventory Qty": text_of(variant.get("inventory_quantity")),
        "Available": text_of(variant.get("available")),
    }
    return values | {f"{slot} Value": text_of(variant.get(slot.lower())) for slot in OPTIONS}


def _list(entry: Mapping[str, Any], name: str) -> list[Any]:
    found = entry.get(name)
    return found if isinstance(found, list) else []


def _finished(values: dict[str, str]) -> dict[str, str]:
    """With a SKU, and each option under its own name."""
    chosen = [(values.get(f"{slot} Name", ""), values.get(f"{slot} Value", "")) for slot in OPTIONS]
    options = {name: value for name, value in chosen if name and value and value.lower() != _DEFAULT}
    plain = {name: value for name, value in values.items() if not name.startswith("Option")}
    if plain.get("Status", "").strip().lower() in _HIDDEN:
        plain["Published"] = "false"
    if not plain.get("Variant SKU", "").strip(" '"):
        plain["Variant SKU"] = _made_sku(plain.get("Handle", ""), [value for _name, value in chosen])
    return plain | {f"Option: {name}": value for name, value in options.items()}


def _made_sku(handle: str, values: list[str]) -> str:
    parts = [handle, *(value for value in values if value and value.lower() != _DEFAULT)]
    return "-".join(word for part in parts if (word := _NOT_WORD.sub("-", part.lower()).strip("-")))
