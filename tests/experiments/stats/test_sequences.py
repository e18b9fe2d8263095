"""Always-valid inference: published boundaries, the mixture by quadrature, and the error rate under a hundred looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate, stats

from experiments.stats import sequences
from experiments.stats.crossings import exits
from experiments.stats.group_sequential import GroupSequential
from experiments.stats.inference import Effect, Normal, Reading, conclude
from experiments.stats.moments import Moments
from experiments.stats.results import ArmEstimate, Note
from experiments.stats.sequences import AtShare, ConfidenceSequence, MixtureT


def test_boundaries_of_the_authors_package() -> None:
    # confseq's own unit test: rho 12.60056, two-sided 30.35209, one-sided 27.66071.
    rho = sequences.mixture_rho(100.0)
    assert rho == pytest.approx(12.60056, abs=5e-6)
    assert sequences.normal_mixture_boundary(100.0, rho=rho) == pytest.approx(30.35209, abs=5e-6)
    one = sequences.mixture_rho(100.0, one_sided=True)
    assert sequences.normal_mixture_boundary(100.0, rho=one, one_sided=True) == pytest.approx(27.66071, abs=5e-6)


@pytest.mark.parametrize(
    ("estimate", "error", "n", "planned", "rho", "half", "p_value", "exact_half"),
    [
        (0.0022, math.sqrt(8.261432e-07), 100_000, 5_000, 0.039840067, 0.003032951, 0.687829892, 0.003037281),
        (0.5, 0.2, 10_000, 10_000, 0.028171181, 0.607041798, 0.186328445, 0.607024483),
        (0.50336, 0.33341, 6_461, 1_000, 0.089085098, 1.061794538, 1.0, 1.063240233),
    ],
)
def test_rows_of_growthbooks_sequential_engine(
    *, estimate: float, error: float, n: int, planned: int, rho: float, half: float, p_value: float, exact_half: float
) -> None:
    # gbstats' SequentialTwoSidedTTest and its test file (statistics reference, 7); the last column with the exact rho.
    tuned = sequences.approximate_rho(planned)
    interval, found = sequences.always_valid(estimate, error**2, n=n, rho=tuned)
    exact, _ = sequences.always_valid(estimate, error**2, n=n, rho=sequences.exact_rho(planned))
    assert tuned == pytest.approx(rho, abs=5e-10)
    assert interval.upper - estimate == pytest.approx(half, abs=5e-9)
    assert found == pytest.approx(p_value, abs=5e-8)
    assert exact.upper - estimate == pytest.approx(exact_half, abs=5e-9)


@given(st.floats(10, 1e7), st.floats(0.01, 0.3), st.floats(0.7, 1.4).filter(lambda factor: abs(factor - 1) > 0.01))
def test_no_rho_is_narrower_at_the_planned_size_than_the_exact_one(planned: float, alpha: float, factor: float) -> None:
    n = math.ceil(planned)
    best = sequences.exact_rho(n, alpha=alpha)
    assert ConfidenceSequence(n, best).critical(alpha) <= ConfidenceSequence(n, best * factor).critical(alpha)
    assert ConfidenceSequence(n, best).critical(alpha) <= ConfidenceSequence(
        n, sequences.approximate_rho(n, alpha=alpha)
    ).critical(alpha) * (1 + 1e-12)


def test_the_mixture_ratio_by_quadrature() -> None:
    # The likelihood ratio N(theta, V) to N(0, V) at d, averaged over theta ~ N(0, tau^2).
    d, variance, mixing = 0.01, 1e-5, 1e-4
    ratio, _ = integrate.quad(
        lambda theta: (
            math.exp((d * theta - theta**2 / 2) / variance) * float(stats.norm.pdf(theta, scale=math.sqrt(mixing)))
        ),
        -0.1,
        0.1,
        points=[0.0, d],
    )
    interval, p_value = sequences.mixture_sprt(d, variance, mixing_variance=mixing)
    assert p_value == pytest.approx(1 / ratio, rel=1e-7)
    assert (interval.lower, interval.upper) == pytest.approx((0.000393598, 0.019606402), abs=5e-10)


def test_the_e_value_is_a_mixture_too() -> None:
    # With mixing variance V n rho^2 the sequence's p-value is the mSPRT's: one family under two names.
    reference = ConfidenceSequence(800, 0.05)
    _, p_value = sequences.mixture_sprt(2.7, 1.0, mixing_variance=800 * 0.05**2)
    assert reference.p_value(2.7) == pytest.approx(p_value, rel=1e-12)


def test_a_hundred_looks_keep_the_level_where_a_fixed_test_does_not() -> None:
    random = np.random.Generator(np.random.PCG64(4))
    steps = random.normal(size=(2_000, 100)).cumsum(axis=1)
    z = steps / np.sqrt(np.arange(1, 101))
    critical = np.array(
        [ConfidenceSequence(100 * look, sequences.exact_rho(10_000)).critical(0.05) for look in range(1, 101)]
    )
    ever = float((np.abs(z) > critical).any(axis=1).mean())
    fixed = float((np.abs(z) > 1.96).any(axis=1).mean())
    assert ever <= 0.05
    # Armitage, McPherson and Rowe (1969): .3736 for 100 looks; four standard errors of 2,000 runs are .043.
    assert fixed == pytest.approx(0.373619, abs=0.043)


def test_watching_is_wider_than_testing_once() -> None:
    effect = Effect(ArmEstimate(5_000, 10.0, 0.07), ArmEstimate(5_050, 10.3, 0.07))
    watched = sequences.watch(effect, planned_n=10_000)
    once = conclude(effect, Normal(), method="z")
    assert watched.method == "confidence_sequence"
    assert (once.significant, watched.significant) == (True, False)
    assert watched.difference.lower < 0 < once.difference.lower
    assert watched.p_value > once.p_value


def test_no_variation_is_undefined_here_too() -> None:
    flat = ArmEstimate(50, 1.0, 0.0)
    assert sequences.watch(Effect(flat, flat), planned_n=100).notes == (Note.NO_VARIATION,)


@given(
    reference=st.sampled_from(
        [AtShare(Normal(), 0.25), AtShare(GroupSequential((0.4, 1.0)), 0.99), MixtureT(40.0, 0.03), MixtureT(1.0, 0.5)]
    ),
    statistic=st.floats(0, 30),
    alpha=st.floats(1e-9, 0.5),
)
def test_shares_and_mixtures_are_coherent(reference: AtShare | MixtureT, statistic: float, alpha: float) -> None:
    p_value = reference.p_value(statistic)
    assume(abs(p_value - alpha) > 1e-7 * alpha)
    assert (p_value < alpha) is (statistic > reference.critical(alpha))


def union_error(looks: int, *, alpha: float = 0.05, tuned: bool = True) -> float:
    """Chance, without any difference, that plan or overrun up to twice the plan ever reject; looks go on as often."""
    units = 100_000
    shares = [look / looks for look in range(1, 2 * looks + 1)]
    plan = GroupSequential(tuple(shares[:looks]))
    within = sequences.PLAN_SHARE * alpha if tuned else alpha
    bounds = list(plan.boundaries(within))
    for share in shares[looks:]:
        n = round(share * units)
        after = (
            sequences.overrun(n, planned_n=units, alpha=alpha)
            if tuned
            else ConfidenceSequence(n, sequences.exact_rho(units, alpha=alpha))
        )
        bounds.append(after.critical(alpha))
    return exits(shares, [-bound for bound in bounds], bounds).total


def test_a_plan_and_its_overrun_keep_the_level_together() -> None:
    # The pair at its full level does not: 5.19 % at 20 looks, 5.24 % at 100.
    assert union_error(20, tuned=False) == pytest.approx(0.05186, abs=1e-5)
    assert union_error(100, tuned=False) == pytest.approx(0.05240, abs=1e-5)
    assert union_error(20) == pytest.approx(0.04964, abs=1e-5)
    assert union_error(100) == pytest.approx(0.04968, abs=1e-5)
    for alpha in (0.001, 0.01, 0.1, 0.2):
        assert union_error(100, alpha=alpha) <= alpha


def test_within_the_plan_the_overrun_costs_next_to_nothing() -> None:
    looks = tuple(look / 20 for look in range(1, 21))
    plan = GroupSequential(looks)
    assert sequences.within_plan(plan).critical(0.05) == plan.critical(0.0495)
    assert sequences.within_plan(plan).critical(0.05) - plan.critical(0.05) < 0.005


def test_twice_the_plan_is_the_end() -> None:
    assert sequences.overrun(2_000, planned_n=1_000).critical(0.05) > 3
    with pytest.raises(ValueError, match=r"^n: "):
        sequences.overrun(2_001, planned_n=1_000)


def test_the_t_mixture_by_quadrature() -> None:
    # The t likelihood ratio averaged over effects ~ N(0, residual variance / phi), as a noncentral t by its definition.
    freedom, shrinkage, statistic = 12.0, 0.2, 2.3
    # Conditional on the scale s ~ chi/sqrt(nu), t s is normal: N(0, 1) or, mixed, N(0, 1/r).
    density = {
        spread: integrate.quad(
            lambda s, spread=spread: (
                s
                * stats.norm.pdf(statistic * s, scale=math.sqrt(spread))
                * stats.chi.pdf(s * math.sqrt(freedom), freedom)
            ),
            0,
            12,
        )[0]
        for spread in (1.0, 1 / shrinkage)
    }
    expected = density[1 / shrinkage] / density[1.0]
    assert math.exp(MixtureT(freedom, shrinkage).log_e_value(statistic)) == pytest.approx(expected, rel=1e-7)


def test_a_regression_watched_from_the_first_units_keeps_the_level() -> None:
    random = np.random.Generator(np.random.PCG64(12))
    rows = random.normal(size=(2, 400, 60, 1))
    wrong = 0
    for a, b in zip(*rows, strict=True):
        wrong += any(
            sequences.watch_regression(
                Moments.from_rows(("y",), a[:size]), Moments.from_rows(("y",), b[:size]), "y"
            ).significant
            for size in range(3, 61, 3)
        )
    assert wrong / 400 <= 0.05


def test_a_regression_has_no_answer_from_one_unit() -> None:
    one, two = (Moments.from_rows(("y",), np.arange(float(n))[:, None]) for n in (1, 2))
    assert sequences.watch_regression(one, two, "y").notes == (Note.TOO_FEW_UNITS,)
    assert MixtureT(1.0, 0.5).critical(0.001) == math.inf


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("share", lambda: AtShare(Normal(), 0.0)),
        ("phi", lambda: sequences.watch_regression(Moments.empty(("y",)), Moments.empty(("y",)), "y", phi=0.0)),
        (
            "alternative",
            lambda: sequences.watch_regression(
                Moments.empty(("y",)), Moments.empty(("y",)), "y", reading=Reading(alternative="less")
            ),
        ),
        ("n", lambda: ConfidenceSequence(0, 0.1)),
        ("rho", lambda: ConfidenceSequence(10, 0.0)),
        ("rho", lambda: ConfidenceSequence(10, math.nan)),
        ("planned size", lambda: sequences.exact_rho(0)),
        ("planned size", lambda: sequences.approximate_rho(math.nan)),
        ("alpha", lambda: sequences.exact_rho(100, alpha=1.0)),
        ("variance", lambda: sequences.always_valid(1.0, 0.0, n=10, rho=0.1)),
        ("variance", lambda: sequences.normal_mixture_boundary(-1.0, rho=1.0)),
        ("variance", lambda: sequences.mixture_sprt(1.0, math.nan, mixing_variance=1.0)),
        ("mixing_variance", lambda: sequences.mixture_sprt(1.0, 1.0, mixing_variance=0.0)),
        (
            "alternative",
            lambda: sequences.watch(
                Effect(ArmEstimate(9, 1.0, 0.1), ArmEstimate(9, 1.0, 0.1)),
                planned_n=9,
                reading=Reading(alternative="less"),
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(field: str, call: object) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=rf"^{field}: "):
        call()
