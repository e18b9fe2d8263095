"""Form: parts there, lengths, slots, language; and the order and purity of the whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from campaigns import compliance
from campaigns.compliance.findings import fact_spans
from models_ml.fact_check import FactSpan
from models_ml.fact_check.folding import Folded

FACTS = {"product": "Canvas Tote", "discount": "20%"}
GOOD = {"headline": "{product}, {discount} off", "body": "Made for the day.", "call_to_action": "Take a look"}


def found(written: dict[str, str], *, channel: str = "push", language: str = "en") -> list[tuple[str, str, str]]:
    """(rule, severity, part) of every finding."""
    context = compliance.CheckContext(
        channel, language, FACTS, required_slots=("product", "discount"), offer_kind="percent"
    )
    parts = compliance.CopyParts.of(written, FACTS)
    return [(one.rule, one.severity, one.part) for one in compliance.check(parts, context)]


def test_a_good_copy_has_no_finding() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize("part", ["headline", "body", "call_to_action"])
def test_a_missing_part(part: str) -> None:
    assert ("form.missing", "block", part) in found({**GOOD, part: "  "})


def test_the_filled_text_is_measured() -> None:
    written = {**GOOD, "headline": "{product} " + "x" * 38, "body": "{discount} off."}
    longer = {**written, "headline": written["headline"] + "x"}
    assert found(written) == []
    assert found(longer) == [("form.too_long", "block", "headline")]
    assert found(longer, channel="product_page") == []


def test_a_chinese_character_takes_two_columns() -> None:
    written = {"headline": "包" * 25, "body": "好用的{product}，{discount}。", "call_to_action": "看看"}
    assert found(written, language="zh") == []
    assert found({**written, "headline": "包" * 26}, language="zh") == [("form.too_long", "block", "headline")]


def test_an_sms_is_measured_whole() -> None:
    written = {**GOOD, "body": "x" * 127}
    assert found(written, channel="sms") == []
    assert found({**written, "body": "x" * 128}, channel="sms") == [("form.too_long", "block", "message")]


@pytest.mark.parametrize("text", ["{colour} bag", "{} bag", "a { bag", "a } bag", "{product", "{Product} bag"])
def test_an_open_slot(text: str) -> None:
    assert ("form.open_slot", "block", "body") in found({**GOOD, "body": text})


def test_a_fact_is_not_read_for_slots() -> None:
    facts = {"product": "Mug {colour}"}
    context = compliance.CheckContext("push", "en", facts)
    parts = compliance.CopyParts.of({**GOOD, "headline": "{product}"}, facts)
    assert compliance.check(parts, context) == []


def test_what_the_offer_says_is_missed() -> None:
    assert found({**GOOD, "headline": "{product}"}) == [("form.left_out", "warn", "body")]
    assert found({**GOOD, "headline": "{product}, 20% off"}) == []


def test_the_wrong_language() -> None:
    assert ("form.language", "warn", "body") in found({**GOOD, "body": "好用"})
    assert ("form.language", "warn", "body") in found(GOOD, language="zh")


def test_where_facts_stand() -> None:
    parts = compliance.CopyParts.of({"headline": "{discount} off {product}!"}, FACTS)
    assert fact_spans(parts, "headline", FACTS) == [FactSpan(0, 3, "discount"), FactSpan(8, 19, "product")]
    other = compliance.CopyParts(parts.written, {**parts.filled, "headline": "30% off Canvas Tote!"})
    assert fact_spans(other, "headline", FACTS) == []


def test_folding_keeps_the_way_back() -> None:
    folded = Folded.of("Ａ\u200bß②")
    assert folded.text == "ass2"
    assert folded.origin == (0, 2, 2, 3, 4)


def test_blocks() -> None:
    warn = compliance.Finding("a", "warn", "body", "m")
    assert not compliance.blocks([])
    assert not compliance.blocks([warn])
    assert compliance.blocks([warn, compliance.Finding("b", "block", "body", "m")])


def test_the_checks_know_no_django() -> None:
    code = "import campaigns.compliance, sys; print(sorted(n for n in sys.modules if n.split('.')[0] == 'django'))"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
