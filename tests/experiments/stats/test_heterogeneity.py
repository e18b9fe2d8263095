"""Effects by slice: a textbook Q, corrections, one slice that differs, Simpson's paradox, empty slices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.stats.heterogeneity import by_slice, homogeneity, mix
from experiments.stats.inference import Effect
from experiments.stats.metrics import CATALOGUE, MetricDefinition
from experiments.stats.moments import Moments
from experiments.stats.results import ArmEstimate, Note

REVENUE = MetricDefinition("revenue", "mean", "revenue")
CONVERSION = CATALOGUE["conversion"]


def arm(mean: float, *, n: int = 1000, variance: float = 4.0) -> Moments:
    return Moments.of_summary("revenue", n=n, mean=mean, variance=variance)


def rate(successes: int, n: int) -> Moments:
    return Moments.of_proportion("converted", successes=successes, n=n)


def test_q_by_hand() -> None:
    # Differences 1, 2, 4 with variances 1, 1, 4: weights 1, 1, .25; mean 16/9; Q = 49/81 + 4/81 + .25 * 400/81.
    effects = [
        Effect(ArmEstimate(10, 0.0, math.sqrt(variance / 2)), ArmEstimate(10, difference, math.sqrt(variance / 2)))
        for difference, variance in ((1.0, 1.0), (2.0, 1.0), (4.0, 4.0))
    ]
    found = homogeneity(effects)
    assert found.q == pytest.approx((49 + 4 + 100) / 81)
    assert found.degrees_of_freedom == 2
    assert found.p_value == pytest.approx(math.exp(-found.q / 2))
    assert found.i_squared == 0.0  # less spread than noise alone would give
    far = homogeneity([effects[0], Effect(ArmEstimate(10, 0.0, 0.5), ArmEstimate(10, 9.0, 0.5))])
    assert far.i_squared == pytest.approx(1 - 1 / far.q)


def test_one_slice_that_differs_is_found_and_the_others_are_not() -> None:
    slices = {"US": (arm(10.0), arm(10.0)), "GB": (arm(10.0), arm(10.5)), "DE": (arm(10.0), arm(10.02))}
    found = by_slice(REVENUE, slices, correction="holm")
    assert [part.value for part in found.slices] == ["US", "GB", "DE"]
    assert [part.significant(0.05) for part in found.slices] == [False, True, False]
    assert found.slices[1].adjusted_p == pytest.approx(3 * found.slices[1].comparison.p_value)
    assert found.homogeneity.p_value < 0.001
    assert found.homogeneity.i_squared > 0.8
    assert not found.mix.uneven


def test_simpsons_paradox() -> None:
    # Kidney stones (Charig et al. 1986, Br. Med. J. 292:879): better in both groups, worse together.
    slices = {"small": (rate(234, 270), rate(81, 87)), "large": (rate(55, 80), rate(192, 263))}
    tenfold = {
        size: tuple(rate(round(part.total("converted")) * 10, part.n * 10) for part in pair)
        for size, pair in slices.items()
    }
    found = mix(CONVERSION, {size: (pair[0], pair[1]) for size, pair in tenfold.items()})
    assert found.pooled.difference.estimate == pytest.approx(273 / 350 - 289 / 350)
    assert found.weighted.difference.estimate == pytest.approx(
        (357 * (81 / 87 - 234 / 270) + 343 * (192 / 263 - 55 / 80)) / 700
    )
    assert found.uneven
    assert found.reversed
    # With a tenth of the patients the signs still differ but not beyond noise.
    assert not mix(CONVERSION, slices).reversed


def test_proportions_of_small_slices_are_judged_exactly() -> None:
    found = by_slice(CONVERSION, {"US": (rate(100, 1000), rate(120, 1000)), "FJ": (rate(0, 40), rate(4, 38))})
    assert [part.comparison.method for part in found.slices] == ["score", "exact"]


def test_slices_that_cannot_speak() -> None:
    lonely = by_slice(REVENUE, {"US": (arm(10.0), arm(10.5)), "FJ": (arm(9.0, n=1), Moments.empty(("revenue",)))})
    assert lonely.slices[1].comparison.notes == (Note.TOO_FEW_UNITS,)
    assert lonely.homogeneity.p_value == 1.0
    assert math.isnan(lonely.homogeneity.q)
    empty = by_slice(REVENUE, {"US": (arm(10.0), Moments.empty(("revenue",)))})
    assert empty.mix.weighted.notes == (Note.TOO_FEW_UNITS,)
    assert empty.mix.p_value == 1.0
    with pytest.raises(ValueError, match=r"^slices: "):
        by_slice(REVENUE, {})
    with pytest.raises(ValueError, match=r"^correction: "):
        by_slice(REVENUE, {"US": (arm(1.0), arm(1.0))}, correction="none")  # type: ignore[arg-type]


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), parts=st.integers(2, 6))
def test_evenly_mixed_slices_agree_with_the_whole(seed: int, parts: int) -> None:
    random = np.random.Generator(np.random.PCG64(seed))
    slices = {str(part): (arm(random.normal(10, 3), n=500), arm(random.normal(10, 3), n=500)) for part in range(parts)}
    found = mix(REVENUE, slices)
    assert found.weighted.difference.estimate == pytest.approx(found.pooled.difference.estimate, abs=1e-9)
    # Within slices there is less noise than between them.
    assert found.weighted.standard_error <= found.pooled.standard_error * 1.001
    assert not found.reversed
    assert 0 <= homogeneity_of(slices) <= 1


def homogeneity_of(slices: dict[str, tuple[Moments, Moments]]) -> float:
    return by_slice(REVENUE, slices).homogeneity.p_value


def test_equal_effects_are_called_different_as_often_as_alpha_says() -> None:
    random = np.random.Generator(np.random.PCG64(7))
    found = [
        homogeneity(
            [
                Effect(ArmEstimate(500, 0.0, 0.1), ArmEstimate(500, float(difference), 0.1))
                for difference in random.normal(0.3, 0.1 * math.sqrt(2), size=4)
            ]
        ).p_value
        for _ in range(2000)
    ]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.015)
