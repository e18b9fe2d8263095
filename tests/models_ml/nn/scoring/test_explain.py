"""Explanations that are exact: ablation asks the scorer, integrated gradients add up."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.nn.scoring import Scorer, ScorerError, explain
from models_ml.nn.scoring.explain import gradients, without, words
from models_ml.nn.scoring.kernels import ENCODER
from tests.models_ml.nn.scoring.world import EFFECTS


def test_an_effect_is_what_the_word_adds(bag_scorer: Scorer) -> None:
    text = "Amber otter hum newt"
    whole, rest = bag_scorer.utility([text, "Amber hum newt"])
    effects = explain(bag_scorer, text)
    assert [effect.word for effect in effects] == ["Amber", "otter", "hum", "newt"]
    assert (effects[1].start, effects[1].end) == (6, 11)
    assert effects[1].effect == pytest.approx(whole - rest, abs=1e-5)


def test_the_strongest_words_of_the_world_have_the_right_sign(bag_scorer: Scorer) -> None:
    ranked = sorted(EFFECTS, key=lambda word: EFFECTS[word])
    worst, best = ranked[0], ranked[-1]
    effects = {one.word: one.effect for one in explain(bag_scorer, f"ivory {best} panda {worst}")}
    assert effects[best] > 0.1
    assert effects[worst] < -0.1


def test_a_lone_word_has_nothing_to_be_compared_with(bag_scorer: Scorer) -> None:
    assert [one.effect for one in explain(bag_scorer, "Otter")] == [0.0]


def test_gradients_add_up_to_the_difference_from_the_baseline(bert_scorer: Scorer) -> None:
    text = "Amber otter, hum newt!"
    effects, total = gradients(bert_scorer, text, steps=128)
    assert abs(total) > 1e-4
    assert sum(one.effect for one in effects) == pytest.approx(total, rel=0.01)
    assert [one.word for one in effects if one.word] == ["Amber", "otter", ",", "hum", "newt", "!"]


def test_the_gradients_total_is_the_encoder_part_of_the_utility(bert_scorer: Scorer) -> None:
    _, one = gradients(bert_scorer, "Amber otter hum", steps=2)
    _, other = gradients(bert_scorer, "Quail newt hum", steps=2)  # as many tokens, so the same baseline
    assert bert_scorer.encoder is not None
    vectors = bert_scorer.encoder.encode(["Amber otter hum", "Quail newt hum"])
    rows = (vectors - bert_scorer.preparation.encoder_centre) * bert_scorer.preparation.encoder_scale
    part = bert_scorer.scales[ENCODER] * bert_scorer.part(ENCODER, rows)
    assert one - other == pytest.approx(part[0] - part[1], abs=1e-4)


def test_gradients_need_a_transformer(bag_scorer: Scorer) -> None:
    with pytest.raises(ScorerError, match="use explain"):
        gradients(bag_scorer, "Otter")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't hum: 7.5 % off", ["Don't", "hum", "7.5", "off"]),
        ("猫爱睡觉，iPhone 15 八折", ["猫爱", "睡觉", "iPhone", "15", "八折"]),
        ("well-made…", ["well-made"]),
        ("?!", []),
    ],
)
def test_words_are_what_a_person_would_point_at(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in words(text)] == expected


@given(st.text(max_size=50))
def test_words_are_apart_and_within_the_text(text: str) -> None:
    spans = words(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_taking_a_word_out_leaves_single_spaces() -> None:
    assert without("a b c", 2, 3) == "a c"
    assert without("a b", 0, 1) == "b"
    assert without("a b", 2, 3) == "a"
    assert without("猫爱睡觉", 0, 2) == "睡觉"
