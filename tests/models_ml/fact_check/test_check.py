"""The check as a whole: what supports what, how facts may be used, and what holds for any text."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.brief import Brief, FillError, Offer, Product, facts
from models_ml.fact_check import KINDS, FactFinding, FactSpan, PricePoint, Support, check, claims_of, filled, located
from tests.models_ml.fact_check.cases import cases, supports

BRIEF = Brief(
    "en",
    "push",
    Product("Canvas Tote 12", "bags", {"material": "organic cotton", "colour": "navy", "care": "wash at 30 °C"}),
    offer=Offer("percent", "20%"),
    deadline=True,
    price="$49",
    code="TOTE20",
)
SUPPORT = Support(brief=BRIEF, facts=facts(BRIEF))


def said(text: str, support: Support = SUPPORT) -> list[tuple[str, str]]:
    """(kind, excerpt) of each finding in a body."""
    return [(finding.kind, finding.excerpt) for finding in check({"body": text}, support)]


def test_a_finding_says_what_is_claimed_what_is_missing_and_what_to_do() -> None:
    assert check({"headline": "", "body": "Now 30% off"}, SUPPORT) == [
        FactFinding(
            kind="percent",
            part="body",
            start=4,
            end=7,
            excerpt="30%",
            claim="reduction 30 %",
            message="“30%” is a larger reduction than the offer gives.",
            remedy="Use a slot, correct it, or take it out.",
            severity="block",
        )
    ]


def test_a_brief_alone_supports_what_it_holds() -> None:
    alone = Support(brief=BRIEF)
    assert said("20% off with TOTE20, only $49, in navy organic cotton. Wash at 30 °C.", alone) == []
    assert said("$20 off", alone) == [("price", "$20")]
    assert said("Save $49", alone) == [("role", "$49")]


def test_nothing_inside_the_products_own_name_is_a_claim() -> None:
    named = Support(facts={"product": "Best Mug No. 1, 100% Silk"})
    assert said("Best Mug No. 1, 100% Silk is here", named) == []
    assert said("The best mug is here", named) == [("superlative", "best")]


@pytest.mark.parametrize(
    ("material", "text", "found"),
    [
        ("linen", "a natural fibre", []),
        ("organic cotton", "cotton", []),
        ("organic cotton", "有机棉", []),
        ("cotton", "organic cotton", [("material", "organic cotton")]),
        ("oak", "wood", []),
        ("wood", "oak", [("material", "oak")]),
        ("cotton", "pure cotton", [("material", "pure cotton")]),
        ("100% cotton", "cotton", []),
        ("faux leather", "leather", [("material", "leather")]),
        ("full-grain leather", "leather", []),
        ("glass", "a glass jug", []),
        ("stainless steel", "金属", []),
    ],
)
def test_a_narrower_fact_supports_a_broader_word(material: str, text: str, found: list[tuple[str, str]]) -> None:
    assert said(text, Support(facts={"material": material})) == found


@pytest.mark.parametrize(
    ("fact", "text", "holds"),
    [
        ("up to 12 hours", "12 hours", False),
        ("12 hours", "up to 12 hours", True),
        ("1,200 reviews", "over 1,000 reviews", True),
        ("1,200 reviews", "over 1,200 reviews", False),
        ("over 1,200 reviews", "over 1,200 reviews", True),
        ("12 fl oz", "355 ml", True),
        ("355 ml", "12 oz", True),
        ("355 ml", "350 ml", False),
        ("6 cups", "six cups", True),
        ("6 cups", "6 mugs", False),
        ("1 year warranty", "12-month warranty", True),
        ("1 year warranty", "2-year warranty", False),
        ("24 hours", "1 day", True),
        ("30 days", "1 month", False),
        ("30 September 2026", "until 30 September", True),
        ("30 September", "until 30 September 2026", True),
        ("30 September 2026", "until 30 September 2027", False),
        ("30 September", "until 9/30", True),
        ("33% off", "a third off", True),
    ],
)
def test_amounts_are_compared_with_their_units_and_bounds(fact: str, text: str, holds: bool) -> None:
    assert (said(text, Support(product_texts=[fact])) == []) is holds


HISTORY = [
    PricePoint(date(2026, 6, 1), Decimal(60)),
    PricePoint(date(2026, 8, 1), Decimal(45)),
    PricePoint(date(2026, 9, 10), Decimal(49), Decimal(60)),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("was $60, now $49", []),
        ("save $11", []),
        ("was $45, now $49", []),
        ("was $70", [("price_history", "$70")]),
        ("was $49", [("price_history", "$49")]),
        ("was €60", [("price_history", "€60")]),
        ("lowest price in 7 days", [("price_history", "lowest price in 7 days")]),
        ("lowest price in 30 days", [("price_history", "lowest price in 30 days")]),
        ("lowest price ever", [("price_history", "lowest price ever")]),
        ("lowest price this year", [("price_history", "lowest price this year")]),
    ],
)
def test_earlier_prices_stand_in_the_history(text: str, found: list[tuple[str, str]]) -> None:
    """In the last 7 days it has cost 49 throughout: no price was lower, but none was higher either."""
    assert said(text, Support(price_history=HISTORY, today=date(2026, 9, 24))) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("by Blue Finch", []),
        ("made by Finch", []),
        ("by Fin", [("brand", "Fin")]),
        ("X-100 inside", []),
        ("X100 inside", []),
        ("X10 inside", [("code", "X10")]),
        ("Italian leather", [("brand", "Italian"), ("material", "leather")]),
    ],
)
def test_makers_and_models_are_named_whole(text: str, found: list[tuple[str, str]]) -> None:
    assert said(text, Support(product_texts=["Blue Finch X-100"])) == found


def test_prices_of_the_future_prove_nothing() -> None:
    early = Support(price_history=HISTORY, today=date(2026, 6, 15))
    assert said("was $45", early) == [("price_history", "$45")]
    assert said("lowest price ever", early) == [("price_history", "lowest price ever")]


def test_given_spans_are_the_slots_and_located_ones_are_found() -> None:
    parts, spans = filled({"body": "{discount} off {product}!"}, SUPPORT.facts)
    assert parts == {"body": "20% off Canvas Tote 12!"}
    assert spans == {"body": [FactSpan(0, 3, "discount"), FactSpan(8, 22, "product")]}
    assert [span for span in located(parts["body"], SUPPORT.facts) if span.slot == "discount"] == spans["body"][:1]
    assert located("$49.90 or $490 or A$49", {"price": "$49"}) == [FactSpan(19, 22, "price")]


def test_an_unknown_slot_is_refused() -> None:
    with pytest.raises(FillError, match=r"no fact for the slot \{gift\}"):
        filled({"body": "{gift}"}, {})


@pytest.mark.parametrize("name", ["cases_en", "cases_zh", "cases_more"])
def test_facts_found_in_the_text_are_judged_as_slots_are(name: str) -> None:
    different = set()
    for case in cases(name):
        support = supports()[case.support]
        parts, spans = filled({"body": case.text}, support.facts)
        if check(parts, support, fact_spans=spans) != check(parts, support):
            different.add(case.text)
    assert different == set()


FRAMES = ("Take a look: {0}.", "{0}, just like that", "看看：{0}。")


@pytest.mark.parametrize("name", sorted(supports()))
@pytest.mark.parametrize("frame", FRAMES)
def test_a_fact_in_a_neutral_sentence_is_never_a_finding(name: str, frame: str) -> None:
    support = supports()[name]
    neutral = {slot for slot in support.facts if slot not in {"discount", "threshold"}}
    for slot in neutral:
        parts, spans = filled({"body": frame.format("{" + slot + "}")}, support.facts)
        assert check(parts, support, fact_spans=spans) == []
        assert check(parts, support) == []


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_is_checked_and_every_span_cuts_its_excerpt(text: str, fact: str) -> None:
    support = Support(facts={"product": fact, "price": "$49", "feature": text[:10]}, product_texts=[fact], today=None)
    for finding in check({"headline": text, "body": f"{fact} {text} 20%"}, support):
        shown = {"headline": text, "body": f"{fact} {text} 20%"}[finding.part]
        assert 0 <= finding.start < finding.end <= len(shown)
        assert finding.excerpt == shown[finding.start : finding.end][:80]
        assert finding.kind in KINDS
        assert finding.severity == "block"
        assert "{words}" not in finding.message


PIECES = (
    "20", "%", "折", " off ", "$", "1,299", ".", "万", "三", "件",
    "buy ", "get ", "2", "最", "the most ", "100% ", "cotton",
    "until ", "30 ", "September", "月", "日", "第一", "二", "-", "to ", "ml", "买", "送", "\u200b", "５", "half ",
    "{price}",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_pieces_of_claims_in_any_order_are_read(pieces: list[str]) -> None:
    text = "".join(pieces)
    claims = claims_of(text)
    assert [claim.start for claim in claims] == sorted(claim.start for claim in claims)
    assert all(0 <= claim.start < claim.end <= len(text) for claim in claims)
    assert claims == claims_of(text)


@given(st.text(max_size=40))
def test_a_text_supports_its_own_claims(text: str) -> None:
    own = Support(product_texts=[text])
    for claim in claims_of(text):
        if claim.kind != "price_history" and claim.role not in {"former", "wrong way"}:
            assert own.supports(claim)


HOSTILE = (
    "1",
    "1,234,",
    "1.234.",
    "一",
    "1 234 ",
    "a 1 ",
    "buy 2 ",
    "$1-",
    "满1减",
    "最",
    "by A ",
    "来自",
    "half a ",
    "20% ",
    "a-1",
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_reading_takes_time_in_the_length_of_the_text(piece: str) -> None:
    short, long = (piece * (size // len(piece)) for size in (2_500, 10_000))
    assert _seconds(long) < 12 * _seconds(short) + 0.2


def _seconds(text: str) -> float:
    """The least of three, since other work on the machine only ever adds."""
    return min(_once(text) for _ in range(3))


def _once(text: str) -> float:
    started = process_time()
    claims_of(text)
    return process_time() - started


def test_a_text_of_ten_thousand_digits_is_one_number() -> None:
    assert [(claim.kind, claim.start, claim.end) for claim in claims_of("7" * 10_000)] == [("number", 0, 10_000)]


def test_the_support_is_a_value() -> None:
    other = replace(SUPPORT, offer_kind="gift")
    assert (SUPPORT.offer, other.offer) == ("percent", "gift")
    assert (Support().offer, Support().shown_language) == ("none", "en")


def test_the_check_knows_neither_django_nor_torch() -> None:
    code = (
        "import models_ml.fact_check, sys; print(sorted(n for n in sys.modules if n in {'django', 'torch', 'celery'}))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
