"""The AI label: who asks for it since when, in which words, and that it counts against the channel."""

from __future__ import annotations

from datetime import date

import pytest

from models_ml.brief import Brief, Offer, Product, facts
from models_ml.channels import violations
from models_ml.judging import judge
from models_ml.labelling import RULES, ai_label, is_labelled, labelled, with_origin

DAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("places", "day", "text", "keys"),
    [
        (["US"], DAY, None, set()),
        ([], DAY, None, set()),
        (["XX"], DAY, None, set()),
        (["CN"], date(2025, 8, 31), None, set()),
        (["CN"], date(2025, 9, 1), "AI生成", {"ai_generated", "digitalSourceType", "AIGC"}),
        (["US", "cn"], DAY, "AI生成", {"ai_generated", "digitalSourceType", "AIGC"}),
        (["EU"], date(2026, 8, 1), None, set()),
        (["EU"], date(2026, 8, 2), "", {"ai_generated", "digitalSourceType"}),
        (["DE"], DAY, "", {"ai_generated", "digitalSourceType"}),
        (["GB"], DAY, None, set()),
        (["KR"], DAY, "AI生成", set()),
        (["EU", "CN"], DAY, "AI生成", {"ai_generated", "digitalSourceType", "AIGC"}),
    ],
)
def test_a_label_is_made_where_and_since_when_a_law_asks(
    places: list[str], day: date, text: str | None, keys: set[str]
) -> None:
    label = ai_label(places, day, "zh", "push")
    assert (label.text if label else None) == text
    assert set(label.metadata if label else {}) == keys


@pytest.mark.parametrize(
    ("language", "channel", "text"),
    [
        ("en", "sms", "AI-generated"),
        ("en", "email", "[AI-generated]"),
        ("zh", "product_page", "【AI生成】"),
        ("zh", "banner", "AI生成"),
    ],
)
def test_the_words_suit_language_and_channel(language: str, channel: str, text: str) -> None:
    label = ai_label(["CN"], DAY, language, channel)
    assert label is not None
    assert (label.text, label.placement) == (text, "body")
    assert [rule.article for rule in label.rules] == ["Art. 4 and 5"]


def test_a_label_stands_at_the_end_of_the_body_and_can_be_checked() -> None:
    label = ai_label(["CN"], DAY, "en", "push")
    parts = {"headline": "Hello", "body": "Good day.", "call_to_action": "Go"}
    shown = labelled(parts, label)
    assert shown == {"headline": "Hello", "body": "Good day. AI-generated", "call_to_action": "Go"}
    assert list(shown) == ["headline", "body", "call_to_action"]
    assert (is_labelled(shown, label), is_labelled(parts, label)) == (True, False)
    assert labelled(parts, None) == parts
    assert is_labelled(parts, None)
    silent = ai_label(["EU"], DAY, "en", "push")
    assert labelled(parts, silent) == parts
    assert is_labelled(parts, silent)


def test_a_label_counts_against_the_limit() -> None:
    label = ai_label(["CN"], DAY, "zh", "search_ad")
    parts = {"body": "杯" * 41}
    assert violations("search_ad", parts) == []
    assert violations("search_ad", labelled(parts, label)) == []
    over = labelled({"body": "杯" * 42}, label)
    assert [str(one) for one in violations("search_ad", over)] == ["body is 91 long, the limit is 90"]


def test_a_draft_that_fits_without_its_label_only_is_refused() -> None:
    brief = Brief("en", "banner", Product("Mug", "drinkware"), offer=Offer("percent", "20%"))
    body = "For slow, calm and easy mornings at my home. Take {discount} off."
    text = f"theme: Calm\nheadline: {{product}}\nbody: {body}\ncta: Go"
    label = ai_label(["CN"], DAY, "en", "banner")
    assert not isinstance(judge(brief, text, facts(brief)), tuple)
    assert judge(brief, text, facts(brief), label) == ("body is 71 long, the limit is 70",)


def test_the_metadata_of_one_copy_names_producer_and_id() -> None:
    label = ai_label(["CN", "EU"], DAY, "zh", "push")
    assert label is not None
    assert with_origin(label, producer="Lumen", content_id="copy-7") == {
        "ai_generated": True,
        "digitalSourceType": "trainedAlgorithmicMedia",
        "AIGC": {"Label": "1", "ContentProducer": "Lumen", "ProduceID": "copy-7"},
        "producer": "Lumen",
        "content_id": "copy-7",
    }
    europe = ai_label(["FR"], DAY, "en", "push")
    assert europe is not None
    assert "AIGC" not in with_origin(europe, producer="Lumen", content_id="copy-7")


def test_each_rule_is_cited() -> None:
    assert all(rule.statute and rule.article for rule in RULES)
    assert {rule.jurisdiction: rule.verified for rule in RULES} == {"CN": True, "KR": False, "EU": False}
