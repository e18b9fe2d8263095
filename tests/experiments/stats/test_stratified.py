"""Comparison within strata: Simpson's paradox, small strata, and tables that say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats.inference import Reading
from experiments.stats.means import welch
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.results import Note
from experiments.stats.stratified import compare_stratified, mantel_haenszel, merged, stratified_effect


def share(successes: int, n: int) -> Moments:
    return Moments.of_proportion("y", successes=successes, n=n)


# Treatment is better in both strata and worse in the plain totals: it drew more of the poor stratum.
SIMPSON = {"new": share(20, 200), "known": share(400, 800)}, {"new": share(120, 800), "known": share(110, 200)}


def test_strata_undo_an_unequal_mix() -> None:
    control, treatment = SIMPSON
    plain = welch(control["new"] + control["known"], treatment["new"] + treatment["known"], "y")
    found = compare_stratified(control, treatment, "y")
    assert plain.difference.upper < 0
    assert found.difference.estimate == pytest.approx(0.05, rel=1e-12)
    assert found.method == "post_stratified"
    assert found.control.n == 1000


def test_one_stratum_is_the_plain_comparison() -> None:
    effect = stratified_effect({"all": share(10, 100)}, {"all": share(15, 120)}, "y")
    plain = welch(share(10, 100), share(15, 120), "y")
    assert effect.difference == plain.difference.estimate
    assert math.sqrt(effect.variance) == pytest.approx(plain.standard_error, rel=1e-14)


def test_a_ratio_has_strata_too() -> None:
    generator = np.random.default_rng(8)
    sides = [
        {name: Moments.from_rows(("y", "x"), generator.poisson((2.0, 5.0), (50, 2)) + 1) for name in "ab"}
        for _ in range(2)
    ]
    effect = stratified_effect(sides[0], sides[1], "y", "x")
    by_hand = [side["a"].mean("y") / side["a"].mean("x") for side in sides]
    rest = [side["b"].mean("y") / side["b"].mean("x") for side in sides]
    assert effect.difference == pytest.approx((by_hand[1] - by_hand[0] + rest[1] - rest[0]) / 2, rel=1e-12)


def test_small_strata_are_joined_and_nobody_is_lost() -> None:
    control = {"a": share(5, 50), "b": share(1, 1), "c": share(0, 3)}
    treatment = {"a": share(6, 40), "b": share(1, 4), "d": share(2, 2)}
    pairs = merged(control, treatment)
    assert [(before.n, after.n) for before, after in pairs] == [(50, 40), (4, 6)]


def test_where_joining_all_is_not_enough_the_result_is_undefined() -> None:
    found = compare_stratified({"a": share(1, 1)}, {"b": share(1, 5)}, "y", reading=Reading(0.9))
    assert found.notes == (Note.TOO_FEW_UNITS,)
    assert (found.p_value, found.difference.confidence) == (1.0, 0.9)
    with pytest.raises(ValueError, match=r"^strata: an arm has no unit"):
        merged({"a": share(1, 2)}, {})


@given(st.lists(st.tuples(*[st.integers(2, 60)] * 4), min_size=1, max_size=6))
def test_every_unit_stays_and_the_effect_lies_between_the_strata(sizes: list[tuple[int, int, int, int]]) -> None:
    control = {str(i): share(min(won, n), n) for i, (n, won, _, _) in enumerate(sizes)}
    treatment = {str(i): share(min(won, n), n) for i, (_, _, n, won) in enumerate(sizes)}
    effect = stratified_effect(control, treatment, "y")
    differences = [treatment[key].mean("y") - control[key].mean("y") for key in control]
    assert min(differences) - 1e-12 <= effect.difference <= max(differences) + 1e-12
    assert effect.control.n == sum(side.n for side in control.values())


def test_mantel_haenszel_of_one_table_is_its_odds_and_risk_ratio() -> None:
    found = mantel_haenszel([(Counts(10, 100), Counts(20, 100))])
    assert found.odds_ratio.estimate == pytest.approx((20 * 90) / (80 * 10), rel=1e-12)
    assert found.risk_ratio.estimate == pytest.approx(2.0, rel=1e-12)
    log = math.sqrt(1 / 20 + 1 / 80 + 1 / 10 + 1 / 90)
    assert found.odds_ratio.upper == pytest.approx(2.25 * math.exp(1.959963984540054 * log), rel=1e-9)
    risk = math.sqrt(1 / 10 - 1 / 100 + 1 / 20 - 1 / 100)
    assert found.risk_ratio.lower == pytest.approx(2.0 * math.exp(-1.959963984540054 * risk), rel=1e-9)
    assert found.statistic == pytest.approx(199 / 200 * 200 * (20 * 90 - 80 * 10) ** 2 / (100 * 100 * 30 * 170))


def test_mantel_haenszel_is_not_fooled_by_the_mix() -> None:
    control, treatment = SIMPSON
    strata = [
        (Counts(round(control[k].total("y")), control[k].n), Counts(round(treatment[k].total("y")), treatment[k].n))
        for k in control
    ]
    found = mantel_haenszel(strata)
    assert found.odds_ratio.estimate > 1
    assert found.risk_ratio.estimate > 1
    assert found.p_value < found.p_value_corrected


@pytest.mark.parametrize(
    ("table", "odds"),
    [([], math.nan), ([(Counts(0, 5), Counts(0, 5))], math.nan), ([(Counts(0, 5), Counts(3, 5))], math.inf)],
)
def test_tables_without_an_answer_have_no_bounds(table: list[tuple[Counts, Counts]], odds: float) -> None:
    found = mantel_haenszel(table)
    assert found.odds_ratio.estimate == pytest.approx(odds, nan_ok=True)
    assert (found.odds_ratio.lower, found.odds_ratio.upper) == (0.0, math.inf)
