"""Which winners are shown: near, evident, unlike each other, and never those of the campaign itself."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.brief import Audience, Brief, BriefError, Candidate, Offer, Product
from models_ml.examples import LEAST_PROBABILITY, Winner, choose, nearness, shown_brief

BRIEF = Brief(
    "en", "push", Product("Nimbus Mug", "drinkware"), goal="promote", offer=Offer("percent", "20%"),
    audience=Audience("commuters"),
)  # fmt: skip


def winner(name: str, *, lift: float = 0.1, probability: float = 0.95, text: str = "", **changes: Any) -> Winner:
    copy = Candidate("Calm", "{product}", text or f"{name} says {{discount}} off", "Go")
    return Winner(name, "old campaign", replace(BRIEF, **changes), copy, lift, probability)


def names(*winners: Winner, count: int = 3, campaign: str = "new campaign") -> list[str]:
    return [one.id for one in choose(BRIEF, winners, count, campaign=campaign)]


def test_the_nearest_come_first() -> None:
    near = winner("near", text="amber one")
    channel = winner("other channel", channel="email", text="birch two")
    far = winner("far", channel="sms", offer=Offer("gift", "a bag"), audience=Audience("students"), text="cedar three")
    assert names(far, channel, near) == ["near", "other channel", "far"]
    assert names(far, channel, near, count=1) == ["near"]
    assert nearness(BRIEF, BRIEF) == pytest.approx(1)
    assert nearness(BRIEF, far.brief) == pytest.approx(0.1 + 0.2)  # the goal and the words


def test_more_evidence_weighs_more() -> None:
    sure = winner("sure", probability=0.99, text="amber one")
    unsure = winner("unsure", probability=0.81, text="birch two")
    assert names(unsure, sure) == ["sure", "unsure"]
    assert winner("coin", probability=0.5).evidence == 0
    assert winner("certain", probability=1.0, lift=0.25).evidence == pytest.approx(1.5)


@pytest.mark.parametrize(
    "unfit",
    [
        {"language": "zh"},
        {"lift": 0.0},
        {"lift": -0.2},
        {"probability": LEAST_PROBABILITY - 0.01},
    ],
)
def test_what_teaches_nothing_is_not_shown(unfit: dict[str, Any]) -> None:
    assert names(winner("unfit", **unfit)) == []


def test_a_campaign_is_never_shown_its_own_test() -> None:
    assert names(winner("own"), campaign="old campaign") == []


def test_twins_are_shown_once_and_likenesses_make_room() -> None:
    text = "Slow mornings, {discount} off until {deadline}, for you"
    one, twin = winner("a", text=text), winner("b", text=text)
    near = winner("c", text=text + " too")
    other = winner("d", text="Quite another idea altogether", probability=0.9)
    assert names(one, twin) == ["a"]
    assert names(one, twin, near, other, count=2) == ["a", "d"]


@given(st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_order_of_the_past_does_not_matter(order: random.Random, count: int) -> None:
    pool = [
        winner(f"w{number}", probability=0.8 + number / 50, text=f"{'abc'[number % 3] * 9} {number}")
        for number in range(8)
    ]
    shuffled = order.sample(pool, len(pool))
    chosen = names(*shuffled, count=count)
    assert chosen == names(*pool, count=count)
    assert len(chosen) == len(set(chosen)) == count


def test_an_example_is_shown_without_the_shops_free_text() -> None:
    full = winner("a", audience=Audience("vip", "free words"), voice=("calm",), theme="Old")
    shown = shown_brief(full)
    assert (shown.audience.description, shown.voice, shown.theme) == ("", (), None)
    assert full.answer() == "theme: Calm\nheadline: {product}\nbody: a says {discount} off\ncta: Go"


def test_winners_are_read_from_json_and_refused_with_the_field() -> None:
    data: dict[str, Any] = {
        "id": 7, "campaign": "c", "brief": BRIEF.to_json(), "lift": 0.1, "probability": 0.9,
        "copy": {"theme": "t", "headline": "h", "body": "b", "call_to_action": "c"},
    }  # fmt: skip
    assert Winner.from_json(data) == Winner("7", "c", BRIEF, Candidate("t", "h", "b", "c"), 0.1, 0.9)
    with pytest.raises(BriefError, match="channel"):
        Winner.from_json({**data, "brief": {**BRIEF.to_json(), "channel": "fax"}})
    with pytest.raises(ValueError, match="winner 7: probability must be between 0 and 1"):
        Winner.from_json({**data, "probability": 1.5})
