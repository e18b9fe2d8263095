"""Corrections for many p-values: the papers' own examples, and laws between the methods."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats import multiplicity as m

# Benjamini and Hochberg (1995), section 3.2: fifteen p-values of a trial on myocardial infarction.
TRIAL = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.3240,
    0.4262,
    0.5719,
    0.6528,
    0.7590,
    1.0,
]
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_benjamini_and_hochbergs_own_example() -> None:
    # They reject four at .05, Bonferroni three.
    assert (m.benjamini_hochberg(TRIAL) <= 0.05).sum() == 4
    assert (m.bonferroni(TRIAL) <= 0.05).sum() == 3
    assert m.benjamini_hochberg(TRIAL)[:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625])


def test_four_p_values_as_r_adjusts_them() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert m.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert m.benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert m.benjamini_yekutieli(p) == pytest.approx([1 / 24, 1 / 12, 1 / 12, 1 / 24])
    assert m.hochberg(p) == pytest.approx([0.03, 0.04, 0.04, 0.02])


@given(p_values)
def test_stronger_methods_never_adjust_more(p: list[float]) -> None:
    slack = 1e-12
    ladder = [m.bonferroni(p), m.holm(p), m.hochberg(p), m.hommel(p), m.benjamini_hochberg(p)]
    for weaker, stronger in itertools.pairwise(ladder):
        assert (stronger <= weaker + slack).all()
    assert (m.holm_sidak(p) <= m.sidak(p) + slack).all()
    assert (m.benjamini_hochberg(p) <= m.benjamini_yekutieli(p) + slack).all()


@given(p_values, st.sampled_from(sorted(m.ADJUSTMENTS)))
def test_every_method_keeps_order_and_bounds(p: list[float], method: str) -> None:
    adjusted = m.ADJUSTMENTS[method](p)
    assert ((adjusted >= np.array(p) - 1e-12) & (adjusted <= 1)).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-12).all()


@given(p_values)
def test_hommel_is_the_closure_of_simes(p: list[float]) -> None:
    # By definition: the largest Simes p-value over all sets of hypotheses that hold this one.
    values = np.array(p[:8])
    closed = [
        max(
            _simes(values[[bool(mask >> j & 1) for j in range(len(values))]])
            for mask in range(1, 2 ** len(values))
            if mask >> index & 1
        )
        for index in range(len(values))
    ]
    assert m.hommel(values.tolist()) == pytest.approx(closed, abs=1e-12)


def _simes(values: np.ndarray) -> float:
    return float((len(values) * np.sort(values) / np.arange(1, len(values) + 1)).min())


def test_tiny_p_values_do_not_vanish() -> None:
    assert m.sidak([1e-20, 0.5])[0] == pytest.approx(2e-20)
    assert m.sidak([1.0]).tolist() == [1.0]


@pytest.mark.parametrize("method", sorted(m.ADJUSTMENTS))
def test_none_is_none_and_nonsense_is_refused(method: str) -> None:
    assert m.ADJUSTMENTS[method]([]).tolist() == []
    for wrong in ([0.1, 1.1], [-0.1], [math.nan]):
        with pytest.raises(ValueError, match=r"^p_values: "):
            m.ADJUSTMENTS[method](wrong)
