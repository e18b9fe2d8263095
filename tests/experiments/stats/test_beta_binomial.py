"""Beta posteriors: Miller's sum as the second way, extreme priors and tails, and coherence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from experiments.stats.beta_binomial import UNIFORM, Beta, chance_above, compare, probability_best_beta
from experiments.stats.proportions import Counts
from experiments.stats.results import Direction


def millers_sum(first: Beta, second: Beta) -> float:
    """P(second > first) for a whole number of wins of the second (Miller 2014)."""
    i = np.arange(int(second.wins))
    logs = (
        special.betaln(first.wins + i, first.losses + second.losses)
        - np.log(second.losses + i)
        - special.betaln(1 + i, second.losses)
        - special.betaln(first.wins, first.losses)
    )
    return float(np.exp(logs).sum())


@pytest.mark.parametrize(
    ("control", "treatment", "chance", "loss_of_treatment", "loss_of_control"),
    [
        (Counts(40, 100), Counts(50, 100), 0.921426249, 0.002468447, 0.100507662),
        (Counts(1000, 50000), Counts(1110, 50000), 0.992245214, 2.327412e-06, 0.002202239),
        (Counts(14, 28), Counts(16, 30), 0.598548207, 0.035971448, 0.067221448),
    ],
)
def test_published_chances_and_losses(
    control: Counts, treatment: Counts, chance: float, loss_of_treatment: float, loss_of_control: float
) -> None:
    found = compare(control, treatment)
    assert found.chance_to_win == pytest.approx(chance, abs=1e-9)
    assert found.loss_of_treatment == pytest.approx(loss_of_treatment, rel=1e-6)
    assert found.loss_of_control == pytest.approx(loss_of_control, rel=1e-6)


@given(*[st.integers(1, 300)] * 4)
def test_it_is_millers_sum_for_whole_numbers(a: int, b: int, c: int, d: int) -> None:
    first, second = Beta(a, b), Beta(c, d)
    assert chance_above(second, first) == pytest.approx(millers_sum(first, second), rel=1e-8, abs=1e-12)


counted = st.tuples(st.integers(0, 500), st.integers(0, 500)).map(lambda pair: Counts(pair[0], sum(pair)))


@given(counted, counted, st.sampled_from([0.3, 0.5, 1.0, 7.3]), st.sampled_from(["increase", "decrease"]))
def test_chance_and_losses_cohere(control: Counts, treatment: Counts, prior: float, good: Direction) -> None:
    there = compare(control, treatment, prior=Beta(prior, prior), direction=good)
    back = compare(treatment, control, prior=Beta(prior, prior), direction=good)
    assert there.chance_to_win + back.chance_to_win == pytest.approx(1.0, abs=1e-8)
    assert there.loss_of_treatment == pytest.approx(back.loss_of_control, rel=1e-9, abs=1e-15)
    better = (there.treatment.mean - there.control.mean) * (1 if good == "increase" else -1)
    assert there.loss_of_control - there.loss_of_treatment == pytest.approx(better, rel=1e-9, abs=1e-12)


def test_intervals_of_difference_and_lift_hold_what_they_say() -> None:
    found = compare(Counts(40, 100), Counts(55, 110))
    difference, lift = found.difference(0.9), found.lift(0.9)
    generator = np.random.default_rng(1)
    before = generator.beta(found.control.wins, found.control.losses, 400_000)
    after = generator.beta(found.treatment.wins, found.treatment.losses, 400_000)
    assert np.mean(after - before < difference.lower) == pytest.approx(0.05, abs=0.0015)
    assert np.mean(after - before > difference.upper) == pytest.approx(0.05, abs=0.0015)
    assert np.mean(after / before - 1 < lift.lower) == pytest.approx(0.05, abs=0.0015)
    assert np.mean(after / before - 1 > lift.upper) == pytest.approx(0.05, abs=0.0015)
    assert np.mean(after / before - 1 < lift.estimate) == pytest.approx(0.5, abs=0.003)


@given(*[st.integers(0, 60)] * 4)
def test_both_intervals_leave_zero_out_together_with_the_chance(won: int, lost: int, gained: int, missed: int) -> None:
    found = compare(Counts(won, won + lost), Counts(gained, gained + missed))
    if min(abs(found.chance_to_win - edge) for edge in (0.025, 0.975)) < 1e-4:
        return
    certain = not 0.025 < found.chance_to_win < 0.975
    assert (0.0 not in found.difference()) == certain
    assert (0.0 not in found.lift()) == certain


def test_extreme_counts_and_priors_stay_defined() -> None:
    assert compare(Counts(0, 0), Counts(0, 0), prior=Beta(0.01, 0.01)).chance_to_win == pytest.approx(0.5, abs=1e-5)
    far = compare(Counts(5, 100_000), Counts(90_000, 100_000))
    assert far.chance_to_win == pytest.approx(1.0, abs=1e-12)
    assert far.loss_of_treatment == 0.0
    assert 0 < compare(Counts(500, 100_000), Counts(900, 100_000)).loss_of_treatment < 1e-20
    nothing = compare(Counts(0, 50), Counts(0, 50), prior=Beta(0.01, 1.0)).lift()
    assert (nothing.lower, nothing.upper) == (-1.0, math.inf)


def test_a_million_units_cost_no_digits() -> None:
    found = compare(Counts(500_000, 1_000_000), Counts(501_000, 1_000_000))
    z = 0.001 / math.sqrt(2 * 0.25e-6)
    assert found.chance_to_win == pytest.approx(float(special.ndtr(z)), abs=1e-6)
    assert found.chance_to_win + chance_above(found.control, found.treatment) == pytest.approx(1.0, abs=1e-12)


def test_the_best_of_several() -> None:
    arms = [UNIFORM.after(Counts(clicks, 1000)) for clicks in (20, 25, 30)]
    expected = [0.047033962, 0.233683938, 0.719282099]
    assert probability_best_beta(arms) == pytest.approx(expected, abs=1e-8)
    losing = [arm.swapped for arm in arms]
    assert probability_best_beta(losing, direction="decrease") == pytest.approx(expected, abs=1e-8)
    assert probability_best_beta(arms[:1]) == [1.0]
    two = probability_best_beta(arms[1:])
    assert two[1] == pytest.approx(chance_above(arms[2], arms[1]), rel=1e-9)
    with pytest.raises(ValueError, match=r"^posteriors: there are none"):
        probability_best_beta([])


def test_what_is_no_distribution_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^wins: 0"):
        Beta(0.0, 1.0)
    with pytest.raises(ValueError, match=r"^losses: inf"):
        Beta(1.0, math.inf)
