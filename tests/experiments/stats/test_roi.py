"""Return on cost: by hand, against its definition, and everywhere the cost difference is no denominator."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from experiments.stats.inference import Student
from experiments.stats.moments import Moments
from experiments.stats.results import Note
from experiments.stats.roi import return_on_cost
from tests.experiments.stats.golden_base import dataset

RANDOM = np.random.Generator(np.random.PCG64(5))


def arm(*, margin: float, cost: float, n: int = 400, noise: float = 5.0, cost_noise: float = 0.5) -> Moments:
    """An arm with these exact means and normal noise around them."""
    random = np.random.Generator(
        np.random.PCG64(abs(hash((margin, cost, n))))
    )  # the hash of numbers is the same each run
    rows = random.normal(size=(n, 2)) * (noise, cost_noise)
    return Moments.from_rows(("margin", "cost"), rows - rows.mean(axis=0) + (margin, cost))


def test_a_campaign_that_pays() -> None:
    found = return_on_cost(arm(margin=20, cost=0), arm(margin=24, cost=1))
    assert found.ratio is not None
    assert found.net is not None
    assert found.ratio.estimate == pytest.approx(4.0)
    assert found.net.estimate == pytest.approx(3.0)
    assert found.profit.difference.estimate == pytest.approx(3.0)
    assert 1 < found.ratio.lower < 4 < found.ratio.upper < math.inf
    assert found.chance_to_pay > 0.999
    assert found.cost.chance_to_win < 0.001  # a higher cost is the bad direction
    assert found.notes == ()
    json.dumps(found.to_dict(), allow_nan=False)


@given(st.floats(-3, 6), st.floats(0.05, 3), st.sampled_from([0.8, 0.95]), st.integers(5, 400))
def test_break_even_is_in_the_return_exactly_if_profit_may_be_zero(
    margin: float, cost: float, confidence: float, n: int
) -> None:
    found = return_on_cost(arm(margin=20, cost=0, n=n), arm(margin=20 + margin, cost=cost, n=n), confidence=confidence)
    assume(abs(found.profit.p_value - (1 - confidence)) > 1e-9)
    if found.ratio is None:
        assert found.profit.significant
        assert found.notes == (Note.COST_UNCHANGED,)
    else:
        assert (1.0 not in found.ratio) is found.profit.significant


def test_the_bounds_are_where_the_test_just_rejects() -> None:
    before, after = arm(margin=20, cost=0), arm(margin=24, cost=1)
    found = return_on_cost(before, after)
    assert found.ratio is not None
    assert found.profit.degrees_of_freedom is not None
    critical = Student(found.profit.degrees_of_freedom).critical(0.05)
    for ratio in (found.ratio.lower, found.ratio.upper):
        distance, variance = 4.0 - ratio * 1.0, 0.0
        for side in (before, after):
            unit = side.variance("margin") + ratio**2 * side.variance("cost")
            variance += (unit - 2 * ratio * side.covariance("margin", "cost")) / side.n
        assert abs(distance) / math.sqrt(variance) == pytest.approx(critical, rel=1e-9)


def test_the_interval_covers_the_truth() -> None:
    truth, hits, runs = 2.0, 0, 600
    for _ in range(runs):
        rows = [RANDOM.normal(size=(200, 2)) * (5, 1) + (20 + 2 * treated, 1.0 * treated) for treated in (0, 1)]
        before, after = (Moments.from_rows(("margin", "cost"), one) for one in rows)
        ratio = return_on_cost(before, after).ratio
        hits += ratio is None or truth in ratio
    # Four standard errors of 95 % in 600 runs are 3.6 points.
    assert hits / runs == pytest.approx(0.95, abs=0.036)


def test_equal_costs_have_no_return_but_a_profit() -> None:
    free = arm(margin=20, cost=0, cost_noise=0), arm(margin=24, cost=0, cost_noise=0)
    found = return_on_cost(*free)
    assert (found.ratio, found.net, found.notes) == (None, None, (Note.COST_UNCHANGED,))
    assert found.profit.significant
    assert found.cost.notes == (Note.NO_VARIATION,)
    json.dumps(found.to_dict(), allow_nan=False)


def test_costs_within_noise_leave_the_return_open() -> None:
    found = return_on_cost(arm(margin=20, cost=1), arm(margin=20.1, cost=1.001))
    assert found.ratio is not None
    assert (found.ratio.lower, found.ratio.upper) == (-math.inf, math.inf)
    assert found.notes == (Note.COST_UNCHANGED,)


def test_a_cheaper_treatment_has_no_return() -> None:
    found = return_on_cost(arm(margin=20, cost=3), arm(margin=20, cost=1))
    assert (found.ratio, found.notes) == (None, (Note.COST_SAVED,))
    assert found.chance_to_pay > 0.99


def test_a_fixed_cost_per_unit_is_a_sure_denominator() -> None:
    found = return_on_cost(arm(margin=20, cost=0, cost_noise=0), arm(margin=24, cost=2, cost_noise=0))
    assert found.ratio is not None
    half = (found.margin.difference.upper - found.margin.difference.lower) / 2
    assert found.ratio.upper - found.ratio.lower == pytest.approx(2 * half / 2)


def test_too_few_units_and_no_noise_at_all() -> None:
    empty = Moments.empty(("margin", "cost"))
    assert return_on_cost(empty, arm(margin=1, cost=1)).notes == (Note.TOO_FEW_UNITS,)
    one = Moments.from_rows(("margin", "cost"), [[1, 1]])
    assert return_on_cost(one, arm(margin=1, cost=1)).ratio is None
    still = [Moments.from_rows(("margin", "cost"), [[m, c]] * 5) for m, c in ((1, 1), (4, 2))]
    found = return_on_cost(*still)
    assert found.ratio is not None
    assert (found.ratio.estimate, found.ratio.upper, found.notes) == (3.0, math.inf, (Note.NO_VARIATION,))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match=r"^cost: "):
        return_on_cost(Moments.empty(("margin",)), Moments.empty(("margin",)))


def test_the_estimate_of_the_reference_campaign() -> None:
    # Its incremental return less 1 is 0.418167; revenue stands for margin, and the cost difference is within noise.
    users = dataset("roi_1200")
    rows = np.column_stack([users["revenue"], users["cost"]])
    before, after = (Moments.from_rows(("margin", "cost"), rows[users["variant"] == side]) for side in (0, 1))
    found = return_on_cost(before, after)
    assert found.margin.difference.estimate / found.cost.difference.estimate - 1 == pytest.approx(0.41816722676430995)
