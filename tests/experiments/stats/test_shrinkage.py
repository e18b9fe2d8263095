"""The shrunk reading of a lift: coherence with the test, the winner's curse, and what cannot be shrunk."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.inference import Effect, Normal, Reading, conclude
from experiments.stats.results import ArmEstimate, Direction
from experiments.stats.shrinkage import (
    HEADLINES,
    Posterior,
    Prior,
    exaggeration_at,
    log_lift,
    logarithmic_mean,
    shrink,
    shrink_effect,
    winners_curse,
)

PRIOR = Prior(0.0, 0.1, 12)
values = st.floats(1e-3, 1e3)
directions = st.sampled_from(["increase", "decrease"])


def effect(control: float, treatment: float, error: float = 0.05) -> Effect:
    return Effect(ArmEstimate(500, control, control * error), ArmEstimate(500, treatment, treatment * error))


# --- the log lift -----------------------------------------------------------------------------------------------------
@given(values, values, st.floats(1e-3, 0.5), directions)
def test_without_a_prior_it_is_the_absolute_test(before: float, after: float, error: float, good: Direction) -> None:
    found = effect(before, after, error)
    result = conclude(found, Normal(), method="z", reading=Reading(direction=good))
    lift = log_lift(found)
    assert lift is not None
    assert lift.estimate / lift.standard_error == pytest.approx(result.statistic, rel=1e-9, abs=1e-12)
    posterior = shrink_effect(found, None, direction=good)
    assert posterior is not None
    assert posterior.chance_to_win == pytest.approx(result.chance_to_win, rel=1e-6, abs=1e-12)
    assert result.lift is not None
    assert posterior.estimate == pytest.approx(result.lift.estimate, rel=1e-9, abs=1e-12)


def test_to_first_order_its_error_is_the_delta_methods() -> None:
    lift = log_lift(effect(2.0, 2.02, 0.01))
    assert lift is not None
    assert lift.standard_error == pytest.approx(0.01 * math.sqrt(2), rel=1e-3)


@given(values, values)
def test_the_logarithmic_mean_lies_between(first: float, second: float) -> None:
    low, high = sorted((first, second))
    mean = logarithmic_mean(first, second)
    assert low * (1 - 1e-12) <= mean <= high * (1 + 1e-12)
    assert mean == pytest.approx(logarithmic_mean(second, first), rel=1e-8)


def test_the_logarithmic_mean_is_smooth_where_its_series_takes_over() -> None:
    sides = [logarithmic_mean(1.0, 1 + step) for step in (0.99999e-5, 1.00001e-5)]
    assert sides[1] - sides[0] == pytest.approx(1e-10, rel=0.05)


@pytest.mark.parametrize(("before", "after"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (math.nan, 1.0)])
def test_without_a_positive_value_there_is_no_log_lift(before: float, after: float) -> None:
    found = Effect(ArmEstimate(5, before, 0.1), ArmEstimate(5, after, 0.1))
    assert log_lift(found) is None
    assert shrink_effect(found, PRIOR) is None


def test_without_variation_there_is_no_log_lift() -> None:
    assert log_lift(Effect(ArmEstimate(5, 1.0, 0.0), ArmEstimate(5, 1.0, 0.0))) is None


# --- shrinking --------------------------------------------------------------------------------------------------------
def test_a_prior_as_sure_as_the_data_halves_the_log_lift() -> None:
    found = shrink(0.2, 0.1, PRIOR)
    assert found.mean == pytest.approx(0.1)
    assert found.weight == pytest.approx(0.5)
    assert found.estimate == pytest.approx(math.expm1(0.1))
    assert found.spread == pytest.approx(0.1 / math.sqrt(2))
    half = 1.959963984540054 * 0.1 / math.sqrt(2)
    assert (found.lower, found.upper) == pytest.approx((math.expm1(0.1 - half), math.expm1(0.1 + half)))


@given(st.floats(-2, 2), st.floats(1e-3, 5), st.floats(-0.2, 0.2), st.floats(1e-3, 1), directions)
def test_everything_says_the_same(estimate: float, error: float, mean: float, spread: float, good: Direction) -> None:
    found = shrink(estimate, error, Prior(mean, spread, 5), direction=good)
    sign = 1 if good == "increase" else -1
    if abs(found.mean) < 1e-9:
        return
    wins = found.chance_to_win > 0.5
    assert wins == (found.estimate * sign > 0)
    assert wins == (found.expected_loss_ship < found.expected_loss_keep)
    assert found.expected_loss_keep - found.expected_loss_ship == pytest.approx(sign * found.mean, rel=1e-6, abs=1e-12)
    assert found.lower < found.estimate < found.upper
    tail = found.chance_to_win if good == "increase" else 1 - found.chance_to_win
    if min(abs(tail - edge) for edge in (0.025, 0.975)) > 1e-6:
        assert (found.lower > 0) == (tail > 0.975)
        assert (found.upper < 0) == (tail < 0.025)
    assert min(estimate, mean) - 1e-12 <= found.mean <= max(estimate, mean) + 1e-12


@given(st.floats(-1, 1), st.floats(0.01, 1), st.floats(0.01, 1), st.floats(1.01, 5))
def test_a_narrower_prior_shrinks_more(estimate: float, error: float, spread: float, times: float) -> None:
    narrow, wide = (shrink(estimate, error, Prior(0.0, one)) for one in (spread, spread * times))
    assert abs(narrow.mean) <= abs(wide.mean) <= abs(estimate)
    assert narrow.spread < wide.spread < error


def test_no_data_is_the_prior_and_much_data_is_the_data() -> None:
    nothing = shrink(0.0, math.inf, Prior(0.02, 0.1))
    assert (nothing.mean, nothing.spread, nothing.weight) == (0.02, 0.1, 0.0)
    assert shrink(0.3, 1e-9, PRIOR).estimate == pytest.approx(math.expm1(0.3), rel=1e-9)
    assert shrink(0.0, 1e4, None).upper == math.inf


def test_the_default_prior_says_where_it_is_from() -> None:
    assert (HEADLINES.mean, HEADLINES.experiments) == (0.0, 0)
    assert HEADLINES.spread == pytest.approx(0.2133 * math.sqrt(2), abs=0.002)
    assert HEADLINES.source == "upworthy_headlines"


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"^spread: 0.0 is not"):
        Prior(0.0, 0.0)
    with pytest.raises(ValueError, match=r"^spread: inf is not"):
        Prior(0.0, math.inf)
    with pytest.raises(ValueError, match=r"^mean: nan"):
        Prior(math.nan, 0.1)
    with pytest.raises(ValueError, match=r"^experiments: -1"):
        Prior(0.0, 0.1, -1)
    with pytest.raises(ValueError, match=r"^standard_error: 0.0"):
        shrink(0.1, 0.0, PRIOR)
    with pytest.raises(ValueError, match=r"^alpha: 1.0"):
        winners_curse(0.1, PRIOR, alpha=1.0)
    with pytest.raises(ValueError, match=r"^standard_error: -1"):
        exaggeration_at(0.1, -1.0)


# --- what holds on average --------------------------------------------------------------------------------------------
def drawn(prior: Prior, error: float, *, seed: int = 1, count: int = 200_000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    true = generator.normal(prior.mean, prior.spread, count)
    return true, generator.normal(true, error)


def test_shrunk_lifts_err_less_and_their_intervals_hold() -> None:
    prior = Prior(0.02, 0.1, 50)
    true, seen = drawn(prior, 0.15, count=4000)
    found: list[Posterior] = [shrink(float(one), 0.15, prior) for one in seen]
    middle = np.array([one.mean for one in found])
    assert np.mean((middle - true) ** 2) < 0.4 * np.mean((seen - true) ** 2)
    inside = [math.log1p(one.lower) < effect < math.log1p(one.upper) for one, effect in zip(found, true, strict=True)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)
    chance = np.array([one.chance_to_win for one in found])
    sure = (chance > 0.7) & (chance < 0.8)
    assert np.mean(true[sure] > 0) == pytest.approx(np.mean(chance[sure]), abs=0.05)
    # A winner picked by its raw lift disappoints, one read by its shrunk lift does not.
    won = seen > 1.96 * 0.15
    assert np.mean(seen[won] - true[won]) > 0.15
    assert np.mean(middle[won] - true[won]) == pytest.approx(0.0, abs=0.02)


def test_the_winners_curse_is_what_simulation_shows() -> None:
    prior = Prior(0.01, 0.1)
    true, seen = drawn(prior, 0.08)
    won = seen > 1.959963984540054 * 0.08
    found = winners_curse(0.08, prior)
    assert found.chance == pytest.approx(np.mean(won), abs=0.003)
    assert found.observed == pytest.approx(np.mean(seen[won]), rel=0.01)
    assert found.true == pytest.approx(np.mean(true[won]), rel=0.015)


@pytest.mark.parametrize(("power", "times"), [(0.2, 2.25), (0.5, 1.41), (0.8, 1.12)])
def test_exaggeration_by_power(power: float, times: float) -> None:
    distance = {0.2: -0.8416212, 0.5: 0.0, 0.8: 0.8416212}[power] + 1.959963984540054
    found = exaggeration_at(distance * 0.1, 0.1)
    assert found.chance == pytest.approx(power, abs=1e-6)
    assert found.exaggeration == pytest.approx(times, abs=0.006)


def test_of_a_loser_nothing_can_be_exaggerated() -> None:
    assert math.isnan(exaggeration_at(-0.1, 0.1).exaggeration)
