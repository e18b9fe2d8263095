"""Mid-p: against its definition by the hypergeometric distribution, its inverse, margins that leave nothing open."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.stats.contingency import fisher_exact, mid_p
from experiments.stats.proportions import Counts

ARM = st.integers(1, 40).flatmap(lambda n: st.builds(Counts, st.integers(0, n), st.just(n)))


@given(control=ARM, treatment=ARM)
def test_the_p_value_is_the_definition(control: Counts, treatment: Counts) -> None:
    total = control.successes + treatment.successes
    table = stats.hypergeom(control.n + treatment.n, total, treatment.n)
    greater = float(table.sf(treatment.successes) + table.pmf(treatment.successes) / 2)
    assert mid_p(control, treatment, alternative="greater").p_value == pytest.approx(greater, rel=1e-9, abs=1e-14)
    assert mid_p(control, treatment, alternative="less").p_value == pytest.approx(1 - greater, rel=1e-9, abs=1e-14)
    both = mid_p(control, treatment)
    assert both.p_value == pytest.approx(min(2 * min(greater, 1 - greater), 1), rel=1e-9)
    one_sided = fisher_exact(control, treatment, alternative="greater").p_value
    assert greater <= one_sided + 1e-12


@given(control=ARM, treatment=ARM, confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_inverts_the_test(control: Counts, treatment: Counts, confidence: float) -> None:
    found = mid_p(control, treatment, confidence=confidence)
    assert (found.p_value < 1 - confidence) == (1.0 not in found.odds_ratio)
    if not math.isnan(found.odds_ratio.estimate):
        assert 0 <= found.odds_ratio.lower <= found.odds_ratio.estimate <= found.odds_ratio.upper


def test_margins_that_leave_one_table() -> None:
    found = mid_p(Counts(0, 5), Counts(0, 7))
    assert found.p_value == 1.0
    assert math.isnan(found.odds_ratio.estimate)
    assert (found.odds_ratio.lower, found.odds_ratio.upper) == (0.0, math.inf)


def test_the_tea_lady() -> None:
    # Fisher (1935): 3 of 4 right in each cup order; P(3 or 4) = 17/70, P(4) = 1/70, so mid-p is 1/70 + 8/70.
    assert mid_p(Counts(1, 4), Counts(3, 4), alternative="greater").p_value == pytest.approx(9 / 70)
