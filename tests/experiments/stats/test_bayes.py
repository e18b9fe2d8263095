"""Normal posteriors: closed forms, coherence of chance, interval and loss, and the chance to be best of several."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from experiments.stats.bayes import (
    FLAT,
    NormalPosterior,
    NormalPrior,
    expected_excess,
    normal_effect,
    probability_best_normal,
    update,
)
from experiments.stats.inference import Effect, Normal, Reading, conclude
from experiments.stats.results import ArmEstimate, Direction

EFFECT = Effect(ArmEstimate(1000, 10.0, 0.2), ArmEstimate(1100, 10.6, 0.25), 0.01)
finite = st.floats(-1e3, 1e3)
positive = st.floats(1e-3, 1e3)


@pytest.mark.parametrize("direction", ["increase", "decrease"])
def test_a_flat_prior_is_the_test_itself(direction: Direction) -> None:
    result = conclude(EFFECT, Normal(), method="z", reading=Reading(direction=direction))
    found = normal_effect(EFFECT)
    interval = found.interval()
    assert found.chance_to_win(direction) == pytest.approx(result.chance_to_win, rel=1e-12)
    assert (interval.lower, interval.upper) == pytest.approx((result.difference.lower, result.difference.upper))


def test_a_prior_as_sure_as_the_data_meets_them_half_way() -> None:
    found = update(0.4, 0.1, NormalPrior(0.0, 0.1))
    assert (found.mean, found.spread) == pytest.approx((0.2, 0.1 / math.sqrt(2)))


def test_without_data_the_prior_stays() -> None:
    assert update(math.nan, math.inf, NormalPrior(0.1, 0.2)) == NormalPosterior(0.1, 0.2)
    with pytest.raises(ValueError, match=r"^standard_error: infinite under a flat prior"):
        update(0.0, math.inf)


@pytest.mark.parametrize(("scale", "size"), [("absolute", 10.0), ("relative", 0.1)])
def test_a_prior_changes_its_scale_with_the_control(scale: str, size: float) -> None:
    given_as = NormalPrior(0.1, 0.2, "relative" if scale == "absolute" else "absolute")
    moved = given_as.on(scale, -10.0)  # type: ignore[arg-type]
    assert (moved.mean, moved.spread, moved.scale) == (0.1 * size, 0.2 * size, scale)
    assert moved.on(scale, 3.0) is moved  # type: ignore[arg-type]


@given(finite, positive, finite, positive, st.sampled_from(["increase", "decrease"]))
def test_chance_middle_and_losses_are_one_statement(
    estimate: float, error: float, mean: float, spread: float, direction: Direction
) -> None:
    found = update(estimate, error, NormalPrior(mean, spread))
    better = found.mean if direction == "increase" else -found.mean
    gap = found.loss_of_control(direction) - found.loss_of_treatment(direction)
    assert gap == pytest.approx(better, rel=1e-9, abs=1e-12 * (1 + abs(better)))
    if abs(better) > 1e-6 * found.spread:
        assert (found.chance_to_win(direction) > 0.5) == (better > 0)
        assert (found.loss_of_treatment(direction) < found.loss_of_control(direction)) == (better > 0)
    # Between the data and the prior, and surer than either.
    assert min(estimate, mean) - 1e-9 <= found.mean <= max(estimate, mean) + 1e-9
    assert found.spread <= min(error, spread) * (1 + 1e-12)


@pytest.mark.parametrize("z", [-30.0, -8.0, -1.0, 0.0, 0.5, 6.0])
def test_the_expected_excess_keeps_its_digits(z: float) -> None:
    # E[max(Z + z, 0)] = integral of P(Z > t - z) over t > 0, whose integrand is a tail and not a difference.
    scale = stats.norm.sf(-z)
    by_hand, _ = integrate.quad(lambda t: stats.norm.sf(t - z) / scale, 0, 12 + max(z, 0), epsabs=0, epsrel=1e-10)
    assert expected_excess(z) == pytest.approx(by_hand * scale, rel=1e-7)


def test_one_arm_is_the_best_for_sure_and_two_are_the_chance_to_win() -> None:
    assert probability_best_normal([3.0], [1.0]) == [1.0]
    shares = probability_best_normal([0.0, 0.3], [0.3, 0.4])
    assert shares[1] == pytest.approx(float(stats.norm.cdf(0.3 / 0.5)), rel=1e-9)


def test_several_arms_as_published() -> None:
    assert probability_best_normal([0, 0.1, 0.2], [0.1] * 3) == pytest.approx(
        [0.047150680, 0.224098305, 0.728751015], abs=1e-8
    )
    assert probability_best_normal([0, 0.5, 1], [0.05, 0.5, 1.5]) == pytest.approx(
        [0.040639981, 0.343340119, 0.616019899], abs=1e-8
    )
    assert probability_best_normal([0, -0.1, -0.2], [0.1] * 3, direction="decrease") == pytest.approx(
        probability_best_normal([0, 0.1, 0.2], [0.1] * 3)
    )


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.05, 2)), min_size=1, max_size=6))
def test_shares_add_up_and_arms_alike_share_alike(arms: list[tuple[float, float]]) -> None:
    arms = [*arms, arms[0]]
    shares = probability_best_normal([mean for mean, _ in arms], [spread for _, spread in arms])
    assert math.fsum(shares) == pytest.approx(1.0, rel=1e-12)
    assert all(0 <= share <= 1 for share in shares)
    assert shares[0] == pytest.approx(shares[-1], rel=1e-9, abs=1e-12)


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"^spread: 0"):
        NormalPrior(0.0, 0.0)
    with pytest.raises(ValueError, match=r"^mean: inf"):
        NormalPrior(math.inf, 1.0)
    with pytest.raises(ValueError, match=r"^scale: 'log'"):
        NormalPrior(0.0, 1.0, "log")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^standard_error: 0"):
        update(0.1, 0.0, FLAT)
    with pytest.raises(ValueError, match=r"^control: its value is 0"):
        normal_effect(Effect(ArmEstimate(10, 0.0, 0.1), ArmEstimate(10, 1.0, 0.1)), scale="relative")
    with pytest.raises(ValueError, match=r"^spreads: 1 for 2"):
        probability_best_normal([0.0, 1.0], [1.0])
    with pytest.raises(ValueError, match=r"^spreads: 0.0 is not"):
        probability_best_normal([0.0, 1.0], [1.0, 0.0])
