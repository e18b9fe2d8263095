"""Defects of other tools that ours must not have: their figure by their published formula, beside our answer.

The formulas are written out here as the tools' documents give them; the figures are those of the peers reference.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from experiments.assignment import AssignmentPlan, Namespace, assign, assign_many
from experiments.growthbook import Context, run_experiment
from experiments.stats import (
    bandits,
    batched,
    contrasts,
    margins,
    means,
    multiplicity,
    operating,
    power,
    proportions,
    sample_ratio,
    sequences,
)
from experiments.stats.crossings import exits
from experiments.stats.group_sequential import GroupSequential, spending_boundaries
from experiments.stats.inference import Effect, Normal, Reading, conclude
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.results import ArmEstimate, Comparison, Direction


def ever_beyond(bounds: list[float] | tuple[float, ...], *, drift: float = 0.0) -> float:
    """Chance that |Z| ever reaches its bound over equal looks, exact."""
    looks = [(look + 1) / len(bounds) for look in range(len(bounds))]
    return exits(looks, [-bound for bound in bounds], bounds, drift=drift).total


# --- a. GrowthBook's relative test against its absolute one ---------------------------------------------------------
def growthbook_relative(result: Comparison) -> tuple[float, float]:
    """Lift and standard error by the linear delta method at the observed ratio."""
    control, treatment = result.control, result.treatment
    variance = treatment.variance / control.value**2 + control.variance * treatment.value**2 / control.value**4
    return treatment.value / control.value - 1, math.sqrt(variance)


def revenue() -> Comparison:
    """The test case of gbstats itself."""
    a = Moments.of_sums({"y": 1396.87}, {("y", "y"): 52377.9767}, n=3407)
    b = Moments.of_sums({"y": 2422.7}, {("y", "y"): 134698.29}, n=3461)
    return means.welch(a, b, "y")


def test_a_relative_and_absolute_change_are_one_verdict() -> None:
    result = revenue()
    lift, error = growthbook_relative(result)
    assert result.degrees_of_freedom is not None
    theirs = float(2 * special.stdtr(result.degrees_of_freedom, -lift / error))
    assert (result.p_value, theirs) == pytest.approx((0.020158403, 0.061911827), abs=5e-9)
    assert result.significant is (theirs > 0.05)
    assert result.lift is not None
    assert 0 not in result.lift
    assert (result.lift.lower, result.lift.upper) == pytest.approx((0.094062, 1.708690), abs=5e-6)


def test_a_rates_of_clicks_contradict_each_other_there_and_not_here() -> None:
    a, b = Counts(1_000, 50_000), Counts(1_110, 50_000)
    result = proportions.two_proportion_z(a, b, pooled=False)
    lift, error = growthbook_relative(result)
    assert result.p_value == pytest.approx(0.015501573, abs=5e-9)
    assert Normal().p_value(lift / error) == pytest.approx(0.0216, abs=5e-5)
    chance = float(special.ndtr(lift / error))
    assert (result.chance_to_win, chance) == pytest.approx((0.992249, 0.98920), abs=5e-6)
    # Ours: one statistic behind all, so the chance is the p-value's tail and the lift's bound changes sign with it.
    assert result.chance_to_win == 1 - result.p_value / 2
    assert result.lift is not None
    assert (result.lift.lower > 0) is result.significant
    edge = proportions.two_proportion_z(a, b, pooled=False, reading=Reading(1 - result.p_value))
    assert edge.lift is not None
    assert edge.lift.lower == pytest.approx(0.0, abs=1e-9)


def test_a_sequential_results_contradict_each_other_there_and_not_here() -> None:
    effect = Effect(Counts(1_000, 50_000).estimate(), Counts(1_110, 50_000).estimate())
    rho = sequences.approximate_rho(5_000)
    absolute = sequences.watch(effect, planned_n=5_000, rho=sequences.approximate_rho)
    lift, error = growthbook_relative(absolute)
    _, theirs = sequences.always_valid(lift, error**2, n=100_000, rho=rho)
    assert (absolute.p_value, theirs) == pytest.approx((0.6878, 0.9181), abs=5e-5)
    edge = sequences.watch(
        effect, planned_n=5_000, rho=lambda planned, *, alpha: rho, reading=Reading(1 - absolute.p_value)
    )
    assert edge.lift is not None
    assert edge.lift.lower == pytest.approx(0.0, abs=1e-9)
    guarded = margins.non_inferiority(effect, Normal(), margin=0.01, relative=True)
    assert guarded.holds is (guarded.change.lower > -0.01)


# --- b. gbstats counts arms without weight --------------------------------------------------------------------------
def test_b_an_arm_of_weight_zero_gives_no_degree_of_freedom() -> None:
    observed, weights = [5_100, 4_900, 0], [0.5, 0.5, 0.0]
    expected = [weight * 10_000 for weight in weights]
    statistic = sum((seen - due) ** 2 / due for seen, due in zip(observed, expected, strict=True) if due)
    theirs = float(special.chdtrc(len(observed) - 1, statistic))
    ours = sample_ratio.chi_square(observed, weights)
    assert (theirs, ours.p_value) == pytest.approx((0.135335, 0.045500), abs=5e-7)
    assert ours.degrees_of_freedom == 1


# --- c. gbstats takes the wrong two where a small value is the good one ----------------------------------------------
def gbstats_top_two(draws: np.ndarray, *, inverse: bool) -> list[float]:
    """Half of how often each arm is among a draw's two best: of the sorted columns 1 and 2, where 0 and 1 belong."""
    order = draws.argsort(axis=1)
    best = order[:, 1:3] if inverse else order[:, -2:]
    return [float((best == arm).mean()) for arm in range(draws.shape[1])]


def test_c_the_best_arm_is_shown_also_where_less_is_better() -> None:
    means, spreads = [0.0, 1.0, 2.0], [0.01, 0.01, 0.01]
    draws = np.random.Generator(np.random.PCG64(1)).normal(means, spreads, (1_000, 3))
    assert gbstats_top_two(draws, inverse=True) == [0.0, 0.5, 0.5]
    sides: tuple[tuple[Direction, int], ...] = (("decrease", 0), ("increase", 2))
    for direction, best in sides:
        shares = bandits.thompson_shares(means, spreads, method="top_two", direction=direction)
        assert shares[best] == pytest.approx(0.5, abs=1e-9)
        plain = bandits.thompson_shares(means, spreads, direction=direction)
        assert plain[best] == pytest.approx(1.0, abs=1e-12)


# --- d. Statsig's mixing variance is recomputed at every look --------------------------------------------------------
def statsig_bound(n: int, *, variances: tuple[float, float] = (0.02, 0.02), alpha: float = 0.05) -> float:
    """Z* = sqrt((V + tau)/tau (-2 ln(alpha/2) - ln(V/(V + tau)))), tau = z^2 (s_t^2 + s_c^2)/(n_t + n_c)."""
    variance = sum(spread / n for spread in variances)
    tau = Normal().critical(alpha) ** 2 * sum(variances) / (2 * n)
    return math.sqrt((variance + tau) / tau * (-2 * math.log(alpha / 2) - math.log(variance / (variance + tau))))


def test_d_a_bound_that_never_moves_is_no_sequence() -> None:
    sizes = (100, 10_000, 100_000_000)
    assert [statsig_bound(n) for n in sizes] == pytest.approx([3.584515] * 3, abs=5e-7)
    assert statsig_bound(10_000, variances=(24.0, 25.0)) == pytest.approx(3.584515, abs=5e-7)
    # A constant bound is crossed for certain in the end; a mixture's rises with the units.
    rho = sequences.exact_rho(10_000)
    ours = [sequences.ConfidenceSequence(n, rho).critical(0.05) for n in (10_000, 1_000_000, 100_000_000)]
    assert ours == sorted(ours)
    assert ours[2] > ours[0] + 1.0


def test_d_and_costs_most_of_the_power() -> None:
    theirs = [statsig_bound(1_000)] * 28
    plan = spending_boundaries(tuple(look / 28 for look in range(1, 29)))
    drift = operating.fixed_drift()
    assert ever_beyond(theirs) == pytest.approx(0.0035, abs=5e-5)
    assert ever_beyond(theirs, drift=drift) == pytest.approx(0.2907, abs=1e-4)
    assert ever_beyond(plan) == pytest.approx(0.05, abs=1e-9)
    assert ever_beyond(plan, drift=drift) == pytest.approx(0.7807, abs=1e-4)


# --- e. Peeking at a flat prior's 95 % ------------------------------------------------------------------------------
@pytest.mark.parametrize(("looks", "theirs"), [(1, 0.1), (5, 0.259628), (14, 0.381610), (28, 0.461309)])
def test_e_a_flat_prior_does_not_make_peeking_safe(looks: int, theirs: float) -> None:
    # P(B > A) > 95 % or < 5 % under a flat prior is |z| > 1.645.
    assert ever_beyond([Normal().critical(0.1)] * looks) == pytest.approx(theirs, abs=1e-6)
    shares = tuple(look / looks for look in range(1, looks + 1))
    ours = [GroupSequential(shares[: look + 1]).critical(0.05) for look in range(looks)]
    assert ever_beyond(ours) == pytest.approx(0.05, abs=1e-9)


# --- f. PostHog plans revenue with a supposed spread and corrects for no comparison ---------------------------------
def test_f_a_plan_takes_its_spread_from_history() -> None:
    # Most buy nothing: the coefficient of variation of sample revenue, where theirs supposes one half.
    history = Moments.of_sums({"y": 1_000.0}, {("y", "y"): 4_400.0}, n=1_000)
    assert math.sqrt(history.variance("y")) / history.mean("y") == pytest.approx(1.844832, abs=5e-7)
    theirs = 16 * 0.25 * history.mean("y") ** 2 / (0.05 * history.mean("y")) ** 2
    contrast = contrasts.lift_of(history, 0.05, numerator="y")
    ours = power.sample_size(contrast)
    assert theirs == pytest.approx(1_600)
    assert ours / theirs == pytest.approx(13.356, abs=5e-4)
    assert power.power(contrast, theirs) == pytest.approx(0.11956, abs=5e-6)
    assert power.power(contrast, ours) == pytest.approx(0.8, abs=2e-6)


@pytest.mark.parametrize(("comparisons", "theirs"), [(3, 0.142625), (5, 0.226219), (10, 0.401263)])
def test_f_each_further_variant_is_one_more_way_to_win_by_chance(comparisons: int, theirs: float) -> None:
    # The chance that at least one of so many independent comparisons without effect is called at 95 %.
    assert 1 - 0.95**comparisons == pytest.approx(theirs, abs=5e-7)
    least = 0.05 / comparisons
    others = [0.9] * (comparisons - 1)
    assert multiplicity.holm([least * 0.999, *others])[0] < 0.05 < multiplicity.holm([least * 1.001, *others])[0]
    assert 1 - (1 - least) ** comparisons < 0.05


# --- g. GrowthBook backs its intervals out of the corrected p-value -------------------------------------------------
def growthbook_adjusted_half(estimate: float, corrected: float) -> float:
    """Half an interval as wide as a z test with the corrected p-value would have had."""
    implied = abs(estimate) / float(-special.ndtri(corrected / 2))
    return Normal().critical(0.05) * implied


def test_g_corrected_intervals_exist_whatever_the_p_value() -> None:
    control = ArmEstimate(5_000, 10.0, 0.1)
    made = [(Effect(control, ArmEstimate(5_000, 10.0 + shift, 0.1)), Normal()) for shift in (0.5, 0.02, -0.01)]
    plain = [conclude(effect, Normal(), method="z") for effect, _ in made]
    corrected = multiplicity.holm([one.p_value for one in plain])
    assert corrected[1:].tolist() == [1.0, 1.0]
    with pytest.raises(ZeroDivisionError):
        growthbook_adjusted_half(0.02, corrected[1])
    ours = multiplicity.simultaneous(made)
    for one, alone in zip(ours[1:], plain[1:], strict=True):
        assert one.difference.bounded
        assert 0 in one.difference
        assert one.difference.upper - one.difference.lower >= alone.difference.upper - alone.difference.lower
    # Where theirs exists its width follows the estimate and not the noise: ten times the estimate, ten times the width.
    assert growthbook_adjusted_half(0.2, 0.5) == pytest.approx(10 * growthbook_adjusted_half(0.02, 0.5))
    assert [one.p_value < 0.05 for one in ours] == [0 not in one.difference for one in ours] == [True, False, False]


# --- h. Shares checked at p < .001 on every refresh -----------------------------------------------------------------
@pytest.mark.parametrize(("looks", "theirs"), [(14, 0.0068), (28, 0.0094), (90, 0.0143)])
def test_h_a_check_on_every_refresh_needs_a_test_made_for_it(looks: int, theirs: float) -> None:
    level = sample_ratio.MISMATCH_ALPHA
    assert ever_beyond([Normal().critical(level)] * looks) == pytest.approx(theirs, abs=5e-5)
    daily = np.random.Generator(np.random.PCG64(looks)).binomial(1_000, 0.5, (20_000, looks))
    off = np.abs(2 * daily.cumsum(axis=1) - 1_000 * np.arange(1, looks + 1)) // 2
    least = [_least_flagged(500 * look) for look in range(1, looks + 1)]
    assert (off >= least).any(axis=1).mean() <= level


def _least_flagged(half: int) -> int:
    """The least shift of units between two arms that the always-valid test flags."""
    low, high = 0, half
    while high - low > 1:
        middle = (low + high) // 2
        found = sample_ratio.sequential([half + middle, half - middle], [1, 1]).mismatch
        low, high = (low, middle) if found else (middle, high)
    return high


# --- i. GrowthBook's sequential default is tuned for 5,000 units ----------------------------------------------------
def test_i_a_sequence_tuned_for_the_plan_is_narrower() -> None:
    n = 100_000
    fixed = Normal().critical(0.05)
    theirs = sequences.ConfidenceSequence(n, sequences.approximate_rho(5_000)).critical(0.05) / fixed
    ours = sequences.ConfidenceSequence(n, sequences.exact_rho(n)).critical(0.05) / fixed
    default = GroupSequential(tuple(look / 20 for look in range(1, 21))).critical(0.05) / fixed
    assert theirs == pytest.approx(1.702510, abs=5e-7)
    assert ours == pytest.approx(1.5486, abs=5e-5)
    assert default == pytest.approx(1.0831, abs=5e-5)


# --- j. GrowthBook pools a bandit's periods -------------------------------------------------------------------------
def orders(n: int, rate: float) -> Moments:
    """Units of which this share bought."""
    return Moments.of_sums({"y": n * rate}, {("y", "y"): n * rate}, n=n)


def test_j_a_better_season_is_not_a_better_arm() -> None:
    # No arm is better, ever. The second week all buy more, and the bandit has come to prefer one arm by chance.
    control = {"1": orders(10_000, 0.10), "2": orders(2_000, 0.20)}
    treatment = {"1": orders(10_000, 0.10), "2": orders(18_000, 0.20)}
    theirs = means.welch(control["1"] + control["2"], treatment["1"] + treatment["2"], "y")
    ours = conclude(
        batched.effect([(control[one], treatment[one]) for one in control], "y"), Normal(), method="batched"
    )
    assert theirs.lift is not None
    assert (theirs.lift.estimate, theirs.statistic) == pytest.approx((0.408163, 12.963971), abs=5e-4)
    assert theirs.chance_to_win > 1 - 1e-9
    assert ours.difference.estimate == pytest.approx(0.0, abs=1e-15)
    assert 0 in ours.difference
    assert ours.chance_to_win == pytest.approx(0.5, abs=1e-9)


# --- Buckets on which clients disagree, and rollouts that share a number with the variants --------------------------
def published_bucket(seed: str, unit: str, version: int) -> float:
    """The published hash, written out plainly."""

    def fnv(text: str) -> int:
        state = 0x811C9DC5
        for character in text:
            state = (state ^ ord(character)) * 0x01000193 % 2**32
        return state

    if version == 1:
        return fnv(unit + seed) % 1_000 / 1_000
    return fnv(str(fnv(seed + unit))) % 10_000 / 10_000


def test_clients_of_either_version_get_the_published_bucket_by_every_path() -> None:
    units = [f"shopper-{number}" for number in range(2_000)]
    arms = {}
    for version in (1, 2):
        plan = AssignmentPlan("checkout", (0.5, 0.5), hash_version=version)
        arms[version] = [int(published_bucket("checkout", unit, version) >= 0.5) for unit in units]
        rule = {"key": "checkout", "variations": [0, 1], **({"hashVersion": 2} if version == 2 else {})}
        by_payload = [run_experiment(rule, Context(attributes={"id": unit})).value for unit in units]
        assert [assign(unit, plan).variation for unit in units] == arms[version]
        assert assign_many(units, plan).tolist() == by_payload == arms[version]
    # Why a wrong version halts tests: every other shopper would change arms.
    assert sum(one != two for one, two in zip(arms[1], arms[2], strict=True)) == pytest.approx(1_000, abs=70)


def test_a_small_rollout_reaches_every_variant() -> None:
    # Theirs: in the rollout if number % 100 < 10, the variant by number % 1000: of twenty arms ten get nobody.
    theirs = np.bincount([number % 1_000 // 50 for number in range(100_000) if number % 100 < 10], minlength=20)
    assert (theirs == 0).sum() == 10
    plan = AssignmentPlan("checkout", (0.05,) * 20, coverage=0.1)
    slots = plan.variation_by_slot
    # A range's end may fall on a slot, which rounding then counts in.
    assert set(np.bincount(slots[slots >= 0], minlength=20).tolist()) <= {50, 51}
    apart = AssignmentPlan("checkout", (0.5, 0.5), namespace=Namespace("sales", 0.0, 0.1))
    found = assign_many([f"shopper-{number}" for number in range(40_000)], apart)
    inside, second = int((found >= 0).sum()), int((found == 1).sum())
    assert inside == pytest.approx(4_000, abs=240)
    assert second == pytest.approx(inside / 2, abs=4 * math.sqrt(inside) / 2)


def test_a_rollout_is_drawn_once() -> None:
    # Theirs draws for the rollout and again for the variant: 20 % become 4 %.
    theirs = 0.2 * 0.2
    plan = AssignmentPlan("checkout", (0.5, 0.5), coverage=0.2)
    ours = float((plan.variation_by_slot >= 0).mean())
    assert (ours, theirs) == pytest.approx((0.2, 0.04), abs=1e-12)
    unit = next(f"shopper-{number}" for number in range(100) if assign(f"shopper-{number}", plan).in_experiment)
    assert {assign(unit, plan).variation for _ in range(10)} == {assign(unit, plan).variation}
