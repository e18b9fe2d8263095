"""The closed forms, against plain refits: whitening, and predictions for a test as if it had been left out."""

from __future__ import annotations

import numpy as np
import pytest

from models_ml.nn.scoring.fitting import WITH_ENCODER, contests, fit, solve, whitened
from models_ml.nn.scoring.kernels import ENCODER, Features, gaussian, prepare
from models_ml.nn.scoring.whitening import Evidence, weigh
from tests.models_ml.nn.scoring.world import BagEncoder, experiments


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return weigh(experiments(30, seed=3, shown=(200, 4000)))


@pytest.fixture(scope="module")
def features(evidence: Evidence) -> Features:
    rows = BagEncoder().encode(evidence.texts)
    return prepare(evidence.texts, rows).features(evidence.texts, rows)


def _covariance(evidence: Evidence, test: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    block = evidence.blocks[test]
    return np.asarray(block @ block.T)


def test_whitening_makes_the_noise_of_a_test_independent_and_of_size_one(evidence: Evidence) -> None:
    start, end = evidence.spans[1]
    by_text = evidence.whiten[start:end][:, evidence.text_of[start:end]].toarray()
    assert by_text @ _covariance(evidence, 1) @ by_text.T == pytest.approx(np.eye(end - start))


def test_arms_shown_less_carry_more_noise(evidence: Evidence) -> None:
    small, large = _covariance(evidence, 0), _covariance(evidence, 1)
    assert np.diag(small).min() > np.diag(large).max()


def test_left_out_predictions_equal_a_refit_without_the_test(evidence: Evidence, features: Features) -> None:
    kernel = 0.05 * whitened(evidence, features, ENCODER)
    _, left_out = solve(evidence, np.asfortranarray(kernel.copy()))
    for test in (0, 7, 29):
        start, end = evidence.spans[test]
        kept = np.r_[0:start, end : len(evidence.arms)]
        matrix = kernel[np.ix_(kept, kept)].astype(float) + np.eye(len(kept))
        plain = evidence.blocks[test] @ kernel[start:end, kept] @ np.linalg.solve(matrix, evidence.target[kept])
        assert left_out[start:end] == pytest.approx(plain, abs=2e-5)


def test_contests_point_at_the_arms_that_met(evidence: Evidence) -> None:
    found = contests(evidence)
    for first, second, won in zip(found.first, found.second, found.won, strict=True):
        one, other = evidence.arms[first], evidence.arms[second]
        assert one.test == other.test
        assert (one.clicks / one.impressions > other.clicks / other.impressions) == bool(won)


def test_the_chosen_strength_has_the_least_left_out_loss(evidence: Evidence, features: Features) -> None:
    found = fit(evidence, features, WITH_ENCODER)
    assert found.scales[ENCODER] / WITH_ENCODER[ENCODER] in (0.5, 1.0, 2.0)
    assert found.loss < np.log(2)
    assert found.weights.shape == (len(evidence.texts),)


def test_views_are_scaled_to_length_one_and_a_text_is_like_itself(features: Features) -> None:
    assert (features.encoder**2).sum(axis=1).mean() == pytest.approx(1.0, abs=1e-4)
    assert (features.handmade**2).sum(axis=1).mean() == pytest.approx(1.0, abs=1e-4)
    assert np.diag(gaussian(features.encoder, features.encoder)) == pytest.approx(1.0, abs=1e-5)
