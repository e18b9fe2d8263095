"""Feeds: each format gives the same products, prices are read or refused, no bytes can break a reader."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.facts import money
from campaigns.feeds import mapping, prices, source, texts
from campaigns.feeds.errors import FeedError, ValueProblem
from campaigns.feeds.records import Record
from campaigns.feeds.rows import Defaults, Row, read

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DEFAULTS = Defaults("en", "USD", NOW)
REAL = Path(__file__).parents[4] / "shared" / "data" / "shopify_products"


def rows_of(path: Path, data: bytes | str) -> list[Row]:
    """The rows of a file of these bytes, by the guessed mapping."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    look = source.look(path)
    guessed = mapping.guess(look.columns)
    return [read(record, guessed, DEFAULTS) for record in source.records(path, look.format, look.encoding)]


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("19,99 EUR", "19.99", "EUR"),
        ("USD 5", "5.00", "USD"),
        ("¥128", "128.00", "CNY"),
        ("1.299,00 €", "1299.00", "EUR"),
        ("1,299.00", "1299.00", "USD"),
        ("1,299", "1299.00", "USD"),
        ("1'299.50 CHF", "1299.50", "CHF"),
        ("1 299,50 zł", "1299.50", "PLN"),
        ("HK$ 88", "88.00", "HKD"),
        ("128元", "128.00", "CNY"),
        ("19.9900", "19.99", "USD"),
        ("1,234,567.5", "1234567.50", "USD"),
        ("19.999,5", "19999.50", "USD"),
        ("0", "0.00", "USD"),
    ],
)
def test_a_price_is_read_as_shops_write_it(text: str, amount: str, currency: str) -> None:
    assert prices.read(text, "USD") == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        ("free", "price_unreadable"),
        ("-5", "price_negative"),
        ("1.299", "price_ambiguous"),
        ("5 - 9", "price_unreadable"),
        ("5 QQQ", "currency_unknown"),
        ("1.2345", "price_decimals"),
        ("99999999999", "price_large"),
    ],
)
def test_a_price_that_could_be_two_things_is_refused(text: str, code: str) -> None:
    with pytest.raises(ValueProblem) as refused:
        prices.read(text, "USD")
    assert refused.value.code == code


CODES = st.sampled_from(["USD", "EUR", "GBP", "CNY", "CHF", "HKD"])


@given(st.integers(0, 999_999_999), CODES, st.sampled_from(["en", "zh"]))
def test_money_as_we_write_it_is_read_back(cents: int, currency: str, language: str) -> None:
    amount = Decimal(cents) / 100
    assert prices.read(money(amount, currency, language), "USD") == (amount, currency)


@given(st.text(max_size=60))
def test_any_text_is_a_price_or_a_problem(text: str) -> None:
    with suppress(ValueProblem):
        assert 0 <= prices.read(text, "USD").amount <= prices.LARGEST


def test_a_title_loses_what_cannot_be_seen_and_keeps_emoji() -> None:
    family = "\U0001f468\u200d\U0001f469"
    dirty = f"Tote\u200b \u202ebag\u202c &amp; <b>more</b> {family}\ud800\x00"
    assert texts.title(dirty) == f"Tote bag & more {family}"
    assert texts.without_markup("<p>One</p><script>alert(1)</script><ul><li>Two &lt;3</li></ul>") == "One\n\nTwo <3"


@given(st.text(max_size=300))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = texts.plain(text)
    assert texts.plain(once) == once
    once.encode()


CSV = "id;title;description;price;availability;color\nA-1;Mug;<b>Blue</b> mug;9,50 EUR;in stock;blue\n"
MERCHANT = """<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>A-1</g:id><title>Mug</title><description>&lt;b&gt;Blue&lt;/b&gt; mug</description>
<g:price>9.50 EUR</g:price>
<g:availability>in_stock</g:availability><g:color>blue</g:color></item></channel></rss>"""
ENTRY = {"sku": "A-1", "name": "Mug", "description": "<b>Blue</b> mug", "price": "9.50 EUR", "available": True,
         "color": "blue"}  # fmt: skip
ATOM = MERCHANT.replace("item>", "entry>").replace("rss", "feed")
FILES = {
    "csv": CSV,
    "merchant_tsv": CSV.replace(";", "\t"),
    "merchant_xml": MERCHANT,
    "json": json.dumps([ENTRY], indent=1),
    "jsonl": json.dumps(ENTRY) + "\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_each_format_gives_the_same_product(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "feed"
    [row] = rows_of(path, FILES[kind])
    assert source.look(path).format == kind
    assert (row.sku, row.available, row.attributes, row.problems) == ("A-1", True, {"colour": "blue"}, [])
    assert row.values == {
        "name_en": "Mug", "description_en": "Blue mug", "price": Decimal("9.50"), "currency": "EUR",
    }  # fmt: skip


def test_atom_and_a_list_under_products_are_read_too(tmp_path: Path) -> None:
    for text in (ATOM, json.dumps({"page": {"products": 1}, "products": [ENTRY, ENTRY]})):
        assert {row.sku for row in rows_of(tmp_path / "feed", text)} == {"A-1"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030"])
def test_each_encoding_is_found(encoding: str, tmp_path: Path) -> None:
    text = "商品编号,商品名称,价格,颜色\nA-1,帆布包,¥128,蓝\n" + "A-2,Bag,9,red\n" * 200
    row = rows_of(tmp_path / "feed", text.encode(encoding))[0]
    assert (row.sku, row.values["name_en"], row.values["currency"]) == ("A-1", "帆布包", "CNY")


def test_shopify_variants_share_a_title_and_have_their_own_sku(tmp_path: Path) -> None:
    product = {
        "handle": "classic-tee", "title": "Classic Tee", "body_html": "<p>Soft</p>", "vendor": "Lumen",
        "product_type": "Tops",
        "options": [{"name": "Size"}, {"name": "Color"}], "images": [{"src": "https://shop.test/tee.jpg"}],
        "variants": [
            {"sku": "TEE-S", "option1": "S", "option2": "Red", "price": "20.00", "compare_at_price": "25.00"},
            {"sku": None, "option1": "M", "option2": "Red", "price": "20.00", "compare_at_price": None},
        ],
    }  # fmt: skip
    first, second = rows_of(tmp_path / "feed", json.dumps({"products": [product]}))
    assert (first.sku, second.sku) == ("TEE-S", "classic-tee-m-red")
    assert first.attributes == {"brand": "Lumen", "size": "S", "colour": "Red"}
    assert (first.values["list_price"], second.values["list_price"]) == (Decimal("25.00"), None)
    assert first.values["name_en"] == second.values["name_en"] == "Classic Tee"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real exports are not on this machine")
@pytest.mark.parametrize("name", ["apparel.csv", "home-and-garden.csv", "jewelery.csv"])
def test_real_shopify_exports_are_read_without_a_failed_row(name: str, tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "feed", (REAL / name).read_bytes())
    assert [problem for row in rows for problem in row.problems if not problem.warning] == []
    assert len({row.sku for row in rows}) == len(rows) >= 20


def test_a_sale_price_counts_only_within_its_dates() -> None:
    values = {"id": "A", "title": "Mug", "price": "10 USD", "sale_price": "8 USD"}
    columns = mapping.guess([*values, "sale_price_effective_date"])
    for dates, price in (("2026-04-01/2026-06-01", "8.00"), ("2026-01-01T00:00+0100/2026-02-01T00:00+0100", "10.00")):
        row = read(Record(2, {**values, "sale_price_effective_date": dates}), columns, DEFAULTS)
        assert (row.values["price"], row.problems) == (Decimal(price), [])


def test_a_long_title_is_cut_with_a_warning_and_a_long_sku_fails() -> None:
    columns = mapping.guess(["sku", "name", "price"])
    row = read(Record(2, {"sku": "A", "name": "x" * 200, "price": "1"}), columns, DEFAULTS)
    assert (len(row.values["name_en"]), row.usable, row.problems[0].code) == (120, True, "text_cut")
    row = read(Record(2, {"sku": "A" * 61, "name": "x", "price": "1"}), columns, DEFAULTS)
    assert (row.usable, row.problems[0].code) == (False, "sku_long")


def test_entities_and_document_types_in_xml_are_refused(tmp_path: Path) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "boom">]><rss><item><id>&b;</id></item></rss>'
    with pytest.raises(FeedError) as refused:
        rows_of(tmp_path / "feed", bomb)
    assert refused.value.code == "xml_forbidden"


HEADS = [b"", b"[", b'{"products": [', b"<rss><item>", b"id,title,price\n", b"Handle,Title,Variant Price\n", b"{"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(HEADS), st.binary(max_size=400))
def test_no_bytes_break_a_reader(tmp_path: Path, head: bytes, rest: bytes) -> None:
    with suppress(FeedError):
        for row in rows_of(tmp_path / "feed", head + rest):
            # Whoever reads the report of a row that was left out finds a reason.
            assert row.usable or row.problems
            json.dumps([problem.to_dict() for problem in row.problems], ensure_ascii=False).encode()
            "".join(str(value) for value in row.values.values()).encode()


@pytest.mark.parametrize(("status", "on_sale"), [("active", True), ("draft", False), ("archived", False)])
def test_a_shopify_draft_is_not_on_sale_whatever_published_says(status: str, on_sale: bool, tmp_path: Path) -> None:
    text = f"Handle,Title,Variant Price,Published,Status\nmug,Mug,9,true,{status}\n"
    [row] = rows_of(tmp_path / "feed", text)
    assert row.values["is_active"] is on_sale
