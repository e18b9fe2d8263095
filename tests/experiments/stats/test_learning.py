"""The prior learned from past experiments: recovered from simulated shops, against dense matrices, and its floor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.stats.learning import LogValue, Past, dersimonian_laird, learn, learn_without
from experiments.stats.results import ArmEstimate
from experiments.stats.shrinkage import HEADLINES, Prior


def shop(
    seed: int, count: int, *, spread: float, mean: float = 0.0, error: float = 0.05, challengers: int = 1
) -> list[Past]:
    """Past experiments whose true effects have this mean and spread, each arm's log value with this error."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        level = generator.normal(-3, 1)
        true = level + generator.normal(0, spread / math.sqrt(2), challengers + 1)
        true[1:] += mean
        arms = [LogValue(float(value), error**2) for value in generator.normal(true, error)]
        found.append(Past(str(number), arms[0], tuple(arms[1:])))
    return found


# --- what is recovered ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("spread", "mean", "challengers"), [(0.2, 0.0, 1), (0.1, 0.03, 1), (0.1, -0.03, 3)])
def test_spread_and_mean_of_a_simulated_shop_are_found(spread: float, mean: float, challengers: int) -> None:
    found = learn(shop(1, 800, spread=spread, mean=mean, challengers=challengers))
    assert found.prior.spread == pytest.approx(spread, rel=0.1)
    assert abs(found.raw_mean - mean) < 3 * found.mean_error
    assert found.prior.experiments == 800
    assert dersimonian_laird(shop(1, 800, spread=spread, challengers=challengers)) == pytest.approx(spread, rel=0.1)


def test_the_errors_are_those_of_repeated_shops() -> None:
    found = [learn(shop(seed, 40, spread=0.1, mean=0.02), default_doubt=math.inf) for seed in range(200)]
    means = np.array([one.raw_mean for one in found])
    spreads = np.log([one.prior.spread for one in found])
    assert np.std(means) == pytest.approx(np.mean([one.mean_error for one in found]), rel=0.12)
    assert np.std(spreads) == pytest.approx(np.median([one.spread_error for one in found]), rel=0.2)
    assert np.mean(means) == pytest.approx(0.02, abs=0.005)


def test_the_restricted_likelihood_is_that_of_dense_matrices() -> None:
    """Harville's formula with every level and the mean as columns, at the spread found: no other is more likely."""
    past = shop(3, 12, spread=0.15, error=0.1) + shop(4, 8, spread=0.15, error=0.03, challengers=2)
    past = [Past(str(key), one.control, one.challengers) for key, one in enumerate(past)]
    arms = [
        (arm, key, place) for key, one in enumerate(past) for place, arm in enumerate((one.control, *one.challengers))
    ]
    values = np.array([arm.value for arm, _, _ in arms])
    design = np.zeros((len(arms), len(past) + 1))
    for row, (_, key, place) in enumerate(arms):
        design[row, key], design[row, -1] = 1, place > 0

    def likelihood(spread: float) -> float:
        inverse = np.diag([1 / (arm.variance + spread**2 / 2) for arm, _, _ in arms])
        information = design.T @ inverse @ design
        fitted = np.linalg.solve(information, design.T @ inverse @ values)
        residual = values - design @ fitted
        logs = -np.linalg.slogdet(inverse)[1] + np.linalg.slogdet(information)[1]
        return -float(logs + residual @ inverse @ residual) / 2

    found = learn(past, default_doubt=math.inf)
    best = likelihood(found.prior.spread)
    grid = np.exp(np.linspace(math.log(0.01), math.log(1), 200))
    assert best >= max(likelihood(one) for one in grid) - 1e-9
    inverse = np.diag([1 / (arm.variance + found.prior.spread**2 / 2) for arm, _, _ in arms])
    covariance = np.linalg.inv(design.T @ inverse @ design)
    assert found.raw_mean == pytest.approx(float((covariance @ design.T @ inverse @ values)[-1]), rel=1e-9)
    assert found.mean_error == pytest.approx(math.sqrt(covariance[-1, -1]), rel=1e-9)


# --- few experiments --------------------------------------------------------------------------------------------------
def test_no_history_is_the_default() -> None:
    found = learn([])
    assert found.prior == HEADLINES
    assert math.isinf(found.mean_error)
    assert dersimonian_laird([]) == 0.0


def test_a_short_history_without_any_effect_does_not_claim_that_nothing_works() -> None:
    still = [Past.of_lift(str(key), 0.0, 0.02) for key in range(3)]
    assert learn(still).prior.spread > 0.02
    assert learn(still, default_doubt=math.inf).prior.spread < 0.001
    long = [Past.of_lift(str(key), 0.0, 0.02) for key in range(300)]
    assert learn(long).prior.spread < 0.01


def test_ten_small_but_precise_experiments_outweigh_the_default() -> None:
    for seed in range(5):
        assert learn(shop(seed, 10, spread=0.05, error=0.01)).prior.spread == pytest.approx(0.05, rel=0.5)


def test_noisy_experiments_teach_little() -> None:
    noisy = [Past.of_lift(str(key), 0.5 * (-1) ** key, 2.0) for key in range(5)]
    assert learn(noisy).prior.spread == pytest.approx(HEADLINES.spread, rel=0.1)


def test_the_mean_is_believed_only_with_data_and_can_be_fixed() -> None:
    few, many = shop(5, 5, spread=0.1, mean=0.2), shop(5, 2000, spread=0.1, mean=0.2)
    assert abs(learn(few).prior.mean) < 0.6 * abs(learn(few).raw_mean)
    assert learn(many).prior.mean == pytest.approx(0.2, abs=0.02)
    assert learn(many, mean_spread=0).prior.mean == 0.0


def test_another_default_may_be_given() -> None:
    default = Prior(0.0, 0.05, source="emails")
    assert learn([], default=default).prior == default
    assert learn([Past.of_lift("1", 0.01, 0.5)], default=default).prior.spread == pytest.approx(0.05, rel=0.05)


# --- one experiment left out ------------------------------------------------------------------------------------------
def test_an_experiments_own_result_does_not_feed_its_prior() -> None:
    past = shop(6, 10, spread=0.05)
    outlier = Past.of_lift("outlier", 1.0, 0.05)
    assert learn_without([*past, outlier], "outlier") == learn(past)
    assert learn([*past, outlier]).prior.spread > 2 * learn(past).prior.spread
    assert learn_without(past, "unknown") == learn(past)


# --- invariants -------------------------------------------------------------------------------------------------------
@settings(max_examples=40)
@given(st.integers(0, 1000), st.floats(-5, 5), st.integers(1, 3))
def test_the_level_of_an_experiment_and_the_order_say_nothing(seed: int, shift: float, challengers: int) -> None:
    past = shop(seed, 6, spread=0.1, challengers=challengers)
    moved = [
        Past(
            one.key,
            LogValue(one.control.value + shift, one.control.variance),
            tuple(LogValue(arm.value + shift, arm.variance) for arm in reversed(one.challengers)),
        )
        for one in reversed(past)
    ]
    plain, other = learn(past), learn(moved)
    assert other.prior.spread == pytest.approx(plain.prior.spread, rel=1e-5)
    assert other.raw_mean == pytest.approx(plain.raw_mean, rel=1e-4, abs=1e-8)


@settings(max_examples=40)
@given(st.integers(0, 1000))
def test_turning_all_effects_around_turns_the_mean_and_leaves_the_spread(seed: int) -> None:
    past = shop(seed, 8, spread=0.1, mean=0.05)
    turned = [Past(one.key, one.challengers[0], (one.control,)) for one in past]
    plain, other = learn(past), learn(turned)
    assert other.raw_mean == pytest.approx(-plain.raw_mean, rel=1e-5, abs=1e-9)
    assert other.prior.spread == pytest.approx(plain.prior.spread, rel=1e-5)


def test_a_lift_with_its_error_is_enough() -> None:
    past = shop(7, 30, spread=0.1)
    lifts = [Past.of_lift(one.key, one.challengers[0].value - one.control.value, math.sqrt(2) * 0.05) for one in past]
    assert learn(lifts).prior.spread == pytest.approx(learn(past).prior.spread, rel=1e-6)


def test_the_logarithm_of_an_arm() -> None:
    found = LogValue.of(ArmEstimate(100, 0.2, 0.04))
    assert found is not None
    assert (found.value, found.variance) == pytest.approx((math.log(0.2), 0.04))
    for value, error in ((0.0, 0.1), (-1.0, 0.1), (1.0, 0.0), (math.nan, 0.1), (1.0, math.nan)):
        assert LogValue.of(ArmEstimate(100, value, error)) is None


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"^variance: 0.0"):
        LogValue(0.0, 0.0)
    with pytest.raises(ValueError, match=r"^value: inf"):
        LogValue(math.inf, 1.0)
    with pytest.raises(ValueError, match=r"^challengers: "):
        Past("1", LogValue(0.0, 1.0), ())
    with pytest.raises(ValueError, match=r"^default_doubt: 0"):
        learn([], default_doubt=0)
    with pytest.raises(ValueError, match=r"^mean_spread: -1"):
        learn([], mean_spread=-1)
