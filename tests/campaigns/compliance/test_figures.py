"""Numbers: read with their kind from both languages, and blocked where no fact holds them."""

from __future__ import annotations

import pytest

from campaigns import compliance
from campaigns.compliance.figures import figures

FACTS = {
    "product": "Trail Bottle 500",
    "price": "$49.90",
    "discount": "20%",
    "code": "WATER20",
    "deadline": "30 September",
}
CHINESE = {"product": "保温杯", "price": "129元", "discount": "8折", "deadline": "9月30日"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("20% off", [("percent", "20")]),
        ("20 per cent off", [("percent", "20")]),
        ("twenty percent off", [("percent", "20")]),
        ("half price", [("percent", "50")]),
        ("$1,299.50 today", [("money", "USD 1299.5")]),
        ("49 dollars", [("money", "USD 49")]),
        ("€ 5", [("money", "EUR 5")]),
        ("CHF 5", [("money", "CHF 5")]),
        ("until 30 September", [("date", "9-30")]),
        ("until September 30th", [("date", "9-30")]),
        ("until the 3rd of May", [("date", "5-3")]),
        ("on 2026-09-30", [("date", "9-30")]),
        ("you may go", []),
        ("8折", [("percent", "20")]),
        ("八折", [("percent", "20")]),
        ("七五折", [("percent", "25")]),
        ("7.5折", [("percent", "25")]),
        ("75折", [("percent", "25")]),
        ("百分之二十", [("percent", "20")]),
        ("半价", [("percent", "50")]),
        ("三折叠屏", []),
        ("百折不挠", []),
        ("49.9元", [("money", "CNY 49.9")]),
        ("￥４９", [("money", "CNY 49")]),
        ("三百元", [("money", "CNY 300")]),
        ("一千二百美元", [("money", "USD 1200")]),
        ("一元复始", []),
        ("9月30日", [("date", "9-30")]),
        ("500ml", [("plain", "500")]),
        ("a two-year plan", [("plain", "2")]),
        ("五倍快乐", [("plain", "5")]),
        ("A4 and X-100", [("token", "a4"), ("token", "x100")]),
        ("one of a kind, for one and all", []),
        ("一天的开始", []),
        ("", []),
    ],
)
def test_figures_are_read_with_their_kind(text: str, found: list[tuple[str, str]]) -> None:
    assert [(one.kind, one.value) for one in figures(text)] == found


def unsupported(body: str, facts: dict[str, str] = FACTS, supported: tuple[str, ...] = ()) -> list[str]:
    """What the rule names in a body."""
    language = "zh" if facts is CHINESE else "en"
    context = compliance.CheckContext("product_page", language, facts, supported=supported, offer_kind="percent")
    written = {"headline": "{product}", "body": body, "call_to_action": "Go" if language == "en" else "去看看"}
    found = compliance.check(compliance.CopyParts.of(written, facts), context)
    assert all(one.severity == "block" for one in found if one.rule == "figures.unsupported")
    return [one.excerpt for one in found if one.rule == "figures.unsupported"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{discount} off, now {price}, until {deadline}", []),
        ("20% off, now $49.90, until September 30", []),
        ("Use WATER20", []),
        ("Trail Bottle 500 keeps 500 ml cold", []),
        ("30% off", ["30%"]),
        ("20 hours cold", ["20"]),
        ("Only $49", ["$49"]),
        ("Only €49.90", ["€49.90"]),
        ("Until 1 October", ["1 October"]),
        ("Now half price", ["half price"]),
        ("{price}5", ["$49.905"]),
        ("1{discount} off", ["120%"]),
        ("24/7 help", ["24", "7"]),
        ("Use WATER30", ["WATER30"]),
        ("A two-year plan", ["two-year"]),
    ],
)
def test_english(body: str, named: list[str]) -> None:
    assert unsupported(body) == named


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{discount}入手，{price}，{deadline}截止", []),
        ("八折入手，129元，9月30日截止", []),
        ("第一次见面，一天好心情", []),
        ("七折入手", ["七折"]),
        ("仅需99元", ["99元"]),
        ("10月1日截止", ["10月1日"]),
        ("保温24小时", ["24"]),
        ("五倍保温", ["五倍"]),
    ],
)
def test_chinese(body: str, named: list[str]) -> None:
    assert unsupported(body, CHINESE) == named


def test_the_shops_own_text_supports_a_figure() -> None:
    assert unsupported("Keeps tea hot for 12 hours", supported=("Hot for 12 hours, cold for 24.",)) == []
    assert unsupported("Keeps tea hot for 12 days at 12%", supported=("Hot for 12 hours.",)) == ["12%"]
