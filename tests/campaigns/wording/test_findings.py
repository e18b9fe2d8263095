"""Findings in the reader's language: every sentence of every rule, with its values, from a row in English only."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from campaigns import compliance
from campaigns.compliance.library import packs, rules_by_id
from campaigns.wording.findings import localised
from models_ml.fact_check import PricePoint
from tests.campaigns.compliance.checking import findings

TODAY = date(2026, 11, 25)


def in_chinese(body: str, *places: str, **fields: object) -> dict[str, tuple[str, str]]:
    """{rule: (message, remedy)} as a Chinese reader sees them."""
    found = findings(body, *places, **fields)  # type: ignore[arg-type]
    said = {one.rule: localised(one, "zh") for one in found}
    return {rule: (one.message, one.remedy) for rule, one in said.items()}


def test_values_are_found_again_in_the_stored_sentence() -> None:
    assert in_chinese("The best cup")["words.absolute"] == (
        "没有任何依据能证明“best”这样的排名说法。",
        "写出它好在哪里，不要排名次。",
    )


def test_names_of_parts_and_kinds_are_translated_too() -> None:
    found = in_chinese("", channel="push", headline="x" * 60)
    assert found["form.missing"] == ("正文：还没有内容。", "请填写这一部分。")
    assert found["form.too_long"][0] == "标题：宽 60 列（一个汉字占两列），上限为 50。"
    assert in_chinese("12 hours warm")["figures.unsupported"][0] == "“12 hours”这一时长在商品、优惠和简报中都没有依据。"


def test_a_law_is_cited_in_the_readers_language() -> None:
    (found,) = findings("An eco-friendly choice", "EU")
    said = localised(found, "zh")
    assert said.article == "第 (EU) 2024/825 号指令（修订第 2005/29/EC 号指令）附件一第 4a 点"
    assert said.why.startswith("除非能证明")
    assert localised(found, "en") == (found.message, found.why, found.remedy, found.article)


def test_a_price_is_kept_in_the_sentence() -> None:
    facts = {"product": "Cup", "price": "$50", "discount": "20%"}
    prices = (
        PricePoint(TODAY - timedelta(days=60), Decimal(40)),
        PricePoint(TODAY - timedelta(days=10), Decimal(50)),
    )
    found = in_chinese("{discount} off", "EU", facts=facts, offer_kind="percent", today=TODAY, price_history=prices)
    assert found["eu.prior_price"] == (
        "“20%”没有以前 30 天内最低价 $40 为基准计算。",
        "请以 $40 为基准计算降价，或删去。",
    )


@pytest.mark.parametrize(
    "body",
    ["Made of titanium", "In sage green", "Made by Hydrotek", "Was $80", "A cup at $3", "Nothing beats it", "50% off",
     "Free delivery", "Rated 4.8 by 1,200 people", "Lowest price in 30 days", "A 10-year warranty", "{colour} {"],
)  # fmt: skip
def test_no_finding_stays_in_english_for_a_chinese_reader(body: str) -> None:
    found = findings(body)
    assert found
    for one in found:
        said = localised(one, "zh")
        assert said.message != one.message, one.message
        assert said.why != one.why
        assert not one.remedy or said.remedy != one.remedy, one.remedy


def test_a_rule_that_is_gone_and_a_sentence_of_nobody_stay_as_they_were_stored() -> None:
    gone = compliance.Finding("words.gone", "block", "body", "An old sentence.", "Change it.")
    assert localised(gone, "zh")[0] == "An old sentence."
    other = compliance.Finding("words.absolute", "block", "body", "An old sentence.", "Change it.")
    assert localised(other, "zh")[0] == "An old sentence."


def test_every_sentence_is_chinese_in_chinese() -> None:
    said = [one for pack in packs() for rule in pack.rules for one in (rule.why, *(
        text for sentences in rule.sentences.values() for text in (sentences.message, sentences.remedy)))]  # fmt: skip
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in one.zh) for one in said)
    assert len(rules_by_id()) > 70
