"""Masking personal data: labelled positives and hard negatives, and what masking must never do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.data.personal import MASKS, mask
from tests.models_ml.data.personal_cases import KEPT, MASKED


def test_there_are_enough_labelled_cases() -> None:
    assert len(MASKED) >= 60
    assert len(KEPT) >= 40


@pytest.mark.parametrize(("text", "expected"), MASKED, ids=[text for text, _ in MASKED])
def test_masks_what_is_personal(text: str, expected: str) -> None:
    masked, found = mask(text)
    assert masked == expected
    assert found.total() == 1


@pytest.mark.parametrize("text", KEPT, ids=KEPT)
def test_keeps_what_only_looks_personal(text: str) -> None:
    assert mask(text) == (text, {})


def test_counts_each_kind() -> None:
    _, found = mask("a@example.com, b@example.com and 13800138000")
    assert found == {"EMAIL": 2, "PHONE": 1}


@given(st.text(alphabet="0123456789 .-+()@abcXZ电话:", max_size=80))
@settings(max_examples=200, deadline=None)
def test_masking_twice_changes_nothing(text: str) -> None:
    once, _ = mask(text)
    assert mask(once)[0] == once


@given(st.text(alphabet=st.characters(exclude_categories=["N", "Cs"], exclude_characters="@"), max_size=200))
@settings(max_examples=100, deadline=None)
def test_a_text_without_digit_or_at_sign_stays(text: str) -> None:
    assert mask(text) == (text, {})


@pytest.mark.parametrize(
    "run", ["1" * 50_000, "a@" * 25_000, "1-" * 25_000, "+1 " * 15_000, "0:" * 25_000, "电话 " * 15_000]
)
def test_long_hostile_texts_end_soon(run: str) -> None:
    masked, found = mask(run)
    assert set(found) <= set(MASKS)
    assert len(masked) <= len(run) + 10
