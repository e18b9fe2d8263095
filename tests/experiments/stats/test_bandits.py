"""Chances to be best against published values and brute force; shares for either direction; scores by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats import bandits
from experiments.stats.bayes import probability_best_normal
from experiments.stats.beta_binomial import Beta, probability_best_beta

# Published values are of the statistics reference (15): Beta(1,1) with clicks of 1000, and three normal cases.


def test_chances_to_be_best() -> None:
    clicks = [20, 25, 30]
    found = probability_best_beta([Beta(1 + one, 1001 - one) for one in clicks])
    np.testing.assert_allclose(found, [0.047033962, 0.233683938, 0.719282099], atol=2e-9)
    alike = probability_best_normal([0, 0.1, 0.2], [0.1] * 3)
    np.testing.assert_allclose(alike, [0.047150680, 0.224098305, 0.728751015], atol=2e-9)
    unlike = probability_best_normal([0, 0.5, 1], [0.05, 0.5, 1.5])
    np.testing.assert_allclose(unlike, [0.040639981, 0.343340119, 0.616019899], atol=2e-8)


@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(0.05, 2)), min_size=2, max_size=6))
def test_chances_add_up_and_a_mirrored_scale_gives_the_same(arms: list[tuple[float, float]]) -> None:
    means, spreads = zip(*arms, strict=True)
    found = np.array(probability_best_normal(means, spreads))
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    mirrored = probability_best_normal([-one for one in means], spreads, direction="decrease")
    np.testing.assert_allclose(mirrored, found, atol=1e-12)


@pytest.mark.parametrize("method", ["thompson", "top_two"])
def test_where_lower_is_better_the_lowest_arm_gets_the_most(method: bandits.Method) -> None:
    shares = bandits.thompson_shares([0.04, 0.05, 0.06], [0.01] * 3, method=method, direction="decrease")
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.4
    assert sum(shares) == pytest.approx(1.0)


def test_top_two_by_simulation() -> None:
    rng = np.random.default_rng(3)
    means, spreads = np.array([0.0, 0.3, 0.5]), np.array([0.3, 0.4, 0.3])
    draws = rng.normal(means, spreads, (200_000, 3)).argmax(axis=1)
    chances = np.bincount(draws, minlength=3) / len(draws)
    # Draw the best; with chance 1/2 keep it, else draw again until another one comes.
    simulated = np.zeros(3)
    for first in range(3):
        others = np.where(np.arange(3) == first, 0.0, chances)
        simulated += chances[first] * (0.5 * np.eye(3)[first] + 0.5 * others / others.sum())
    np.testing.assert_allclose(bandits.top_two(chances), simulated, atol=1e-9)
    np.testing.assert_allclose(bandits.top_two([1.0, 0.0, 0.0]), [0.5, 0.25, 0.25])
    np.testing.assert_allclose(bandits.top_two([1.0]), [1.0])


def test_a_prior_draws_arms_together_and_gives_the_unseen_one_the_common_value() -> None:
    means, spreads = bandits.shrunk_posteriors([0.02, 0.03, math.nan], [0.005, 0.005, math.inf], spread=0.1)
    assert 0.02 < means[0] < means[1] < 0.03
    assert means[2] == pytest.approx(0.025)
    assert spreads[2] == pytest.approx(0.025 * 0.1 / math.sqrt(2), rel=1e-9)
    wide, _ = bandits.shrunk_posteriors([0.02, 0.03], [0.0005, 0.0005], spread=5.0)
    np.testing.assert_allclose(wide, [0.02, 0.03], rtol=1e-3)
    with pytest.raises(ValueError, match="standard_errors: no arm has a value"):
        bandits.shrunk_posteriors([math.nan], [math.inf], spread=0.1)


def test_scores() -> None:
    found = bandits.ucb1([2 / 3, 1.0, 0.0], [3, 2, 1], alpha=1.25)
    np.testing.assert_allclose(found, [2.032835, 2.673208, 2.366273], atol=1e-6)
    assert bandits.ucb1([0.5, 0.0], [2, 0])[1] == math.inf
    arm = bandits.LinearBandit.fit([[1, 0], [1, 1], [0, 1]], [1, 0, 1])
    assert arm.theta == pytest.approx([0.25, 0.25])
    assert arm.score([1, 0.5]) == pytest.approx(0.961301970, abs=1e-9)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="spreads"):
        probability_best_normal([0, 1], [1, 0])
    with pytest.raises(ValueError, match="wins"):
        probability_best_beta([Beta(1, 1), Beta(0, 1)])
    with pytest.raises(ValueError, match="counts"):
        bandits.ucb1([0.0], [0])
    with pytest.raises(ValueError, match="ridge"):
        bandits.LinearBandit.fit([[1.0]], [1.0], ridge=0)
