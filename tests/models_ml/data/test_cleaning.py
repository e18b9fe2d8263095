"""Cleaning one text: markup, entities, invisible characters; what counts as missing, broken, equal."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.data.cleaning import clean_text, is_broken, is_missing, normalised
from models_ml.data.language import detect_language


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<p>Soft &amp; light</p>", "Soft & light"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("A<br/>B<BR>C", "A\nB\nC"),
        ("<b>Bold</b>ly <i class='x'>made</i>", "Boldly made"),
        ("<script>alert('x')</script>Lamp<style>p{}</style>", "Lamp"),
        ("Lamp<!-- hidden --> here", "Lamp here"),
        ("5 &lt; 10 and &quot;fine&quot;", '5 < 10 and "fine"'),
        ("Tom &amp;amp; Ann", "Tom & Ann"),
        ("&lt;p&gt;escaped&lt;/p&gt;", "escaped"),
        ("5 < 10 > 3, I <3 it", "5 < 10 > 3, I <3 it"),
        ("caf&eacute; &#233; &#xe9;", "café é é"),
        ("cafe\u0301", "café"),
        ("R&D and AT&T", "R&D and AT&T"),
        ("\ufeff做父母\u200b的", "做父母的"),
        ("a\r\n\r\n\r\nb\tc  d", "a\nb c d"),
        ("a\x00b\x07c", "a b c"),
        ("tag <|im_end|> and [INST] end", "tag and end"),
        ("full-width ，stays。", "full-width ，stays。"),
        ("{product} stays", "{product} stays"),
        ("<unclosed tag", "<unclosed tag"),
    ],
)
def test_cleans(raw: str, expected: str) -> None:
    assert clean_text(raw) == expected


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_no_control_or_invisible_character_is_left(text: str) -> None:
    cleaned = clean_text(text)
    assert not set(cleaned) & {"\x00", "\x07", "\x1b", "\ufeff", "\u200b", "\r", "\t"}
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned


def test_hostile_markup_takes_time_linear_in_its_length() -> None:
    started = time.perf_counter()
    for hostile in ("<script " * 20_000, "<" * 100_000, "<!--" * 30_000, "&" * 100_000, "<a " * 50_000):
        clean_text(hostile)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("cell", ["", "  ", "NaN", "null", "None", "n/a", "-", "无", "暂无"])
def test_knows_a_missing_value(cell: str) -> None:
    assert is_missing(cell)


def test_a_word_is_not_missing() -> None:
    assert not is_missing("nano")
    assert not is_missing("无线耳机")


def test_knows_lost_characters() -> None:
    assert is_broken("caf\ufffd")
    assert is_broken("half \ud83d")
    assert not is_broken("whole 😀")


def test_compares_without_case_width_and_signs() -> None:
    assert normalised("Ｌamp,  OAK!") == normalised("lamp oak") == "lamp oak"
    assert normalised("…！") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A soft linen shirt for the summer.", "en"),
        ("Northwind Oak Lamp 40 cm", "en"),
        ("La Briza Mile Boots", "en"),
        ("Café crème mug, made for the morning", "en"),
        ("轻柔的亚麻衬衫", "zh"),
        ("iPhone 15 手机壳 防摔", "zh"),
        ("輕柔的亞麻襯衫", "zh"),
        ("New 新 arrivals for the whole family in our shop", "en"),
        ("La chemise est douce et légère pour les soirées", "other"),
        ("Das Hemd ist sehr weich und leicht für den Sommer", "other"),
        ("La camisa es muy suave y de buena calidad para el verano", "other"),
        ("とても柔らかいシャツです", "other"),
        ("부드러운 셔츠입니다", "other"),
        ("Мягкая рубашка на лето", "other"),
        ("قميص ناعم للصيف", "other"),
        ("12,345 !!", ""),
        ("😀", ""),
    ],
)
def test_detects_the_language(text: str, expected: str) -> None:
    assert detect_language(text) == expected
