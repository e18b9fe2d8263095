"""A/A and power on own rows: as the plain reading of one split, about alpha without an effect, and dependence shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from experiments.stats import resampling
from experiments.stats.metrics import MetricDefinition
from experiments.stats.moments import Moments
from experiments.stats.ratios import arm_ratio
from experiments.stats.resampling import Simulation, simulate

COLUMNS = ("converted", "clicks", "impressions", "revenue")
SHARE = MetricDefinition("conversion", "proportion", "converted")
MEAN = MetricDefinition("revenue", "mean", "revenue")
RATIO = MetricDefinition("ctr", "ratio", "clicks", "impressions")


def shop(n: int = 1000, seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    bought = (np.arange(n) < 0.2 * n).astype(float)
    shown = rng.poisson(3, n) + 1.0
    return np.column_stack([bought, rng.binomial(shown.astype(int), 0.1), shown, bought * rng.gamma(3, 20, n)])


def test_estimates_of_a_split_are_those_of_moments() -> None:
    rows, owner = shop(300), np.arange(300)
    table = rows[:, [1, 2]]
    sums = resampling._drawn(table, owner, looks=3, width=2, random=np.random.default_rng(1))
    values, variances = sums.estimates()
    # The same draw again, read row by row.
    random = np.random.default_rng(1)
    cells = 2 * random.permuted(np.tile(owner * 3 // 300, (2, 1)), axis=1) + random.integers(0, 2, (2, 300))
    for split, look, arm in np.ndindex(values.shape):
        inside = (cells[split] // 2 <= look) & (cells[split] % 2 == arm)
        plain = arm_ratio(Moments.from_rows(COLUMNS, rows[inside]), "clicks", "impressions")
        assert values[split, look, arm] == pytest.approx(plain.value, rel=1e-12)
        assert variances[split, look, arm] == pytest.approx(plain.variance, rel=1e-9)


@pytest.mark.parametrize("metric", [SHARE, MEAN, RATIO], ids=lambda one: one.kind)
def test_an_a_a_rejects_about_alpha_and_covers(metric: MetricDefinition) -> None:
    found = simulate(shop(), COLUMNS, metric, splits=2000, seed=2)
    # 5 % of 2,000, three standard errors: 3.5 to 6.5 %.
    assert 0.035 < found.rejected < 0.065
    assert found.coverage == pytest.approx(1 - found.rejected)
    assert not found.inflated


@pytest.mark.parametrize("method", ["group_sequential", "confidence_sequence"])
def test_designs_hold_alpha_at_ten_looks_and_peeking_does_not(method: resampling.Method) -> None:
    found = simulate(shop(), COLUMNS, SHARE, splits=2000, method=method, looks=10, seed=3)
    assert found.rejected < 0.065
    assert not found.inflated
    peeked = simulate(shop(), COLUMNS, SHARE, splits=500, looks=10, seed=3)
    assert peeked.rejected > 0.12
    assert peeked.inflated


def test_rows_that_are_no_independent_units_are_found_out() -> None:
    """Each shopper four times: by row nothing shows, split by shopper the test rejects far too often."""
    once = shop(300)
    rows, owners = np.repeat(once, 4, axis=0), np.repeat(np.arange(300), 4)
    found = simulate(rows, COLUMNS, SHARE, splits=500, owners=owners, seed=5)
    # The error is understated twofold: P(|Z| > 1.96 / 2) = 0.327.
    assert found.rejected == pytest.approx(0.327, abs=0.065)
    assert found.inflated
    assert found.coverage < 0.75
    assert not simulate(once, COLUMNS, SHARE, splits=500, seed=5).inflated


@pytest.mark.parametrize(("metric", "lift"), [(SHARE, 0.4), (SHARE, -0.4), (MEAN, 0.3)])
def test_power_and_coverage_of_a_planted_lift(metric: MetricDefinition, lift: float) -> None:
    rows = shop(1000)
    found = simulate(rows, COLUMNS, metric, splits=2000, lift=lift, seed=6)
    column = rows[:, COLUMNS.index(metric.numerator)]
    rate = float(column.mean())
    before = float(column.var(ddof=1))
    after = (rate * (1 + lift)) * (1 - rate * (1 + lift)) if metric is SHARE else before * (1 + lift) ** 2
    distance = abs(lift) * rate / math.sqrt((before + after) / 500)
    assert found.rejected == pytest.approx(float(special.ndtr(distance - 1.959964)), abs=0.04)
    assert 0.93 < found.coverage < 0.98


def test_the_same_seed_gives_the_same_and_blocks_change_nothing_but_the_draw() -> None:
    one, same = (simulate(shop(200), COLUMNS, MEAN, splits=50, seed=7) for _ in range(2))
    assert one == same
    assert list(resampling._blocks(5, resampling.BLOCK // 2)) == [2, 2, 1]
    assert list(resampling._blocks(2, 10 * resampling.BLOCK)) == [1, 1]


def test_a_column_without_variation_never_rejects() -> None:
    rows = np.ones((40, 1))
    assert simulate(rows, ("revenue",), MEAN, splits=20) == Simulation(20, 0, 20, 0.05)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"columns": ("converted",)}, "rows"),
        ({"columns": ("a", "b", "c", "d")}, "columns"),
        ({"rows": np.full((10, 4), np.nan)}, "rows"),
        ({"rows": np.full((10, 4), 2.0)}, "rows: converted is a share"),
        ({"lift": 9.0}, "lift"),
        ({"splits": 0}, "splits"),
        ({"owners": [1, 2]}, "owners"),
    ],
)
def test_bad_input_names_its_field(change: dict[str, object], field: str) -> None:
    given: dict[str, object] = {"rows": shop(100), "columns": COLUMNS, "metric": SHARE}
    with pytest.raises(ValueError, match=field):
        simulate(**(given | change))  # type: ignore[arg-type]
