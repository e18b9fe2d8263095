"""Health: each check with a planted fault and without, and the cause of wrong shares named."""

from __future__ import annotations

import numpy as np
import pytest

from experiments import health
from experiments.stats.moments import Moments

EVEN = [0.5, 0.5]


def test_three_days_on_which_one_arm_lost_a_fifth_are_named() -> None:
    days = {f"2026-11-{day:02d}": [500, 500] for day in range(1, 15)}
    for day in ("2026-11-04", "2026-11-05", "2026-11-06"):
        days[day] = [500, 400]
    total = [sum(one[place] for one in days.values()) for place in (0, 1)]
    found = health.cause("day", days, EVEN, running=False)
    assert found is None or found.status == "fail"
    # A fifth of five hundred is within the noise of one day; with five thousand it is not.
    larger = {day: [10 * one for one in counts] for day, counts in days.items()}
    found = health.cause("day", larger, EVEN, running=False)
    assert found is not None
    assert found.sentence == (
        "Shares are off on the days 2026-11-04, 2026-11-05, 2026-11-06; without them the shares are as planned."
    )
    assert found.numbers["gone_without"] is True
    assert health.shares([10 * one for one in total], EVEN, running=False).status == "fail"


def test_a_browser_that_loses_an_arm_is_named_and_healthy_values_are_not() -> None:
    counts = {"chrome": [9000, 9000], "safari": [3000, 2400], "firefox": [800, 810]}
    found = health.cause("browser", counts, EVEN, running=True)
    assert found is not None
    assert found.sentence == "Shares are off where browser is safari; without them the shares are as planned."
    assert health.cause("browser", {"chrome": [9000, 9050], "safari": [3000, 2990]}, EVEN, running=True) is None


@pytest.mark.parametrize(("in_two", "status"), [(0, "ok"), (9, "ok"), (20, "warn"), (200, "fail")])
def test_units_in_two_arms(in_two: int, status: str) -> None:
    assert health.two_arms(1000, in_two).status == status


def test_bots_in_one_arm_only() -> None:
    assert health.bots([0, 0], [1000, 1000]).status == "ok"
    assert health.bots([50, 55], [1000, 1000]).status == "ok"
    assert health.bots([10, 100], [1000, 1000]).status == "warn"


@pytest.mark.parametrize(
    ("marked", "unmarked", "status"),
    [
        ([1, 0], [0, 0], "unknown"),
        ([5, 0], [100, 0], "unknown"),
        ([2, 2], [0, 0], "unknown"),
        ([3, 0, 0], [50, 60, 0], "ok"),
    ],
)
def test_bots_before_every_arm_was_seen(marked: list[int], unmarked: list[int], status: str) -> None:
    assert health.bots(marked, unmarked).status == status


def test_freshness() -> None:
    assert health.freshness(1.0, running=True).status == "ok"
    assert health.freshness(30.0, running=True).status == "warn"
    assert health.freshness(300.0, running=False).status == "ok"
    assert health.freshness(None, running=True).status == "warn"


def test_power() -> None:
    assert health.power(None, 0.05).status == "unknown"
    assert health.power(0.2, 0.05).sentence == (
        "A typical lift (5.0 %) would be found with a chance of only 20 %: plan for more shoppers."
    )
    assert health.power(0.8, 0.05).status == "ok"


def test_arms_that_differed_before() -> None:
    rng = np.random.default_rng(1)
    columns = ("pre_revenue",)
    before = [Moments.from_rows(columns, rng.gamma(4, 10, (2000, 1)) * scale) for scale in (1.0, 1.0, 1.2)]
    assert health.alike_before(before[:2]).status == "ok"
    assert health.alike_before([before[0], before[2]]).status == "fail"
    assert health.alike_before([Moments.empty(columns)] * 2).status == "unknown"


def test_nobody_yet() -> None:
    assert health.shares([0, 0], EVEN, running=True).status == "unknown"
