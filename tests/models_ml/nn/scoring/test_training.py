"""Training on a world with known effects: what is recovered, what is left out, and that no test judges itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.nn.progress import Cancelled
from models_ml.nn.scoring import Arm, Scorer, ScorerError, ScorerPlan, train
from models_ml.nn.scoring import training as module
from models_ml.nn.scoring.encoder import Encoder
from models_ml.nn.scoring.evaluation import Judged, figures
from models_ml.nn.scoring.training import cross_validate, fold_of, judged_by, usable
from tests.models_ml.nn.scoring.world import BagEncoder, experiments, headline, truth

NEW = [headline(np.random.default_rng(99)) for _ in range(1)] + [
    headline(np.random.default_rng(seed)) for seed in range(100, 400)
]


def _agreement(scorer: Scorer) -> float:
    """Correlation of the utilities with the truth, over headlines no test has seen."""
    return float(np.corrcoef(scorer.utility(NEW), [truth(text) for text in NEW])[0, 1])


def test_word_effects_are_recovered_on_unseen_headlines(bag_scorer: Scorer, text_scorer: Scorer) -> None:
    assert _agreement(bag_scorer) > 0.9
    assert _agreement(text_scorer) > 0.7


def test_the_measured_hit_rate_is_that_on_fresh_tests(text_scorer: Scorer) -> None:
    fresh = figures(judged_by(text_scorer, experiments(300, seed=50, name="fresh")), resamples=200)
    measured = text_scorer.measured
    assert measured is not None
    assert measured["pairs"] > 800
    for name in ("accuracy", "top1"):
        assert measured[name]["low"] - 0.04 < fresh[name].value < measured[name]["high"] + 0.04
        assert measured[name]["low"] < measured[name]["value"] < measured[name]["high"]
    assert measured["accuracy"]["value"] > 0.7
    assert measured["top1"]["value"] > measured["top1_chance"]["value"] + 0.15


def test_probabilities_are_calibrated_on_fresh_tests(bag_scorer: Scorer) -> None:
    judged = judged_by(bag_scorer, experiments(400, seed=51, name="fresh"))
    found = figures(judged, resamples=2)
    assert found["calibration_error"].value < 0.04
    assert found["log_loss"].value < 0.5


def test_weighing_the_evidence_beats_counting_every_arm_alike() -> None:
    arms = experiments(90, seed=4, shown=(6000, 40, 40))
    plan = ScorerPlan(folds=0)
    weighted = train(arms, plan, encoder=BagEncoder())
    alike = train(arms, replace(plan, weighted=False), encoder=BagEncoder())
    assert _agreement(weighted) > _agreement(alike) + 0.03


def _broken(arms: list[Arm]) -> list[Arm]:
    """Half of the traffic of every second arm is lost, and its clicks are turned round."""
    return [
        replace(arm, impressions=arm.impressions // 2, clicks=(arm.impressions // 2) // 3) if place % 2 else arm
        for place, arm in enumerate(arms)
    ]


def test_tests_with_broken_randomisation_teach_nothing() -> None:
    good, bad = experiments(60, seed=6), _broken(experiments(60, seed=7, name="broken"))
    plan = ScorerPlan(folds=0)
    clean, left_out = (train(arms, plan, encoder=BagEncoder()) for arms in (good, [*good, *bad]))
    assert left_out.record["tests"] == clean.record["tests"]
    assert left_out.utility(NEW).tolist() == clean.utility(NEW).tolist()
    kept = train([*good, *bad], replace(plan, srm_threshold=0.0), encoder=BagEncoder())
    assert _agreement(kept) < _agreement(clean) - 0.1


def test_tests_named_as_faulty_are_left_out() -> None:
    arms = experiments(30, seed=8)
    kept = usable(arms, ScorerPlan(left_out=frozenset({"t3", "t4"})))
    assert {arm.test for arm in arms} - {arm.test for arm in kept} >= {"t3", "t4"}


@given(st.text(min_size=1, max_size=12), st.integers(2, 10), st.integers(0, 5))
def test_a_test_has_one_fold(test: str, folds: int, seed: int) -> None:
    assert fold_of(test, folds=folds, seed=seed) == fold_of(test, folds=folds, seed=seed)
    assert 0 <= fold_of(test, folds=folds, seed=seed) < folds


def test_no_test_is_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    arms = experiments(25, seed=9)
    blocks = {f"t{number}": f"article {number // 3}" for number in range(25)}
    trained: list[set[str]] = []
    judged: list[set[str]] = []
    fitting, judging = module._fitted, module.judged_by

    def fitted(kept: list[Arm], plan: ScorerPlan, encoder: Encoder | None, measured: dict[str, Any] | None) -> Scorer:
        trained.append({arm.test for arm in kept})
        return fitting(kept, plan, encoder, measured)

    def judging_noted(scorer: Scorer, held: list[Arm]) -> Judged:
        judged.append({arm.test for arm in held})
        return judging(scorer, held)

    monkeypatch.setattr(module, "_fitted", fitted)
    monkeypatch.setattr(module, "judged_by", judging_noted)
    cross_validate(arms, ScorerPlan(base="text"), encoder=None, blocks=blocks)
    assert sorted(test for tests in judged for test in tests) == sorted(blocks)
    for inside, outside in zip(judged, trained, strict=True):
        assert not inside & outside
        assert not {blocks[test] for test in inside} & {blocks[test] for test in outside}


def test_the_same_arms_give_the_same_scorer(bag_scorer: Scorer) -> None:
    again = train(experiments(150, seed=1), ScorerPlan(folds=0), encoder=BagEncoder())
    assert again.utility(NEW[:20]).tolist() == bag_scorer.utility(NEW[:20]).tolist()


def _too_few(arms: list[Arm]) -> str:
    with pytest.raises(ScorerError) as refused:
        train(arms, ScorerPlan(base="text"))
    assert refused.value.field == "arms"
    return refused.value.message


def test_too_few_tests_are_refused_with_the_count() -> None:
    assert _too_few(experiments(19, seed=10)).startswith("19 of 19 tests compare two or more different texts")


def test_tests_that_compare_nothing_do_not_count() -> None:
    one_arm = experiments(30, seed=11, arms=1)
    alike = [replace(arm, text="Otters hum") for arm in experiments(30, seed=12)]
    unshown = [replace(arm, impressions=0, clicks=0) for arm in experiments(30, seed=13)]
    for arms in (one_arm, alike, unshown):
        assert _too_few(arms).startswith("0 of 30 tests")


def test_tests_without_a_single_click_give_one_half() -> None:
    arms = [replace(arm, clicks=0) for arm in experiments(25, seed=14)]
    scorer = train(arms, ScorerPlan(base="text"))
    assert scorer.measured is None
    assert scorer.probability("Amber otter", "Quail hum") == 0.5


def test_pure_luck_stays_near_one_half() -> None:
    rng = np.random.default_rng(15)
    arms = [replace(arm, clicks=int(rng.binomial(arm.impressions, 0.05))) for arm in experiments(60, seed=15)]
    scorer = train(arms, ScorerPlan(folds=0), encoder=BagEncoder())
    chances = np.array(scorer.beats(NEW[0], NEW[1:]))
    assert np.abs(chances - 0.5).max() < 0.15


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"folds": 1}, "folds"),
        ({"folds": -1}, "folds"),
        ({"srm_threshold": 1.0}, "srm_threshold"),
        ({"fewest_tests": 1}, "fewest_tests"),
    ],
)
def test_a_plan_refuses_what_cannot_be(changes: dict[str, float], field: str) -> None:
    with pytest.raises(ScorerError) as refused:
        ScorerPlan(**changes)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_an_unknown_base_is_refused() -> None:
    with pytest.raises(ScorerError) as refused:
        train(experiments(25, seed=16), ScorerPlan(base="nobody/has-this-encoder"))
    assert refused.value.field == "base"


def test_a_cap_keeps_whole_tests() -> None:
    kept = usable(experiments(50, seed=17), ScorerPlan(most_arms=90))
    assert len(kept) == 88
    assert {sum(arm.test == test for arm in kept) for test in {arm.test for arm in kept}} == {4}


def test_progress_rises_and_a_stop_is_obeyed() -> None:
    seen: list[float] = []
    plan = ScorerPlan(base="text", folds=2)
    train(experiments(25, seed=18), plan, on_progress=lambda fraction, *_: seen.append(fraction))
    assert seen == [0.0, 0.45, 0.9]
    with pytest.raises(Cancelled):
        train(experiments(25, seed=18), plan, should_stop=lambda: len(seen) > 2)
    assert seen == [0.0, 0.45, 0.9]


def test_auto_takes_no_english_encoder_for_chinese() -> None:
    arms = [replace(arm, language="zh") for arm in experiments(25, seed=19)]
    scorer = train(arms, ScorerPlan(folds=0))
    assert scorer.encoder is None
    assert scorer.languages == ("zh",)
