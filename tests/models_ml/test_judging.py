"""Twins: the measure against a plain computation, its bounds, and that a refused one leaves no trace."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models_ml.brief import Candidate
from models_ml.judging import Accepted, similarity, trigrams

texts = st.text("abcd é杯", max_size=30)


def plain(one: str, other: str) -> float:
    """Jaccard of trigrams, by the definition."""
    left = {one.lower()[start : start + 3] for start in range(max(1, len(one) - 2))}
    right = {other.lower()[start : start + 3] for start in range(max(1, len(other) - 2))}
    return len(left & right) / len(left | right)


@given(texts, texts)
def test_similarity_is_the_share_of_common_trigrams(one: str, other: str) -> None:
    first, second = Candidate("t", one, "", ""), Candidate("t", other, "", "")
    assert similarity(first, second) == similarity(second, first) == plain(f"{one}  ", f"{other}  ")
    assert similarity(first, first) == 1


@given(st.lists(texts, max_size=12), st.sampled_from([0.5, 0.8, 1.0]))
def test_the_quick_check_keeps_what_the_plain_one_keeps(found: list[str], most: float) -> None:
    accepted, kept = Accepted(most), list[str]()
    for text in found:
        fresh = all(plain(text, other) < most for other in kept)
        assert accepted.add({"body": text}) == fresh
        kept += [text] * fresh


def test_short_texts_are_compared_too() -> None:
    assert trigrams("ab") == frozenset({"ab"})
    accepted = Accepted(0.8)
    assert accepted.add({"body": "去"})
    assert not accepted.add({"body": "去"})
    assert accepted.add({"body": "来"})
