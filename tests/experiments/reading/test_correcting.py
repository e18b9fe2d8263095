"""Several arms: corrected p-values and the intervals shown with them say the same of zero."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis import AnalysisSettings
from experiments.reading import comparing, correcting
from experiments.reading.settings import Metric
from experiments.stats import multiplicity
from experiments.stats.metrics import CATALOGUE
from experiments.stats.moments import Moments
from tests.experiments.reading.arms import arm

SETTINGS = AnalysisSettings(mode="final", design="fixed")
GOAL = Metric.of(CATALOGUE["conversion"])


def compared(*successes: int, n: int = 2000) -> list[comparing.Compared]:
    control, *others = (
        arm(key, Moments.of_proportion("converted", successes=count, n=n))
        for key, count in zip("abcdef", successes, strict=False)
    )
    return [comparing.compare(SETTINGS, GOAL, control, one, planned=2.0 * n) for one in others]


def says_zero(found: correcting.Corrected) -> bool:
    return found.difference.lower <= 0 <= found.difference.upper


@given(st.lists(st.integers(60, 200), min_size=3, max_size=6))
def test_a_corrected_p_value_below_alpha_is_an_interval_without_zero(successes: list[int]) -> None:
    for found in correcting.together(SETTINGS, compared(*successes)):
        assert (found.p_value < 0.05) == (not says_zero(found))
        assert found.lift is not None
        assert (found.p_value < 0.05) == (not found.lift.lower <= 0 <= found.lift.upper)


def test_where_bonferroni_says_the_same_its_intervals_are_shown() -> None:
    pairs = compared(100, 160, 102)
    found = correcting.together(SETTINGS, pairs)
    alone = pairs[0].comparison.difference
    wider = multiplicity.simultaneous([(one.effect, one.reference) for one in pairs if one.reference is not None])
    assert found[0].difference == wider[0].single_step
    assert found[0].difference.lower < alone.lower
    assert found[0].difference.upper < math.inf


def test_where_holm_sees_more_only_the_sign_is_told() -> None:
    # The second is clear at 0.05 once the first is out of the way, and not at 0.05 / 2.
    pairs = compared(100, 160, 130)
    found = correcting.together(SETTINGS, pairs)
    p_values = [one.comparison.p_value for one in pairs]
    assert 0.025 < p_values[1] < 0.05
    assert all(one.p_value < 0.05 for one in found)
    assert not any(says_zero(one) for one in found)


def test_nothing_is_corrected_where_nothing_is_concluded_or_known() -> None:
    silent = AnalysisSettings(mode="running", design="fixed")
    assert [one.p_value for one in correcting.together(silent, compared(100, 160, 120))] != [1.0, 1.0]
    nobody = correcting.together(SETTINGS, compared(0, 0, 0, n=0))
    assert [one.p_value for one in nobody] == [1.0, 1.0]
    assert all(math.isinf(one.difference.upper) for one in nobody)
    assert correcting.alone(compared(100, 160)[0].comparison).p_value == pytest.approx(0.0002, abs=2e-4)
