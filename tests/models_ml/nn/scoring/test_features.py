"""Hand-made features and hashed n-grams: by value, and for any text at all."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.nn.scoring.features import BUCKETS, handmade, handmade_matrix, handmade_names, hashed, word_lists


def test_an_english_headline_is_read_as_a_person_would() -> None:
    found = handmade('Why don\'t YOU hum? 7 reasons: "never" …')
    expected = {
        "question": 1.0,
        "quotes": 2.0,
        "apostrophes": 1.0,
        "colons": 1.0,
        "ellipsis": 1.0,
        "digits": 1.0,
        "shouted words": 1 / 8,
        "second_person": 1.0,
        "negation": 1.0,
        "curiosity": 2.0,
        "extreme": 1.0,
        "ends open": 1.0,
        "chinese": 0.0,
    }
    assert {name: found[name] for name in expected} == expected
    assert found["units"] == math.log1p(7)


def test_a_chinese_headline_uses_the_chinese_lists() -> None:
    found = handmade("你知道为什么猫爱睡觉吗？限时八折")
    assert found["second_person"] == 1.0
    assert found["curiosity"] == 2.0  # the reason and, inside it, the what
    assert found["shop"] == 1.0
    assert found["question"] == 1.0
    assert found["chinese"] == 1.0


def test_both_languages_have_the_same_lists() -> None:
    assert set(word_lists()["en"]) == set(word_lists()["zh"])
    assert all(words for lists in word_lists().values() for words in lists.values())


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_has_the_same_finite_features(text: str) -> None:
    found = handmade(text)
    assert list(found) == handmade_names()
    assert all(math.isfinite(value) for value in found.values())
    assert np.isfinite(hashed([text]).data).all()


def test_matrix_rows_are_the_features() -> None:
    rows = handmade_matrix(["Otters hum", "Owls?"])
    assert rows.shape == (2, len(handmade_names()))
    assert rows[1].tolist() == list(handmade("Owls?").values())


def test_hashing_needs_no_vocabulary_and_damps_counts() -> None:
    alone, beside = hashed(["otter otter otter"]), hashed(["quail chime", "otter otter otter"])
    assert alone.shape == (1, 2 * BUCKETS)
    assert alone.toarray()[0].tolist() == beside.toarray()[1].tolist()
    assert alone[:, :BUCKETS].max() == 1 + math.log(3)
