"""Fieller's set against its definition, and the log ratio against a published interval."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from experiments.stats.lifts import fieller, fieller_lift, first_order_delta_lift, log_ratio_lift
from experiments.stats.results import ArmEstimate, Note

value = st.floats(-50, 50)
variance = st.floats(0.001, 50)


@given(
    numerator=value,
    denominator=value,
    v_num=variance,
    v_den=variance,
    correlation=st.floats(-0.95, 0.95),
    critical=st.floats(0.5, 4),
    ratio=st.floats(-20, 20),
)
def test_a_ratio_is_in_the_set_exactly_if_its_test_does_not_reject(
    *,
    numerator: float,
    denominator: float,
    v_num: float,
    v_den: float,
    correlation: float,
    critical: float,
    ratio: float,
) -> None:
    covariance = correlation * math.sqrt(v_num * v_den)
    found = fieller(
        numerator,
        denominator,
        variance_numerator=v_num,
        variance_denominator=v_den,
        covariance=covariance,
        critical=critical,
    )
    error = math.sqrt(v_num - 2 * ratio * covariance + ratio**2 * v_den)
    distance = abs(numerator - ratio * denominator) / error
    assume(abs(distance - critical) > 1e-6)
    assert (ratio in found) is (distance < critical)


def test_the_three_shapes() -> None:
    exact = {"variance_numerator": 1.0, "variance_denominator": 1.0, "critical": 2.0}
    assert fieller(10.0, 5.0, **exact).kind == "bounded"
    assert fieller(10.0, 1.0, **exact).kind == "rays"
    assert fieller(1.0, 1.0, **exact).kind == "line"


@pytest.mark.parametrize(("numerator", "inside", "outside"), [(5.0, 2.5, 2.3), (-5.0, -2.5, -2.3)])
def test_a_denominator_just_at_the_critical_value_leaves_one_ray(
    numerator: float, inside: float, outside: float
) -> None:
    # (5 - r)^2 <= 1 + r^2 solved by hand: r >= 2.4.
    found = fieller(numerator, 1.0, variance_numerator=1.0, variance_denominator=1.0, critical=1.0)
    assert inside in found
    assert outside not in found
    assert -inside not in found


def test_a_sure_denominator_gives_the_plain_interval() -> None:
    found = fieller(10.0, 5.0, variance_numerator=4.0, variance_denominator=0.0, critical=1.96)
    assert found.kind == "bounded"
    assert (found.lower, found.upper) == pytest.approx((1.216, 2.784))


def test_a_zero_numerator_and_no_noise() -> None:
    found = fieller(0.0, 5.0, variance_numerator=0.0, variance_denominator=0.0, critical=2.0)
    assert (found.lower, found.upper) == (0.0, 0.0)


def test_a_control_near_zero_leaves_the_lift_open() -> None:
    lift, notes = fieller_lift(ArmEstimate(9, 0.1, 1.0), ArmEstimate(9, 0.2, 1.0), 2.0, confidence=0.95)
    assert lift is not None
    assert lift.estimate == pytest.approx(1.0)
    assert (lift.lower, lift.upper) == (-math.inf, math.inf)
    assert notes == (Note.LIFT_UNBOUNDED,)


def test_a_sure_change_from_nearly_nothing_has_no_size() -> None:
    # Zero lift is rejected, yet no bound exists: saying "anything" would deny the change, so nothing is said.
    lift, notes = fieller_lift(ArmEstimate(9, 0.1, 1.0), ArmEstimate(9, 20.0, 1.0), 2.0, confidence=0.95)
    assert lift is None
    assert notes == (Note.LIFT_UNBOUNDED,)


def test_log_ratio_of_the_classic_aspirin_trial() -> None:
    # Physicians' Health Study (N. Engl. J. Med. 1989;321:129): 189/11034 on placebo and 104/11037 on aspirin had an
    # attack. Agresti (2013, Categorical Data Analysis, 3rd ed., 3.1.3) gives the relative risk 1.82 with interval
    # (1.43, 2.31).
    def arm(x: int, n: int) -> ArmEstimate:
        return ArmEstimate(n, x / n, math.sqrt(x / n * (1 - x / n) / n))

    lift = log_ratio_lift(arm(104, 11037), arm(189, 11034), normal=True)
    assert (lift.estimate + 1, lift.lower + 1, lift.upper + 1) == pytest.approx((1.82, 1.43, 2.31), abs=0.005)


@pytest.mark.parametrize(
    ("field", "control", "treatment"),
    [
        ("value", ArmEstimate(9, 0.0, 0.1), ArmEstimate(9, 1.0, 0.1)),
        ("value", ArmEstimate(9, 1.0, 0.1), ArmEstimate(9, -1.0, 0.1)),
        ("value", ArmEstimate(9, 1.0, 0.1), ArmEstimate(9, math.nan, 0.1)),
        ("n", ArmEstimate(1, 1.0, 0.1), ArmEstimate(9, 1.0, 0.1)),
        ("standard_error", ArmEstimate(9, 1.0, 0.0), ArmEstimate(9, 1.0, 0.0)),
    ],
)
def test_log_ratio_refuses_by_name(field: str, control: ArmEstimate, treatment: ArmEstimate) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        log_ratio_lift(control, treatment)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^control: "):
        first_order_delta_lift(ArmEstimate(9, 0.0, 0.1), ArmEstimate(9, 1.0, 0.1))
    with pytest.raises(ValueError, match=r"^variance: "):
        fieller(1.0, 1.0, variance_numerator=-1.0, variance_denominator=1.0, critical=2.0)
