"""Facts as a shopper reads them, in both languages; and what an edit changed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from campaigns import diffs, facts


@pytest.mark.parametrize(
    ("amount", "currency", "english", "chinese"),
    [
        ("49", "USD", "$49", "49美元"),
        ("49.00", "USD", "$49", "49美元"),
        ("49.9", "USD", "$49.90", "49.90美元"),
        ("1299.50", "USD", "$1,299.50", "1299.50美元"),
        ("199", "CNY", "CN¥199", "199元"),
        ("0.5", "EUR", "€0.50", "0.50欧元"),
        ("4900", "JPY", "¥4,900", "4900日元"),
        ("12.5", "CHF", "CHF 12.50", "12.50 CHF"),
        ("1E+3", "GBP", "£1,000", "1000英镑"),
    ],
)
def test_money(amount: str, currency: str, english: str, chinese: str) -> None:
    assert facts.money(Decimal(amount), currency, "en") == english
    assert facts.money(Decimal(amount), currency, "zh") == chinese


@pytest.mark.parametrize(
    ("percent", "english", "chinese"),
    [
        ("20", "20%", "8折"),
        ("25", "25%", "7.5折"),
        ("12.5", "12.5%", "8.75折"),
        ("90", "90%", "1折"),
        ("5", "5%", "9.5折"),
    ],
)
def test_a_reduction_names_what_is_left_in_chinese(percent: str, english: str, chinese: str) -> None:
    assert facts.discount(Decimal(percent), "en") == english
    assert facts.discount(Decimal(percent), "zh") == chinese


def test_days() -> None:
    assert facts.day(date(2027, 9, 30), "en") == "30 September"
    assert facts.day(date(2027, 1, 1), "zh") == "1月1日"


@pytest.mark.parametrize(
    ("kind", "value", "english", "chinese"),
    [
        ("none", "", "", ""),
        ("percent", " 20.00 ", "20%", "8折"),
        ("amount", "10", "$10", "10美元"),
        ("free_shipping", "", "", ""),
        ("free_shipping", "50", "$50", "50美元"),
        ("gift", " a linen bag ", "a linen bag", "a linen bag"),
        ("bundle", "two for one", "two for one", "two for one"),
    ],
)
def test_offers(kind: str, value: str, english: str, chinese: str) -> None:
    assert facts.offer_value(kind, value, currency="USD", language="en") == english
    assert facts.offer_value(kind, value, currency="USD", language="zh") == chinese


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("none", "20", "must be empty where there is no offer"),
        ("percent", "", "says what the offer gives; it is missing"),
        ("gift", " ", "says what the offer gives; it is missing"),
        ("percent", "20%", "must be a number for this offer, such as 20; got '20%'"),
        ("percent", "0", "must be over 0 and under 100 percent"),
        ("percent", "100", "must be over 0 and under 100 percent"),
        ("percent", "Infinity", "must be a number with at most two decimals"),
        ("amount", "1.005", "must be a number with at most two decimals"),
        ("amount", "-1", "must be over 0 and at most 10,000,000"),
        ("amount", "10000001", "must be over 0 and at most 10,000,000"),
        ("free_shipping", "0", "must be over 0 and at most 10,000,000"),
    ],
)
def test_offers_that_cannot_be_used(kind: str, value: str, message: str) -> None:
    with pytest.raises(facts.OfferError) as problem:
        facts.checked_offer(kind, value)
    assert str(problem.value) == message


def test_pieces_are_words_in_english_and_characters_in_chinese() -> None:
    assert diffs.pieces("A calm {product}", "A warm {product}") == [
        ("same", "A "), ("removed", "calm"), ("added", "warm"), ("same", " {product}"),
    ]  # fmt: skip
    assert diffs.pieces("好用的包", "好看的包") == [
        ("same", "好"), ("removed", "用"), ("added", "看"), ("same", "的包"),
    ]  # fmt: skip
    assert diffs.pieces("", "new") == [("added", "new")]
    assert diffs.pieces("{ odd }", "{ odd }") == [("same", "{ odd }")]


def test_the_two_texts_can_be_read_back_from_the_pieces() -> None:
    before, after = "Save {discount} now, 现在八折！", "现在 save {discount} today!"
    found = diffs.pieces(before, after)
    assert "".join(text for op, text in found if op != "added") == before
    assert "".join(text for op, text in found if op != "removed") == after


def test_the_kept_diff_names_only_changed_parts() -> None:
    before = {"theme": "Calm", "headline": "A", "body": "B", "call_to_action": "C"}
    assert diffs.unified(before, before) == ""
    assert diffs.unified(before, {**before, "body": "D"}) == "@@ body @@\n-B\n+D"
