"""Sentences for what a feed's rows come to, in the reader's language: problems are kept as codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise

from campaigns.feeds.errors import FeedError
from core import errors

FIELD_NAMES: dict[str, StrPromise] = {
    "sku": _("SKU"),
    "name": _("name"),
    "name_en": _("name in English"),
    "name_zh": _("name in Chinese"),
    "description": _("description"),
    "description_en": _("description in English"),
    "description_zh": _("description in Chinese"),
    "category": _("category"),
    "price": _("price"),
    "sale_price": _("sale price"),
    "sale_dates": _("dates of the sale price"),
    "list_price": _("list price"),
    "currency": _("currency"),
    "availability": _("availability"),
    "stock": _("in stock"),
    "image_url": _("image"),
    "url": _("page in the shop"),
    "is_active": _("on sale"),
    "material": _("material"),
    "colour": _("colour"),
    "size": _("size"),
    "feature": _("feature"),
    "brand": _("maker"),
    "gtin": _("GTIN"),
    "attribute": _("an attribute of this name"),
}
FORMAT_NAMES: dict[str, StrPromise] = {
    "csv": _("CSV table"),
    "json": _("JSON list"),
    "jsonl": _("JSON lines"),
    "shopify_csv": _("Shopify CSV export"),
    "shopify_json": _("Shopify products.json"),
    "merchant_xml": _("Google Merchant feed (XML)"),
    "merchant_tsv": _("Google Merchant feed (TSV)"),
}
SENTENCES: dict[str, StrPromise] = {
    "missing": _("There is no value."),
    "row_broken": _("The row cannot be read."),
    "row_cells": _("The row has more cells than the heading."),
    "row_no_object": _("The entry is not an object."),
    "sku_long": _("A SKU has at most 60 characters."),
    "field_unknown": _("There is no such field of a product."),
    "sku_twice": _("The SKU stands in the file a second time; the first row counts."),
    "sku_taken": _("The SKU belongs to a product of another brand."),
    "text_cut": _("The text was too long and has been cut."),
    "price_unreadable": _("This is no price. Write it like 19.99 or 19,99 EUR."),
    "price_negative": _("A price cannot be below zero."),
    "price_ambiguous": _("This can be thousands or decimals. Write 1299.00 or 1.30."),
    "price_decimals": _("A price has at most two decimals."),
    "price_large": _("The price is too large."),
    "currency_unknown": _("The currency is not known. Write three letters, such as USD."),
    "currency_other": _("The currency differs from that of the price."),
    "dates_unreadable": _("The dates cannot be read. Write begin/end, such as 2026-05-01/2026-05-31."),
    "number_unreadable": _("This is no whole number; the stock was left as it is."),
    "word_unknown": _("The word is not known; it was left out."),
    "url_long": _("The address has more than 500 characters; it was left out."),
    "url_unusable": _("This is no web address; it was left out."),
    "gtin_unusual": _("A GTIN has 8, 12, 13 or 14 digits; it was kept as it is."),
}
FILE_SENTENCES: dict[str, StrPromise] = {
    "empty": _("The file is empty."),
    "no_rows": _("The file has no product in it."),
    "encoding": _("The letters of the file cannot be read. Save it as UTF-8."),
    "headings": _("The first line must name the columns, at most 300 of them."),
    "json_broken": _("The JSON is broken or breaks off."),
    "json_products": _("The JSON has no list of products: it must be a list, or have one under “products”."),
    "entry_large": _("An entry of the file is too large."),
    "xml_broken": _("The XML is broken or breaks off."),
    "xml_forbidden": _("The XML declares entities or a document type, which is not allowed."),
    "field_unknown": _("There is no such field of a product."),
    "field_twice": _("Two columns are the same field."),
    "needs_sku": _("One column must be the SKU."),
    "needs_price": _("One column must be the price."),
    "needs_name": _("One column must be the name."),
}


def sentence(problem: Mapping[str, Any]) -> str:
    """What is wrong with a row, in a sentence."""
    code = str(problem.get("code", ""))
    return str(SENTENCES.get(code) or problem.get("message") or code)


def field_name(name: str) -> str:
    """A field as a person calls it."""
    return str(FIELD_NAMES.get(name, name))


def told(problem: Mapping[str, Any]) -> dict[str, Any]:
    """A problem with its words, for a page or a file."""
    return {**problem, "field_name": field_name(str(problem.get("field", ""))), "sentence": sentence(problem)}


def refusal(problem: FeedError, field: str = "file") -> errors.InvalidInput:
    """The error for a file as a whole."""
    words = str(FILE_SENTENCES.get(problem.code, problem.code))
    if problem.code == "field_twice":
        words = f"{words} ({field_name(problem.given)})"
    return errors.InvalidInput.field(field, words, code=problem.code)
