"""Power and size: published tables and pages, exact recursion against theory, inverses of each other, wrong input."""

from __future__ import annotations

import inspect
import math
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.stats import contrasts, power
from experiments.stats.contrasts import Contrast, NullVariance
from experiments.stats.moments import Moments
from experiments.stats.multiplicity import guardrail_power
from experiments.stats.power import Design
from experiments.stats.rejection import (
    AlwaysValid,
    FixedHorizon,
    FixedStudent,
    PlannedLooks,
    Rule,
    WidenedError,
)

NULLS: tuple[NullVariance, ...] = ("pooled", "baseline", "unpooled", "arcsine")


@pytest.mark.parametrize(
    ("rates", "wanted", "sizes"),
    [
        # Statistics reference, 12: R's power.prop.test, Evan Miller's page, the unpooled form, R's pwr.
        ((0.50, 0.75), 0.9, (76.706928, 79.821395, 73.551961, 76.652967)),
        ((0.20, 0.25), 0.8, (1093.739046, 1030.219283, 1090.994283, 1091.898833)),
        ((0.020, 0.022), 0.8, (80681.380282, 78039.016896, 80678.634789, 80637.427898)),
    ],
)
def test_sizes_of_two_rates(rates: tuple[float, float], wanted: float, sizes: tuple[float, ...]) -> None:
    for null, size in zip(NULLS, sizes, strict=True):
        contrast = contrasts.proportion(*rates, null=null)
        assert power.sample_size(contrast, design=Design(power=wanted)) == pytest.approx(size, abs=5e-7)


@pytest.mark.parametrize(("change", "wanted", "size"), [(1.0, 0.9, 22.021088), (0.2, 0.8, 393.405695)])
def test_sizes_of_a_t_test(change: float, wanted: float, size: float) -> None:
    # R's power.t.test; statsmodels (statistics reference, 12).
    found = power.sample_size(contrasts.mean(change, 1.0), design=Design(power=wanted, rule=FixedStudent()))
    assert found == pytest.approx(size, rel=3e-6)


def test_size_of_a_ratio_metric() -> None:
    # Statistics reference, 12: r .052612613, unit variance .009566108, 10 % lift.
    value, variance = 0.052612613, 0.009566108
    found = power.sample_size(contrasts.mean(0.1 * value, math.sqrt(variance)))
    assert found == pytest.approx(5424.918319, rel=2e-7)


def test_a_lift_is_planned_from_measured_moments() -> None:
    rows = [[1, 10], [0, 8], [2, 15], [1, 9], [3, 20], [0, 5], [1, 12], [2, 11]]
    before = Moments.from_rows(("clicks", "impressions"), rows)
    found = contrasts.lift_of(before, 0.1, numerator="clicks", denominator="impressions")
    assert found.distance == pytest.approx(0.1 / 9)
    assert found.alternative == pytest.approx(2 * 0.002870643, abs=1e-9)  # unit variance: statistics reference, 3
    plain = contrasts.lift_of(before, -0.5, numerator="clicks", ratio=2.0)
    assert plain.distance == pytest.approx(-0.625)
    assert plain.ratio == 2.0


def test_smallest_lift_at_the_sizes_of_real_headline_tests() -> None:
    # Statistics reference, 12: 57.1 % at the median of Upworthy's tests, 20.2 % at 25,000; 12.4 % at 50,000 and 2 %.
    for units, rate, lift in ((3122, 0.0152, 0.571), (25_000, 0.0152, 0.202), (50_000, 0.02, 0.124)):
        deviation = math.sqrt(rate * (1 - rate))
        change = power.detectable(partial(contrasts.mean, deviation=deviation), units, largest=0.5)
        assert change / rate == pytest.approx(lift, abs=5e-4)


def test_figures_of_growthbooks_planner() -> None:
    # power-technical.mdx: mean 10, variance 3909.99977, 400,000 users in three arms, 5 % lift.
    def lifted(lift: float) -> Contrast:
        return contrasts.first_order_lift(lift, 10, math.sqrt(3909.99977))

    sequential = Design(rule=WidenedError(5000))
    units = 400_000 / 3
    assert power.power(lifted(0.05), units) == pytest.approx(0.521441, abs=5e-7)
    assert power.detectable(lifted, units, largest=1.0) == pytest.approx(0.070272, abs=1e-6)
    assert power.power(lifted(0.05), units, design=sequential) == pytest.approx(0.205957, abs=2e-6)
    assert power.detectable(lifted, units, design=sequential, largest=1.0) == pytest.approx(0.128209, abs=2e-6)


@pytest.mark.parametrize(
    ("rule", "reached"),
    [
        (PlannedLooks(14), 0.7834),
        (PlannedLooks(28), 0.7807),
        (PlannedLooks(14, "pocock"), 0.6976),
        (AlwaysValid(100_000, 14), 0.4838),
        (AlwaysValid(50_000, 14), 0.4835),
        (AlwaysValid(10_000, 28), 0.4415),
        (AlwaysValid(5_000, 14), 0.3843),
    ],
)
def test_power_of_sequential_designs_at_a_fixed_tests_size(rule: Rule, reached: float) -> None:
    # Statistics reference, 10: the effect has 80 % power at the fixed horizon; the power is of either side.
    drift = 1.959963985 + 0.841621234
    contrast = contrasts.mean(drift * math.sqrt(2 / 50_000), 1.0)
    assert power.power(contrast, 50_000) == pytest.approx(0.8, abs=2e-6)
    assert power.power(contrast, 50_000, design=Design(rule=rule)) == pytest.approx(reached, abs=2e-3)


def test_inflation_of_group_sequential_plans() -> None:
    # Statistics reference, 8: Lan-DeMets O'Brien-Fleming 1.024720, Pocock 1.212626, five looks, 80 % power.
    contrast = contrasts.mean(0.1, 1.0)
    fixed = power.sample_size(contrast)
    for spending, inflation in (("obrien_fleming", 1.024720), ("pocock", 1.212626)):
        planned = power.sample_size(contrast, design=Design(rule=PlannedLooks(5, spending)))
        assert planned / fixed == pytest.approx(inflation, abs=2e-6)
    assert power.sample_size(contrast, design=Design(rule=PlannedLooks(1))) == pytest.approx(fixed, rel=1e-9)


def test_defect_f_revenue_is_planned_by_its_measured_spread() -> None:
    """A rival's planner takes revenue's coefficient of variation for .5; with 1.844, as in a published sample of shop
    revenue, its plan is 13.6 times too small.
    """
    lift, revenue = 0.05, 8.0
    assumed = power.sample_size(contrasts.mean(lift * revenue, 0.5 * revenue))
    measured = power.sample_size(contrasts.mean(lift * revenue, 1.844 * revenue))
    assert measured / assumed == pytest.approx(13.6, abs=0.01)
    # What the too small plan would have found.
    assert power.power(contrasts.mean(lift * revenue, 1.844 * revenue), assumed) < 0.13
    # No builder fills in a spread that nobody measured.
    for builder in (contrasts.mean, contrasts.first_order_lift):
        assert inspect.signature(builder).parameters["deviation"].default is inspect.Parameter.empty
    flat = Moments.of_summary("revenue", n=100, mean=8.0, variance=0.0)
    with pytest.raises(ValueError, match="deviation"):
        contrasts.lift_of(flat, lift, numerator="revenue")


def test_covariates_shrink_the_plan_by_what_they_explain() -> None:
    contrast = contrasts.proportion(0.1, 0.11)
    assert power.sample_size(contrast.explained(0.36)) == pytest.approx(0.64 * power.sample_size(contrast))
    assert contrast.explained(0.0) == contrast


def test_several_arms_and_guardrails() -> None:
    contrast = contrasts.mean(0.1, 1.0)
    one = power.sample_size(contrast, design=Design(alpha=0.05 / 3))
    for correction in ("bonferroni", "holm"):
        assert power.sample_size(contrast, design=Design(comparisons=3, correction=correction)) == one
    sidak = Design(comparisons=3, correction="sidak")
    assert sidak.alpha_each == pytest.approx(1 - 0.95 ** (1 / 3))
    assert power.sample_size(contrast, design=Design(comparisons=3, correction="none")) == power.sample_size(contrast)
    # A goal and three guardrails at 80 % together: each is planned at 95 %, alpha stays.
    strict = power.sample_size(contrast, design=Design(power=guardrail_power(0.8, 3)))
    assert strict / power.sample_size(contrast) == pytest.approx(((1.959964 + 1.644854) / (1.959964 + 0.841621)) ** 2)


def test_non_inferiority_is_a_distance_from_the_margin() -> None:
    # No true change, margin .01 at rate .1, one-sided 2.5 %: n = (1.96 + .8416)^2 2 p q / margin^2.
    contrast = contrasts.proportion(0.1, 0.1).beyond(0.01)
    found = power.sample_size(contrast, design=Design(alpha=0.025, alternative="greater"))
    assert found == pytest.approx((1.959964 + 0.841621) ** 2 * 2 * 0.09 / 0.01**2, rel=1e-6)


def test_counts_pool_their_rate_under_the_null() -> None:
    contrast = contrasts.count(2.0, 0.1, dispersion=1.5, ratio=2.0)
    assert contrast.distance == pytest.approx(0.2)
    assert contrast.alternative == pytest.approx(1.5 * (2.0 + 2.2 / 2))
    assert contrast.null == pytest.approx(1.5 * (2.0 + 2 * 2.2) / 3 * 1.5)


def test_whole_units() -> None:
    assert power.whole(10.2, ratio=2.0, comparisons=3) == power.Units(11, 21, 74)
    assert power.whole(10.0) == power.Units(10, 10, 20)


RULES: tuple[Rule, ...] = (FixedHorizon(), FixedStudent(), PlannedLooks(3), AlwaysValid(2000, 2), WidenedError(2000))
ANY_RULE = st.sampled_from(RULES)
RATIO = st.floats(0.25, 4)


@given(rule=ANY_RULE, change=st.floats(0.05, 1), ratio=RATIO, units=st.floats(10, 5000))
def test_more_units_mean_more_power(rule: Rule, change: float, ratio: float, units: float) -> None:
    contrast, design = contrasts.mean(change, 1.0, ratio=ratio), Design(rule=rule)
    less, more = (power.power(contrast, count, design=design) for count in (units, units * 1.2))
    assert 0 <= less <= more + 1e-9
    assert more <= 1 + 1e-12


@given(rule=ANY_RULE, change=st.floats(0.05, 1), ratio=RATIO, wanted=st.floats(0.5, 0.95))
def test_size_power_and_smallest_effect_are_inverse(rule: Rule, change: float, ratio: float, wanted: float) -> None:
    design = Design(power=wanted, rule=rule)
    units = power.sample_size(contrasts.mean(change, 1.0, ratio=ratio), design=design)
    reached = power.power(contrasts.mean(change, 1.0, ratio=ratio), units, design=design)
    # The wrong side adds a little; a sequence is at whole units.
    steps = isinstance(rule, AlwaysValid | WidenedError)
    assert reached == pytest.approx(wanted, abs=2e-3 if steps else 1e-4)
    found = power.detectable(lambda step: contrasts.mean(step, 1.0, ratio=ratio), units, design=design, largest=50.0)
    assert found == pytest.approx(change, rel=1e-3 if steps else 1e-6)


@given(control=st.floats(0.01, 0.9), lift=st.floats(0.01, 0.09), null=st.sampled_from(NULLS), ratio=RATIO)
def test_a_drop_is_planned_like_a_rise(control: float, lift: float, null: NullVariance, ratio: float) -> None:
    contrast = contrasts.proportion(control, control * (1 + lift), null=null, ratio=ratio)
    mirror = Contrast(-contrast.distance, contrast.null, contrast.alternative, ratio)
    assert power.sample_size(mirror) == power.sample_size(contrast)
    greater, less = Design(alternative="greater"), Design(alternative="less")
    assert power.sample_size(mirror, design=less) == power.sample_size(contrast, design=greater)
    assert power.power(mirror, 1000, design=less) == power.power(contrast, 1000, design=greater)
    assert power.power(mirror, 1000, design=greater) < 0.05


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda: Design(alpha=2.0), "alpha"),
        (lambda: Design(power=1.0), "power"),
        (lambda: Design(power=0.04), "power"),
        (lambda: Design(comparisons=0), "comparisons"),
        (lambda: Design(alternative="up"), "alternative"),  # type: ignore[arg-type]
        (lambda: contrasts.proportion(0.0, 0.1), "control"),
        (lambda: contrasts.proportion(0.1, 1.0), "treatment"),
        (lambda: contrasts.proportion(0.1, 0.2, ratio=0), "ratio"),
        (lambda: contrasts.proportion(0.1, 0.2, null="none"), "null"),  # type: ignore[arg-type]
        (lambda: contrasts.mean(math.nan, 1.0), "distance"),
        (lambda: contrasts.mean(1.0, 0.0), "deviation"),
        (lambda: contrasts.mean(1.0, 1.0, treatment_deviation=-1), "treatment_deviation"),
        (lambda: contrasts.count(0.0, 0.1), "control_rate"),
        (lambda: contrasts.count(1.0, -1.0), "lift"),
        (lambda: contrasts.mean(1.0, 1.0).explained(1.0), "share"),
        (lambda: contrasts.mean(1.0, 1.0).beyond(0.0), "margin"),
        (lambda: PlannedLooks(0), "looks"),
        (lambda: power.sample_size(contrasts.mean(0.0, 1.0)), "distance"),
        (lambda: power.sample_size(contrasts.mean(-0.1, 1.0), design=Design(alternative="greater")), "distance"),
        (lambda: power.power(contrasts.mean(1.0, 1.0), 0), "control_units"),
        (lambda: power.detectable(lambda step: contrasts.mean(step, 1.0), 10, largest=0.1), "control_units"),
    ],
)
def test_wrong_input_names_the_field(wrong: object, named: str) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=f"^{named}: "):
        wrong()


def test_two_units_have_no_t_test() -> None:
    assert power.power(contrasts.mean(9.0, 1.0), 1, design=Design(rule=FixedStudent())) == 0.0
