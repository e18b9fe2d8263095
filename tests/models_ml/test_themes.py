"""Themes: read from drafts, gathered, and the least alike kept."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.brief import Brief, Product
from models_ml.themes import Theme, alike, distinct, gather, theme_line, under


@pytest.mark.parametrize(
    ("language", "text", "line"),
    [
        ("en", "theme: Slow mornings\nheadline: cut of", "Slow mornings"),
        ("en", '{"theme": "Slow mornings.", "headline": "x"}', "Slow mornings"),
        ("en", "Slow mornings", "Slow mornings"),
        ("zh", "主题：慢下来的早晨！\n标题", "慢下来的早晨"),
        ("en", "theme: 20 reasons", None),
        ("en", "theme: {product} days", None),
        ("en", "theme: 慢下来", None),
        ("zh", "主题：Slow", None),
        ("en", "theme: <|im_start|>", None),
        ("en", "headline: none here", None),
        ("en", "", None),
    ],
)
def test_a_theme_says_no_facts(language: str, text: str, line: str | None) -> None:
    assert theme_line(language, text) == line


def test_like_lines_are_one_theme_under_its_commonest_words() -> None:
    lines = [("a", "More time for you"), ("b", "More time for you"), ("b", "Time for you"), ("c", "Made with care")]
    assert gather(lines) == [
        Theme("More time for you", 3, ("a", "b"), ("Time for you",)),
        Theme("Made with care", 1, ("c",)),
    ]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(min_size=1, max_size=12)), max_size=20), st.integers(0, 6))
def test_every_line_has_one_home_and_the_chosen_are_distinct(lines: list[tuple[str, str]], count: int) -> None:
    themes = gather(lines)
    assert sum(theme.support for theme in themes) == len(lines)
    assert sorted(line for theme in themes for line in (theme.text, *theme.also)) == sorted({line for _, line in lines})
    chosen = distinct(themes, count)
    assert len(chosen) == min(count, len(themes))
    assert all(alike(one.text, two.text) < 0.5 for one, two in itertools.combinations(chosen, 2))
    assert gather(reversed(lines)) == themes


def test_farthest_first() -> None:
    themes = [Theme("Slow mornings", 5, ()), Theme("Slow evenings", 4, ()), Theme("Made with care", 1, ())]
    assert [theme.text for theme in distinct(themes, 2)] == ["Slow mornings", "Made with care"]


def test_copy_is_asked_for_under_each_theme_for_each_audience() -> None:
    briefs = [Brief("en", "push", Product("Mug")), Brief("en", "sms", Product("Mug"))]
    asked = under([Theme("Calm", 1, ()), Theme("Care", 1, ())], briefs)
    assert [(brief.theme, brief.channel) for brief in asked] == [
        ("Calm", "push"), ("Calm", "sms"), ("Care", "push"), ("Care", "sms"),
    ]  # fmt: skip
