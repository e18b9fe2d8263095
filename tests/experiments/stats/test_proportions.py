"""Two proportions: published intervals, agreement between methods, small and empty counts."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats import contingency, score_sets
from experiments.stats.inference import Reading
from experiments.stats.proportions import (
    Counts,
    katz_lift,
    newcombe,
    score,
    score_difference,
    two_proportion_z,
    wilson,
)
from experiments.stats.results import Note

# Newcombe (1998, Stat. Med. 17:873), table II: the second sample first here, since ours is treatment - control.
NEWCOMBE_TABLE = [
    (Counts(48, 80), Counts(56, 70), (0.0524, 0.3339), (0.0533, 0.3377), (0.0528, 0.3382)),
    (Counts(3, 10), Counts(9, 10), (0.1705, 0.8090), (0.1821, 0.8370), (0.1700, 0.8406)),
    (Counts(0, 29), Counts(5, 56), (-0.0381, 0.1926), (-0.0313, 0.1926), (-0.0326, 0.1933)),
    (Counts(0, 10), Counts(0, 10), (-0.2775, 0.2775), (-0.2775, 0.2775), (-0.2879, 0.2879)),
    (Counts(0, 20), Counts(10, 10), (0.6791, 1.0000), (0.7225, 1.0000), (0.7156, 1.0000)),
]


@pytest.mark.parametrize(("control", "treatment", "hybrid", "mee", "mn"), NEWCOMBE_TABLE)
def test_intervals_of_newcombes_table(control: Counts, treatment: Counts, hybrid: Any, mee: Any, mn: Any) -> None:
    for interval, expected in (
        (newcombe(control, treatment), hybrid),
        (score_difference(control, treatment), mee),
        (score_difference(control, treatment, miettinen_nurminen=True), mn),
    ):
        assert (interval.lower, interval.upper) == pytest.approx(expected, abs=6e-5)


def test_wilson_of_a_published_case() -> None:
    # Newcombe (1998, Stat. Med. 17:857), table I, method 3: 81/263 and 0/20.
    assert (wilson(Counts(81, 263)).lower, wilson(Counts(81, 263)).upper) == pytest.approx((0.2553, 0.3662), abs=6e-5)
    assert (wilson(Counts(0, 20)).lower, wilson(Counts(0, 20)).upper) == pytest.approx((0.0, 0.1611), abs=6e-5)
    assert wilson(Counts(20, 20)).upper == 1.0
    assert (wilson(Counts(0, 0)).lower, wilson(Counts(0, 0)).upper) == (0.0, 1.0)


def test_the_score_test_is_the_pooled_z_test_and_pearsons() -> None:
    # 40/100 and 50/100: z 1.421338, p .155218490 (statsmodels, R prop.test; statistics reference, 1).
    control, treatment = Counts(40, 100), Counts(50, 100)
    result = score(control, treatment)
    assert result.statistic == pytest.approx(1.421338, abs=5e-7)
    assert result.p_value == pytest.approx(0.155218490, abs=5e-10)
    assert result.p_value == two_proportion_z(control, treatment, pooled=True).p_value
    assert result.p_value == pytest.approx(contingency.chi_square([[50, 50], [40, 60]]).p_value, rel=1e-12)
    katz = katz_lift(control, treatment)
    assert (katz.lower, katz.upper) == pytest.approx((-0.083097, 0.704107), abs=5e-7)


@given(
    st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.sampled_from([1.0, 1.96, 2.576]),
)
def test_score_bounds_are_where_the_likelihood_says(
    control: tuple[int, int], treatment: tuple[int, int], critical: float
) -> None:
    # The constrained rates are looked up by a plain grid search of the likelihood, not by the closed forms under test.
    lower, upper = score_sets.difference_bounds(*control, *treatment, critical=critical)
    observed = treatment[0] / treatment[1] - control[0] / control[1]
    for bound in (lower, upper):
        if -1 < bound < 1 and bound != observed:
            assert _by_grid(control, treatment, bound) == pytest.approx(critical, rel=2e-3)


def _by_grid(control: tuple[int, int], treatment: tuple[int, int], supposed: float) -> float:
    low, high = max(0.0, -supposed), min(1.0, 1.0 - supposed)

    def likelihood(rate: float) -> float:
        total = 0.0
        for (successes, n), p in ((control, rate), (treatment, rate + supposed)):
            for count, chance in ((successes, p), (n - successes, 1 - p)):
                total += count * math.log(max(chance, 1e-300)) if count else 0.0
        return total

    for _ in range(200):
        third = (high - low) / 3
        left, right = low + third, high - third
        low, high = (low, right) if likelihood(left) > likelihood(right) else (left, high)
    rate = (low + high) / 2
    other = min(max(rate + supposed, 0.0), 1.0)
    variance = other * (1 - other) / treatment[1] + rate * (1 - rate) / control[1]
    return abs(treatment[0] / treatment[1] - control[0] / control[1] - supposed) / math.sqrt(variance)


def test_koopmans_published_ratio() -> None:
    # Koopman (1984, Biometrics 40:513), example: 36/40 against 16/80, ratio 4.5 with interval (2.939, 7.152).
    result = score(Counts(16, 80), Counts(36, 40))
    assert result.lift is not None
    assert (result.lift.lower + 1, result.lift.upper + 1) == pytest.approx((2.939, 7.152), abs=0.002)


def test_nobody_converted_has_an_honest_width() -> None:
    result = score(Counts(0, 500), Counts(0, 500))
    assert (result.p_value, result.chance_to_win, result.lift) == (1.0, 0.5, None)
    assert result.difference.upper == pytest.approx(-result.difference.lower)
    # The upper end of Wilson's interval at 0 of 500 is z^2 / (n + z^2).
    assert 0 < result.difference.upper <= 1.96**2 / (500 + 1.96**2) + 1e-9
    assert result.notes == (Note.SMALL_COUNTS, Note.CONTROL_NOT_POSITIVE)
    assert score(Counts(500, 500), Counts(500, 500)).p_value == 1.0


def test_all_against_none_is_certain_and_bounded() -> None:
    result = score(Counts(0, 500), Counts(500, 500))
    assert result.p_value < 1e-200
    assert result.difference.lower > 0.98
    assert result.difference.upper == 1.0


def test_nobody_left_in_the_treatment_is_a_lift_of_minus_one() -> None:
    result = score(Counts(30, 300), Counts(0, 300))
    assert result.lift is not None
    assert (result.lift.estimate, result.lift.lower) == (-1.0, -1.0)
    assert -1 < result.lift.upper < -0.8


def test_an_arm_without_units_is_undefined() -> None:
    for result in (
        score(Counts(0, 0), Counts(1, 5)),
        two_proportion_z(Counts(1, 5), Counts(0, 0), pooled=True),
    ):
        assert result.notes == (Note.TOO_FEW_UNITS,)
        assert result.p_value == 1.0


def test_wald_without_variation_claims_nothing() -> None:
    result = two_proportion_z(Counts(0, 5), Counts(5, 5), pooled=False, continuity=True)
    assert result.notes == (Note.NO_VARIATION,)
    assert result.p_value == 1.0


def test_the_continuity_correction_never_passes_the_difference() -> None:
    # R's prop.test corrects by min(0.5, |difference| / (1/n1 + 1/n2)): equal rates are not corrected at all.
    equal = Counts(10, 100), Counts(20, 200)
    plain, corrected = (two_proportion_z(*equal, pooled=False, continuity=yates) for yates in (False, True))
    assert corrected.difference == plain.difference
    assert corrected.p_value == 1.0


def test_small_counts_are_marked_at_five() -> None:
    assert score(Counts(4, 50), Counts(5, 50)).notes == (Note.SMALL_COUNTS,)
    assert score(Counts(5, 50), Counts(5, 50)).notes == ()
    assert score(Counts(46, 50), Counts(45, 50)).notes == (Note.SMALL_COUNTS,)


@pytest.mark.parametrize(
    ("field", "successes", "n"),
    [("successes", 6, 5), ("successes", -1, 5), ("n", 0, -1), ("successes", 1.5, 5), ("n", 1, math.nan)],
)
def test_counts_that_cannot_be_are_refused_by_name(field: str, successes: int, n: int) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        Counts(successes, n)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^alternative: "):
        score(Counts(1, 5), Counts(2, 5), reading=Reading(alternative="less"))
    with pytest.raises(ValueError, match=r"^treatment: "):
        newcombe(Counts(1, 5), Counts(0, 0))


def test_fisher_of_the_lady_tasting_tea() -> None:
    # Fisher (1935), as in R's help page of fisher.test: p .4857, conditional odds ratio 6.408309.
    found = contingency.fisher_exact(Counts(1, 4), Counts(3, 4))
    assert found.p_value == pytest.approx(0.4857, abs=5e-5)
    assert found.odds_ratio.estimate == pytest.approx(6.408309, rel=1e-4)
    empty = contingency.fisher_exact(Counts(0, 0), Counts(1, 4))
    assert (empty.p_value, empty.odds_ratio.lower, empty.odds_ratio.upper) == (1.0, 0.0, math.inf)


def test_chi_square_of_fleiss_smokers() -> None:
    # Fleiss (1981), as in R's help page of prop.test: smokers among patients of four studies, X2 12.6, df 3, p .005585.
    smokers, patients = (83, 90, 129, 70), (86, 93, 136, 82)
    found = contingency.chi_square([[s, p - s] for s, p in zip(smokers, patients, strict=True)])
    assert (round(found.statistic, 1), found.degrees_of_freedom, round(found.p_value, 6)) == (12.6, 3, 0.005585)


@pytest.mark.parametrize("table", [[[1, 2]], [[1, -2], [3, 4]], [[1, 0], [3, 0]], [[1, math.nan], [3, 4]]])
def test_tables_that_cannot_be_are_refused(table: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"^table: "):
        contingency.g_test(table)


def test_yates_is_for_two_by_two() -> None:
    with pytest.raises(ValueError, match=r"^yates: "):
        contingency.chi_square([[1, 2, 3], [3, 4, 5]], yates=True)


def test_rates_of_a_few_in_a_hundred_million_keep_their_digits() -> None:
    # 3 against 12 of 1e8: bounds by solving the cubic with 50 digits (mpmath polyroots); the trigonometric form alone
    # gives 1.618e-08 for the lower one.
    found = score_difference(Counts(3, 10**8), Counts(12, 10**8))
    assert found.lower == pytest.approx(1.6266451906e-08, rel=1e-9)
    assert found.upper == pytest.approx(1.8308412294e-07, rel=1e-9)


def test_many_units_agree_with_wald() -> None:
    control, treatment = Counts(501_234, 10**7), Counts(503_456, 10**7)
    wald = two_proportion_z(control, treatment, pooled=False).difference
    found = score_difference(control, treatment)
    assert (found.lower, found.upper) == pytest.approx((wald.lower, wald.upper), rel=1e-5)
