"""What a record comes to: the values of a product, and each thing wrong with it by row, field and code.

Peculiar: only what the record says is in `values`, so an empty cell leaves what the catalogue has; but where a feed has
a column for reduced prices, an empty one ends the reduction. A text that is too long is cut with a warning; a wrong
SKU or price leaves the row out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from campaigns.feeds import mapping as maps
from campaigns.feeds import prices, texts
from campaigns.feeds.errors import Problem, ValueProblem
from campaigns.feeds.records import Record

LIMITS = {"sku": 60, "name": 120, "description": 4000, "category": 60, "attribute": 200, "url": 500}
MOST_ATTRIBUTES = 20
MOST_STOCK = 2_147_483_647
_IN = frozenset({
    "in_stock", "instock", "available", "true", "yes", "1", "limited_availability", "limited", "有货", "现货", "是",
})  # fmt: skip
_OUT = frozenset({
    "out_of_stock", "outofstock", "unavailable", "false", "no", "0", "preorder", "pre_order", "backorder",
    "discontinued", "sold_out", "缺货", "无货", "售罄", "预售", "否",
})  # fmt: skip
_ON = frozenset({
    "true", "yes", "1", "active", "published", "on", "是", "上架", "y",
})  # fmt: skip
_OFF = frozenset({
    "false", "no", "0", "draft", "archived", "unpublished", "inactive", "off", "否", "下架", "n",
})  # fmt: skip
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the feed does not say: its language, its currency, and the time at which sale dates are judged."""

    language: str
    currency: str
    now: datetime


@dataclass(slots=True)
class Row:
    """A row read. `available` is what the feed says where it gives no number in stock."""

    row: int
    sku: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    available: bool | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether it can be stored."""
        return all(problem.warning for problem in self.problems)

    def note(self, name: str, code: str, given: str = "", *, warning: bool = False) -> None:
        """One more thing wrong."""
        given = "".join(one for one in given[:80] if one.isprintable() and not "\ud800" <= one <= "\udfff")
        self.problems.append(Problem(self.row, self.sku, name, code, given, warning))


def read(record: Record, mapping: Mapping[str, str], defaults: Defaults) -> Row:
    """The row a record comes to. Never raises for what a record holds."""
    row = Row(record.row)
    if record.broken:
        row.note("", record.broken)
        return row
    cells = {place: record.values.get(column, "").strip() for column, place in mapping.items() if place}
    _sku(row, cells.get("sku", ""))
    _names(row, cells, defaults.language)
    _prices(row, cells, defaults)
    _stock(row, cells)
    _category(row, cells.get("category", ""))
    for name in ("image_url", "url"):
        _address(row, name, cells.get(name, ""))
    _attributes(row, record, mapping)
    return row


def _sku(row: Row, text: str) -> None:
    sku = texts.plain(text).strip("'")
    row.sku = sku[: LIMITS["sku"]]
    if not sku:
        row.note("sku", "missing")
    elif len(sku) > LIMITS["sku"]:
        row.note("sku", "sku_long", sku)


def _names(row: Row, cells: Mapping[str, str], language: str) -> None:
    for name, clean in (("name", texts.title), ("description", texts.without_markup)):
        given = {f"{name}_{language}": cells.get(name, "")}
        given |= {f"{name}_{code}": cells[f"{name}_{code}"] for code in ("en", "zh") if cells.get(f"{name}_{code}")}
        for key, text in given.items():
            _text(row, key, clean(text), LIMITS[name])
    if not any(row.values.get(f"name_{code}") for code in ("en", "zh")):
        row.note("name", "missing")


def _text(row: Row, name: str, text: str, most: int) -> None:
    kept, shortened = texts.cut(text, most)
    if kept:
        row.values[name] = kept
    if shortened:
        row.note(name, "text_cut", kept[:60], warning=True)


def _prices(row: Row, cells: Mapping[str, str], defaults: Defaults) -> None:
    try:
        currency = _currency(cells.get("currency", ""), defaults.currency)
        price = prices.read(cells.get("price", ""), currency)
    except ValueProblem as problem:
        row.note("price", problem.code, problem.given)
        return
    row.values |= {"price": price.amount, "currency": price.currency}
    if {"sale_price", "list_price"} & set(cells):
        row.values["list_price"] = None
    if _sale_holds(row, cells, defaults) and (sale := _beside(row, "sale_price", cells, price)):
        if sale.amount < price.amount:
            row.values |= {"price": sale.amount, "list_price": price.amount}
    elif (before := _beside(row, "list_price", cells, price)) and before.amount > price.amount:
        row.values["list_price"] = before.amount


def _currency(text: str, usual: str) -> str:
    code = text.strip().upper()
    if code and code not in prices.CURRENCIES:
        raise ValueProblem("currency_unknown", text)
    return code or usual


def _beside(row: Row, name: str, cells: Mapping[str, str], price: prices.Price) -> prices.Price | None:
    """A second price of the same currency."""
    if not cells.get(name):
        return None
    try:
        found = prices.read(cells[name], price.currency)
    except ValueProblem as problem:
        row.note(name, problem.code, problem.given)
        return None
    if found.currency != price.currency:
        row.note(name, "currency_other", cells[name])
        return None
    return found


def _sale_holds(row: Row, cells: Mapping[str, str], defaults: Defaults) -> bool:
    """Whether a sale price is in force: always, where it has no dates."""
    if not cells.get("sale_price"):
        return False
    if not cells.get("sale_dates"):
        return True
    try:
        begin, end = (_moment(part, defaults.now) for part in cells["sale_dates"].split("/"))
    except (ValueError, OverflowError):
        row.note("sale_dates", "dates_unreadable", cells["sale_dates"])
        return False
    return begin <= defaults.now <= end


def _moment(text: str, now: datetime) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)


def _stock(row: Row, cells: Mapping[str, str]) -> None:
    if text := cells.get("stock", ""):
        digits = re.fullmatch(r"(-?[0-9]{1,12})(?:\.0+)?", text)
        if digits:
            row.values["stock"] = min(MOST_STOCK, max(0, int(digits[1])))
        else:
            row.note("stock", "number_unreadable", text, warning=True)
    row.available = _chosen(row, "availability", cells, _IN, _OUT)
    active = _chosen(row, "is_active", cells, _ON, _OFF)
    if active is not None:
        row.values["is_active"] = active


def _chosen(row: Row, name: str, cells: Mapping[str, str], yes: frozenset[str], no: frozenset[str]) -> bool | None:
    text = cells.get(name, "")
    word = re.sub(r"[\s_-]+", "_", text.rpartition("schema.org/")[2].lower())
    if not word or word in yes | no:
        return word in yes if word else None
    row.note(name, "word_unknown", text, warning=True)
    return None


def _category(row: Row, text: str) -> None:
    """Of a path, `Home > Kitchen > Mugs`, the last part."""
    last = re.split(r"\s*[>›»]\s*", texts.title(text.replace("&gt;", ">")).strip(" >"))[-1]
    _text(row, "category", last, LIMITS["category"])


def _address(row: Row, name: str, text: str) -> None:
    if not text:
        return
    address = texts.plain(text)
    if len(address) > LIMITS["url"]:
        row.note(name, "url_long", address, warning=True)
    elif _is_web(address):
        row.values[name] = address
    else:
        row.note(name, "url_unusable", address, warning=True)


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and " " not in address
    except ValueError:
        return False


def _attributes(row: Row, record: Record, mapping: Mapping[str, str]) -> None:
    for column, place in mapping.items():
        if place not in maps.ATTRIBUTES and place != maps.ATTRIBUTE:
            continue
        name = place if place != maps.ATTRIBUTE else texts.plain(column.removeprefix("Option:")).lower()[:30]
        value = texts.title(record.values.get(column, ""))
        if value and name and len(row.attributes) < MOST_ATTRIBUTES:
            row.attributes[name] = _attribute(row, name, value)


def _attribute(row: Row, name: str, value: str) -> str:
    if name == "gtin" and not _GTIN.fullmatch(value := value.strip("'").replace(" ", "")):
        row.note(name, "gtin_unusual", value, warning=True)
    kept, shortened = texts.cut(value, LIMITS["attribute"])
    if shortened:
        row.note(name, "text_cut", kept[:60], warning=True)
    return kept
