"""Event rates: exact against its definition, the interval that inverts the tails, no events, over-dispersion."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.stats.moments import Moments
from experiments.stats.rates import Events, compare_rates, dispersion, exact_rate_ratio
from experiments.stats.results import Note

EVENTS = st.builds(Events, st.integers(0, 80), st.floats(0.5, 1000))


@given(control=EVENTS, treatment=EVENTS, confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_ratio_inverts_the_central_test(control: Events, treatment: Events, confidence: float) -> None:
    found = exact_rate_ratio(control, treatment, confidence=confidence)
    assert (found.p_central < 1 - confidence) == (1.0 not in found.ratio)
    assert 0 <= found.p_value <= 1
    share = treatment.exposure / (control.exposure + treatment.exposure)
    law = stats.binom(control.count + treatment.count, share)
    greater = exact_rate_ratio(control, treatment, alternative="greater")
    assert greater.p_value == pytest.approx(float(law.sf(treatment.count - 1)), rel=1e-9)
    less = exact_rate_ratio(control, treatment, alternative="less")
    assert less.p_value == pytest.approx(float(law.cdf(treatment.count)), rel=1e-9)
    assert less.ratio.lower == 0 or math.isinf(less.ratio.lower)
    assert math.isinf(greater.ratio.upper)


def test_no_events() -> None:
    none = exact_rate_ratio(Events(0, 10), Events(0, 20))
    assert (none.p_value, none.ratio.lower, none.ratio.upper) == (1.0, 0.0, math.inf)
    assert math.isnan(none.ratio.estimate)
    started = exact_rate_ratio(Events(0, 10), Events(8, 10))
    assert started.p_value == pytest.approx(2 / 2**8)
    assert started.ratio.upper == math.inf
    assert started.ratio.lower > 1
    assert compare_rates(Events(0, 10), Events(0, 20)).notes[0] is Note.NO_VARIATION


@given(control=EVENTS, treatment=EVENTS)
def test_the_comparison_is_coherent_and_notes_few_events(control: Events, treatment: Events) -> None:
    found = compare_rates(control, treatment)
    assert (Note.SMALL_COUNTS in found.notes) == (min(control.count, treatment.count) < 10)
    if control.count + treatment.count:
        assert found.significant == (0.0 not in found.difference)
        assert found.difference.estimate == pytest.approx(treatment.rate - control.rate)


def test_dispersion_tells_poisson_from_bursts() -> None:
    assert dispersion(Moments.of_summary("orders", n=100, mean=2.0, variance=2.0), "orders") == 1.0
    assert dispersion(Moments.of_summary("orders", n=100, mean=2.0, variance=9.0), "orders") == 4.5
    assert math.isnan(dispersion(Moments.of_summary("orders", n=100, mean=0.0, variance=0.0), "orders"))


def test_wrong_counts_name_the_field() -> None:
    for named, count, exposure in (("count", -1, 1.0), ("count", math.nan, 1.0), ("exposure", 1, 0.0)):
        with pytest.raises(ValueError, match=f"^{named}: "):
            Events(count, exposure)  # type: ignore[arg-type]
