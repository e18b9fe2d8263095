"""Estimates under adaptive allocation: by hand, as the plain ones in one batch, and right where those are wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiments.stats import batched
from experiments.stats.batched import BatchArm
from experiments.stats.metrics import CATALOGUE, effect_of
from experiments.stats.moments import Moments


def share(successes: int, n: int) -> Moments:
    return Moments.of_proportion("converted", successes=successes, n=n)


def test_one_batch_is_the_plain_comparison() -> None:
    control, treatment = share(40, 400), share(60, 500)
    found = batched.effect([(control, treatment)], "converted")
    plain = effect_of(CATALOGUE["orders_per_shopper"], *(_renamed(one) for one in (control, treatment)))
    assert found.difference == pytest.approx(plain.difference, rel=1e-12)
    assert found.variance == pytest.approx(plain.variance, rel=1e-12)


def _renamed(moments: Moments) -> Moments:
    return Moments.from_dict({**moments.to_dict(), "columns": ["orders"]})


def test_two_batches_by_hand() -> None:
    pairs = [(share(10, 100), share(30, 100)), (share(40, 200), share(15, 50))]
    found = batched.effect(pairs, "converted")
    # An arm's spread within batches, from both of them.
    before = (100 * 0.1 * 0.9 + 200 * 0.2 * 0.8) / 298
    after = (100 * 0.3 * 0.7 + 50 * 0.3 * 0.7) / 148
    weights = [1 / math.sqrt(before / 100 + after / 100), 1 / math.sqrt(before / 200 + after / 50)]
    differences = [0.2, 0.1]
    expected = sum(w * d for w, d in zip(weights, differences, strict=True)) / sum(weights)
    assert found.difference == pytest.approx(expected, rel=1e-12)
    variances = [
        0.1 * 0.9 / 99 + 0.3 * 0.7 / 99,
        0.2 * 0.8 / 199 + 0.3 * 0.7 / 49,
    ]
    assert found.variance == pytest.approx(
        sum(w * w * v for w, v in zip(weights, variances, strict=True)) / sum(weights) ** 2, rel=1e-12
    )
    assert (found.control.n, found.treatment.n) == (300, 150)


def test_a_batch_that_an_arm_hardly_entered_is_left_out_and_none_is_no_answer() -> None:
    whole = (share(10, 100), share(30, 100))
    assert batched.effect([whole, (share(5, 50), share(1, 1))], "converted") == batched.effect([whole], "converted")
    nothing = batched.effect([], "converted")
    assert math.isnan(nothing.difference)
    assert nothing.control.n == 0


def test_estimators_of_off_policy_evaluation_by_hand() -> None:
    batches = [BatchArm(share(10, 50), 0.5, 100), BatchArm(share(30, 160), 0.8, 200)]
    ips = batched.inverse_propensity(batches, "converted")
    assert ips.estimate == pytest.approx((10 / 0.5 + 30 / 0.8) / 300, rel=1e-12)
    snips = batched.self_normalised(batches, "converted")
    assert snips.estimate == pytest.approx((10 / 0.5 + 30 / 0.8) / (50 / 0.5 + 160 / 0.8), rel=1e-12)
    model = 0.2
    expected = (10 / 0.5 + 200 * model + (30 - 160 * model) / 0.8) / 300
    assert batched.doubly_robust(batches, "converted").estimate == pytest.approx(expected, rel=1e-12)
    # Each unit's own contribution, written out.
    rows = np.concatenate([np.repeat([2.0, 0.0], [10, 90])])
    second = np.concatenate([np.repeat([1.25, 0.0], [30, 170])])
    spread = rows.var() * 100 + second.var() * 200
    assert ips.standard_error == pytest.approx(math.sqrt(spread) / 300, rel=1e-9)


def test_an_arm_that_was_never_shown_has_no_value() -> None:
    empty = [BatchArm(Moments.empty(("converted",)), 0.0, 100)]
    assert math.isnan(batched.self_normalised(empty, "converted").estimate)
    impossible = [BatchArm(share(1, 10), 0.0, 100)]
    assert math.isnan(batched.inverse_propensity(impossible, "converted").estimate)
    assert math.isnan(batched.inverse_propensity([], "converted").estimate)


# --- proof under Thompson sampling ----------------------------------------------------------------------------------
BATCHES, SIZE, RUNS = 10, 100, 4000


def thompson_runs(
    rates: tuple[float, float], *, runs: int = RUNS, seed: int = 5, size: int = SIZE
) -> tuple[np.ndarray, np.ndarray]:
    """Successes and units, (runs, batches, 2), of Thompson sampling with a floor of 10 %."""
    rng = np.random.default_rng(seed)
    good, units = np.zeros((runs, BATCHES, 2)), np.zeros((runs, BATCHES, 2))
    for batch in range(BATCHES):
        won = good.sum(axis=1)[..., None]
        lost = units.sum(axis=1)[..., None] - won
        draws = rng.beta(1 + won, 1 + lost, (runs, 2, 200))
        chance = (draws[:, 1] > draws[:, 0]).mean(axis=1).clip(0.1, 0.9)
        treated = rng.binomial(size, chance)
        units[:, batch] = np.stack([size - treated, treated], axis=1)
        good[:, batch] = rng.binomial(units[:, batch].astype(int), rates)
    return good, units


def statistics(good: np.ndarray, units: np.ndarray, truth: float) -> tuple[np.ndarray, np.ndarray]:
    """The batched and the pooled statistic of (difference - truth), by run."""
    found = []
    for won, seen in zip(good, units, strict=True):
        pairs = [(share(int(w[0]), int(n[0])), share(int(w[1]), int(n[1]))) for w, n in zip(won, seen, strict=True)]
        effect = batched.effect(pairs, "converted")
        found.append((effect.difference - truth) / math.sqrt(effect.variance))
    total, count = good.sum(axis=1), units.sum(axis=1)
    rates = total / count
    error = np.sqrt((rates * (1 - rates) / count).sum(axis=1))
    return np.array(found), (rates[:, 1] - rates[:, 0] - truth) / error


def test_under_thompson_sampling_the_batched_statistic_is_normal_and_the_pooled_is_not() -> None:
    good, units = thompson_runs((0.3, 0.3), runs=1500)
    ours, pooled = statistics(good, units, 0.0)
    # 5 % of 1,500 runs, three standard errors: 3.3 to 6.7 %.
    assert 0.033 < (np.abs(ours) > 1.959964).mean() < 0.067
    assert (np.abs(pooled) > 1.959964).mean() > 0.067


def test_arms_of_unlike_spread_leave_no_drift() -> None:
    """Of two arms alike in the mean, one varies four times as much. Weights by counts alone drift by 0.13 here."""
    rng = np.random.default_rng(2)
    spreads, found = np.array([1.0, 4.0]), []
    for _ in range(3000):
        pairs: list[tuple[Moments, Moments]] = []
        chance, total, units = 0.5, np.zeros(2), np.zeros(2)
        for _ in range(5):
            treated = int(rng.binomial(200, chance))
            n = np.array([200 - treated, treated])
            means = spreads * rng.normal(size=2) / np.sqrt(n)
            variances = spreads**2 * rng.chisquare(n - 1) / (n - 1)
            sides = [Moments.of_summary("y", n=int(n[i]), mean=means[i], variance=variances[i]) for i in (0, 1)]
            pairs.append((sides[0], sides[1]))
            total, units = total + means * n, units + n
            difference = (total / units) @ [-1, 1] / math.sqrt((spreads**2 / units).sum())
            chance = min(max(0.5 * math.erfc(-difference / math.sqrt(2)), 0.1), 0.9)
        effect = batched.effect(pairs, "y")
        found.append(effect.difference / math.sqrt(effect.variance))
    # Three standard errors of 3,000 runs.
    assert abs(np.mean(found)) < 0.055
    assert 0.038 < (np.abs(found) > 1.959964).mean() < 0.062


@pytest.mark.slow
@pytest.mark.parametrize(("rates", "size"), [((0.3, 0.3), 400), ((0.3, 0.34), 400), ((0.05, 0.05), 2000)])
def test_coverage_under_thompson_sampling(rates: tuple[float, float], size: int) -> None:
    """With some ten successes in the least arm of a batch. With half of one (5 % of 10 units) coverage is 91 %."""
    good, units = thompson_runs(rates, runs=10_000, seed=11, size=size)
    ours, _ = statistics(good, units, rates[1] - rates[0])
    assert 0.94 < (np.abs(ours) < 1.959964).mean() < 0.96


def test_where_the_level_moves_with_the_shares_the_pooled_difference_is_wrong() -> None:
    """Simpson's paradox by allocation: arms are alike, the second batch is better for all and mostly one arm's."""
    pairs = [(share(10, 100), share(10, 100)), (share(9, 30), share(51, 170))]
    assert batched.effect(pairs, "converted").difference == pytest.approx(0.0, abs=1e-12)
    pooled = 61 / 270 - 19 / 130
    assert pooled > 0.07
