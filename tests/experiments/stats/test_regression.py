"""Lin's regression from rows, against one big interacted regression and against moments."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from experiments.stats.adjustment import adjust
from experiments.stats.moments import Moments
from experiments.stats.regression import CORRECTIONS, Correction, interacted

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def rows() -> Rows:
    generator = np.random.default_rng(7)
    features = np.column_stack([generator.poisson(2.0, 400), generator.exponential(3.0, 400)]).astype(float)
    treated = generator.integers(0, 2, 400)
    outcome = 1 + features @ [0.5, 0.2] + treated * (0.3 + 0.4 * features[:, 0]) + generator.normal(0, features[:, 1])
    return outcome, treated, features


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_it_is_the_interacted_regression(rows: Rows, correction: Correction) -> None:
    outcome, treated, features = rows
    centred = features - features.mean(axis=0)
    design = np.column_stack([np.ones(len(outcome)), treated, centred, treated[:, None] * centred])
    fitted = sm.OLS(outcome, design).fit(cov_type=correction)
    effect = interacted(outcome, treated, features, correction=correction)
    assert effect.difference == pytest.approx(fitted.params[1], rel=1e-10)
    assert effect.variance**0.5 == pytest.approx(fitted.bse[1], rel=1e-10)


def test_moments_give_the_same_difference(rows: Rows) -> None:
    outcome, treated, features = rows
    matrix = np.column_stack([outcome, features])
    control, treatment = (Moments.from_rows(("y", "a", "b"), matrix[treated == arm]) for arm in (0, 1))
    found = adjust(control, treatment, "y", None, ["a", "b"], slope="separate")
    assert found.effect.difference == pytest.approx(interacted(*rows).difference, rel=1e-10)


def test_what_does_not_fit_is_named(rows: Rows) -> None:
    outcome, treated, features = rows
    with pytest.raises(ValueError, match=r"^correction: 'HC9'"):
        interacted(outcome, treated, features, correction="HC9")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^covariates: shape"):
        interacted(outcome, treated, features[1:])
    with pytest.raises(ValueError, match=r"^treated: "):
        interacted(outcome, treated + 1, features)
    with pytest.raises(ValueError, match=r"^covariates: 2 of them are too many or collinear"):
        interacted(outcome, treated, np.column_stack([features[:, 0], 2 * features[:, 0]]))
