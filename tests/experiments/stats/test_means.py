"""Means and ratios: textbook data, the same from rows, sums or parts, and degenerate samples."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.stats import means, ratios
from experiments.stats.moments import Moments
from experiments.stats.results import Note

# Student (1908, Biometrika 6:1): extra hours of sleep under two drugs, as in R's data set `sleep`.
SLEEP = ([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def of(values: list[float]) -> Moments:
    return Moments.from_rows(("y",), np.array(values)[:, None])


def test_students_sleep_data() -> None:
    # R's t.test(extra ~ group): t 1.8608, df 17.776, p 0.07939, interval 0.2054832 to -3.3654832 (sign by order of
    # groups).
    found = means.welch(of(SLEEP[0]), of(SLEEP[1]), "y")
    assert found.difference.estimate == pytest.approx(1.58)
    assert found.statistic == pytest.approx(1.860813467, abs=5e-10)
    assert found.degrees_of_freedom == pytest.approx(17.776473516, abs=5e-10)
    assert found.p_value == pytest.approx(0.079394140, abs=5e-10)
    assert (found.difference.lower, found.difference.upper) == pytest.approx((-0.2054832, 3.3654832), abs=5e-8)
    assert found.chance_to_win == pytest.approx(1 - 0.079394140 / 2, abs=5e-10)
    # t.test(..., var.equal = TRUE): df 18, p 0.07919.
    equal = means.student(of(SLEEP[0]), of(SLEEP[1]), "y")
    assert (equal.degrees_of_freedom, round(equal.p_value, 5)) == (18, 0.07919)


def test_parts_of_an_arm_give_what_the_arm_gives() -> None:
    whole = means.welch(of(SLEEP[0]), of(SLEEP[1]), "y")
    parts = means.welch(of(SLEEP[0][:3]) + of(SLEEP[0][3:]), of(SLEEP[1][:7]) + of(SLEEP[1][7:]), "y")
    assert parts.p_value == pytest.approx(whole.p_value, rel=1e-12)


def test_too_few_units_for_a_variance() -> None:
    for control in (Moments.empty(("y",)), of([1.0])):
        for test in (means.welch, means.student):
            assert test(control, of([1.0, 2.0]), "y").notes == (Note.TOO_FEW_UNITS,)


def test_constant_arms_cannot_be_judged() -> None:
    for test in (means.welch, means.student):
        assert test(of([3.0, 3.0]), of([4.0, 4.0]), "y").notes == (Note.NO_VARIATION,)


def users(clicks: list[float], impressions: list[float]) -> Moments:
    return Moments.from_rows(("clicks", "impressions"), np.column_stack([clicks, impressions]))


def test_ratio_by_the_delta_method() -> None:
    # Checked against gbstats and tea-tasting to 12 digits (statistics reference, 3, case 1).
    control = users([1, 0, 2, 1, 3, 0, 1, 2], [10, 8, 15, 9, 20, 5, 12, 11])
    treatment = users([2, 1, 3, 1, 2, 4, 0, 2], [11, 9, 14, 10, 12, 22, 6, 13])
    found = ratios.compare_ratios(control, treatment, numerator="clicks", denominator="impressions")
    assert (found.control.value, found.treatment.value) == pytest.approx((10 / 90, 15 / 97))
    assert ratios.unit_variance(control, "clicks", "impressions") == pytest.approx(0.002870643, abs=5e-10)
    assert ratios.unit_variance(treatment, "clicks", "impressions") == pytest.approx(0.002407959, abs=5e-10)
    assert found.standard_error == pytest.approx(0.025687062, abs=5e-10)
    assert found.degrees_of_freedom == pytest.approx(13.893258, abs=5e-7)
    assert found.p_value == pytest.approx(0.112447607, abs=5e-10)
    assert (found.difference.lower, found.difference.upper) == pytest.approx((-0.011604942, 0.098661070), abs=5e-10)


def test_a_ratio_nobody_has_a_denominator_for() -> None:
    found = ratios.compare_ratios(
        users([0, 0], [0, 0]), users([1, 2], [3, 4]), numerator="clicks", denominator="impressions"
    )
    assert found.notes == (Note.NO_DENOMINATOR,)
    assert found.lift is None


def test_a_ratio_that_is_the_same_for_each_unit_has_no_noise() -> None:
    steady = users([1, 2, 3], [10, 20, 30])
    assert ratios.arm_ratio(steady, "clicks", "impressions").standard_error == pytest.approx(0.0, abs=1e-9)
    assert ratios.arm_ratio(users([1], [4]), "clicks", "impressions").value == 0.25
    assert ratios.arm_ratio(users([], []), "clicks", "impressions").n == 0
