"""Figures of merit against values by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from models_ml.nn.scoring import Arm
from models_ml.nn.scoring.calibration import fit_slope, log_loss, probability
from models_ml.nn.scoring.evaluation import Judged, figures, judge

ARM = Arm("a", "image", "x", 1000, 100)
ARMS = [ARM, replace(ARM, text="y", clicks=50), replace(ARM, text="z", clicks=90)]


def test_judge_counts_pairs_winners_and_hits() -> None:
    said = {("x", "y"): 0.8, ("x", "z"): 0.4, ("y", "z"): 0.5}
    judged = judge(ARMS, lambda one, two: said[one.text, two.text], lambda members: 2)
    assert judged.said.tolist() == [0.8, 0.4, 0.5]
    assert judged.won.tolist() == [1.0, 1.0, 0.0]
    assert judged.significant.tolist() == [True, False, True]
    assert (judged.hit.tolist(), judged.chance.tolist()) == ([0.0], [1 / 3])
    found = figures(judged, resamples=10)
    assert found["accuracy"].value == 0.5  # one right, one wrong, one undecided
    assert found["significant"].value == 0.75
    assert found["log_loss"].value == pytest.approx(-(math.log(0.8) + math.log(0.4) + math.log(0.5)) / 3)
    assert found["top1_chance"].value == pytest.approx(1 / 3)


def test_a_pick_among_equal_best_is_a_hit() -> None:
    judged = judge([ARM, replace(ARM, text="y")], lambda one, two: 0.5, lambda members: 1)
    assert judged.hit.tolist() == [1.0]
    assert judged.said.tolist() == []  # a pair without a winner judges nobody


def _many(said: float, share: float, count: int = 2000) -> Judged:
    won = (np.arange(count) < share * count).astype(float)
    none = np.zeros(0)
    test = np.arange(count)
    flags = np.zeros(count, dtype=bool)
    return Judged(test, np.full(count, said), won, flags, none.astype(np.intp), none, none)


@pytest.mark.parametrize(("share", "error"), [(0.7, 0.0), (0.6, 0.1), (0.9, 0.2)])
def test_calibration_error_is_the_gap_of_said_and_seen(share: float, error: float) -> None:
    # all pairs are alike, so which of them fall into a bin is chance; the two halves (p, 1 - p) are what counts
    judged = _many(0.7, share)
    order = np.random.default_rng(0).permutation(len(judged.won))
    found = figures(replace(judged, won=judged.won[order]), resamples=1)["calibration_error"]
    assert found.value == pytest.approx(error, abs=0.03)


def test_intervals_are_over_tests_and_hold_the_value() -> None:
    judged = _many(0.7, 0.7, count=400)
    found = figures(judged, seed=3, resamples=400)["accuracy"]
    spread = 1.96 * math.sqrt(0.7 * 0.3 / 400)
    assert (found.value, found.count) == (0.7, 400)
    assert found.low == pytest.approx(0.7 - spread, abs=0.012)
    assert found.high == pytest.approx(0.7 + spread, abs=0.012)
    one_test = replace(judged, test=np.zeros(400, dtype=np.intp))
    alone = figures(one_test, resamples=50)["accuracy"]
    assert alone.low == alone.high == pytest.approx(0.7)


def test_without_cases_a_figure_is_no_number() -> None:
    assert math.isnan(figures(_many(0.7, 0.7, count=10), resamples=5)["top1"].value)


def test_the_slope_recovers_a_known_one() -> None:
    rng = np.random.default_rng(0)
    gaps = rng.normal(0, 0.4, 20_000)
    won = (rng.random(20_000) < probability(gaps, 2.5)).astype(float)
    assert fit_slope(gaps, won) == pytest.approx(2.5, abs=0.1)


def test_the_slope_is_nought_without_evidence_or_against_it() -> None:
    assert fit_slope(np.zeros(0), np.zeros(0)) == 0.0
    assert fit_slope(np.zeros(5), np.ones(5)) == 0.0
    gaps = np.linspace(-1, 1, 100)
    assert fit_slope(gaps, (gaps < 0).astype(float)) == pytest.approx(0.0, abs=1e-3)


def test_few_pairs_are_pulled_to_one_half() -> None:
    gaps = np.array([1.0, 1.0])
    few, many = fit_slope(gaps, np.ones(2)), fit_slope(np.tile(gaps, 200), np.ones(400))
    assert few < 0.8
    assert many > 4


def test_log_loss_of_a_coin() -> None:
    assert log_loss(np.zeros(3), np.array([1.0, 0.0, 1.0])) == pytest.approx(math.log(2))
