"""The fact check as rules of the review: figures under their old rule, the rest under facts.*, nothing said twice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from campaigns import compliance
from campaigns.compliance.facts import rule_of
from models_ml.fact_check import KINDS, PricePoint

FACTS = {
    "product": "Trail Bottle 500",
    "price": "$49.90",
    "discount": "20%",
    "code": "WATER20",
    "deadline": "30 September",
}
CHINESE = {"product": "保温杯", "price": "129元", "discount": "8折", "deadline": "9月30日"}


def found(body: str, facts: dict[str, str] = FACTS, **fields: object) -> list[tuple[str, str]]:
    """(rule, excerpt) of what the fact check says of a body; all of it blocks."""
    language = "zh" if facts is CHINESE else "en"
    values = {"offer_kind": "percent", **fields}
    context = compliance.CheckContext("product_page", language, facts, **values)  # type: ignore[arg-type]
    written = {"headline": "{product}", "body": body, "call_to_action": "Go" if language == "en" else "去看看"}
    findings = compliance.check(compliance.CopyParts.of(written, facts), context)
    own = [one for one in findings if one.rule == "figures.unsupported" or one.rule.startswith("facts.")]
    assert all((one.severity, one.part) == ("block", "body") for one in own)
    assert all(body or one.excerpt for one in own)
    return [(one.rule, one.excerpt) for one in own]


def figures(body: str, facts: dict[str, str] = FACTS, supported: tuple[str, ...] = ()) -> list[str]:
    """What the rule about figures names in a body."""
    return [excerpt for rule, excerpt in found(body, facts, supported=supported) if rule == "figures.unsupported"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{discount} off, now {price}, until {deadline}", []),
        ("20% off, now $49.90, until September 30", []),
        ("Use WATER20", []),
        ("Trail Bottle 500 keeps 500 ml cold", []),
        ("30% off", ["30%"]),
        ("20 hours cold", ["20 hours"]),
        ("Only $49", ["$49"]),
        ("Only €49.90", ["€49.90"]),
        ("Until 1 October", ["1 October"]),
        ("Now half price", ["half price"]),
        ("{price}5", ["$49.905"]),
        ("1{discount} off", ["120%"]),
        ("24/7 help", ["24/7"]),
        ("Use WATER30", ["WATER30"]),
        ("A two-year plan", ["two-year"]),
    ],
)
def test_english(body: str, named: list[str]) -> None:
    assert figures(body) == named


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{discount}入手，{price}，{deadline}截止", []),
        ("八折入手，129元，9月30日截止", []),
        ("第一次见面，一天好心情", []),
        ("七折入手", ["七折"]),
        ("仅需99元", ["99元"]),
        ("10月1日截止", ["10月1日"]),
        ("保温24小时", ["24小时"]),
        ("五倍保温", ["五倍"]),
    ],
)
def test_chinese(body: str, named: list[str]) -> None:
    assert figures(body, CHINESE) == named


def test_the_shops_own_text_supports_a_figure() -> None:
    assert figures("Keeps tea hot for 12 hours", supported=("Hot for 12 hours, cold for 24.",)) == []
    assert figures("Keeps tea hot for 12 hours at 12%", supported=("Hot for 12 hours.",)) == ["12%"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("Made of titanium", [("facts.material", "titanium")]),
        ("In sage green", [("facts.colour", "sage green")]),
        ("Made by Hydrotek", [("facts.brand", "Hydrotek")]),
        ("Save {price} today", [("facts.role", "$49.90")]),
        ("Was $80, now {price}", [("facts.price_history", "$80")]),
        ("Nothing beats it", [("facts.superlative", "Nothing beats")]),
        ("It never fades", []),
        ("The best bottle", []),
        ("Money-back if you frown", []),
    ],
)
def test_words_and_roles_without_what_a_word_list_has_said(body: str, named: list[tuple[str, str]]) -> None:
    assert found(body) == named


def test_the_price_history_and_the_day_count() -> None:
    history = (PricePoint(date(2026, 8, 1), Decimal(80)), PricePoint(date(2026, 9, 1), Decimal("49.90")))
    assert found("Was $80, now {price}", price_history=history, today=date(2026, 9, 24)) == []
    assert found("Ends Wednesday", today=date(2026, 9, 24)) == []
    assert found("Ends Thursday", today=date(2026, 9, 24)) == [("figures.unsupported", "Ends Thursday")]
    assert found("Ends Thursday") == [("figures.unsupported", "Ends Thursday")]


def test_a_text_that_is_not_this_filling_is_read_where_the_facts_stand() -> None:
    parts = compliance.CopyParts({"body": "other"}, {"headline": "", "body": "Save $49.90", "call_to_action": ""})
    context = compliance.CheckContext("push", "en", FACTS, offer_kind="percent")
    rules = [(one.rule, one.excerpt) for one in compliance.check(parts, context) if one.rule.startswith("facts.")]
    assert rules == [("facts.role", "$49.90")]


def test_every_kind_has_its_rule() -> None:
    rules = {kind: rule_of(kind) for kind in KINDS}
    assert {kind for kind, rule in rules.items() if rule == "figures.unsupported"} == {
        "number", "price", "percent", "date", "duration", "quantity", "code",
    }  # fmt: skip
    assert rules["material"] == "facts.material"
