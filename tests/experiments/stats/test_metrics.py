"""Metrics: what each kind asks of which columns, the door `compare`, and real experiments end to end."""

from __future__ import annotations

import csv
import gzip
import math
from typing import Any

import numpy as np
import pytest

from experiments.stats import means, proportions, ratios, sample_ratio
from experiments.stats.metrics import (
    CATALOGUE,
    COUNTED_COLUMNS,
    DEFAULT_METRICS,
    UNIT_COLUMNS,
    CustomColumn,
    MetricDefinition,
    compare,
    counts_of,
    custom_columns,
)
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.results import Comparison, Note
from tests.reference import shared_path

RANDOM = np.random.Generator(np.random.PCG64(6))
CONVERSION = MetricDefinition("conversion", "proportion", "converted")


def shoppers(n: int, *, lift: float = 0.0) -> Moments:
    """Moments of n simulated shoppers over all unit columns."""
    impressions = 1 + RANDOM.poisson(3, n)
    clicks = RANDOM.binomial(impressions, 0.1 * (1 + lift))
    orders = RANDOM.binomial(clicks, 0.5)
    revenue = orders * RANDOM.lognormal(3, 0.5, n)
    rated = RANDOM.binomial(1, 0.2, n)
    rows = np.column_stack(
        [impressions, clicks, orders > 0, orders, revenue, 0.4 * revenue, 0.01 * impressions, rated * 4, rated]
    )
    return Moments.from_rows(COUNTED_COLUMNS, rows)


@pytest.mark.parametrize("metric", DEFAULT_METRICS, ids=lambda metric: metric.key)
@pytest.mark.parametrize("sequence", [None, 2000])
def test_every_default_metric_compares(metric: MetricDefinition, sequence: int | None) -> None:
    found = compare(metric, shoppers(1000), shoppers(1000), sequence=sequence)
    assert found.notes == ((Note.NO_VARIATION,) if metric.key == "satisfaction" else ())
    assert set(metric.columns()) <= set(COUNTED_COLUMNS)


def test_each_kind_goes_to_its_method() -> None:
    arms = shoppers(1000), shoppers(1000, lift=0.3)
    ctr, conversion, revenue, _ = DEFAULT_METRICS
    assert compare(ctr, *arms) == ratios.compare_ratios(*arms, numerator="clicks", denominator="impressions")
    assert compare(revenue, *arms) == means.welch(*arms, "revenue")
    counted = (Counts(round(arm.total("converted")), arm.n) for arm in arms)
    assert compare(conversion, *arms) == proportions.score(*counted)


def test_the_metric_needs_its_columns_only() -> None:
    whole = shoppers(500), shoppers(500)
    for metric in DEFAULT_METRICS[:3]:
        narrow = (arm.select(metric.columns()) for arm in whole)
        assert compare(metric, *narrow) == compare(metric, *whole)


def test_watching_widens_every_metric() -> None:
    arms = shoppers(4000), shoppers(4000, lift=0.4)
    for metric in DEFAULT_METRICS[:3]:
        once, watched = compare(metric, *arms), compare(metric, *arms, sequence=8000)
        assert watched.difference.lower < once.difference.lower < once.difference.upper < watched.difference.upper
        assert watched.p_value > once.p_value


def test_the_direction_reaches_the_result() -> None:
    returns = MetricDefinition("returns", "mean", "orders", direction="decrease")
    found = compare(returns, shoppers(2000), shoppers(2000, lift=0.8))
    assert found.direction == "decrease"
    assert found.chance_to_win < 0.05


@pytest.mark.parametrize("sequence", [None, 100])
@pytest.mark.parametrize("metric", DEFAULT_METRICS, ids=lambda metric: metric.key)
def test_empty_arms_are_defined(metric: MetricDefinition, sequence: int | None) -> None:
    nobody = Moments.empty(COUNTED_COLUMNS)
    for arms in ((nobody, nobody), (nobody, shoppers(50)), (shoppers(50), nobody)):
        found = compare(metric, *arms, sequence=sequence)
        assert found.notes == (Note.TOO_FEW_UNITS,)
        assert found.p_value == 1.0


def test_nobody_rated() -> None:
    silent = Moments.from_rows(("rating_sum", "rating_count"), np.zeros((9, 2)))
    for sequence in (None, 100):
        found = compare(DEFAULT_METRICS[3], silent, silent, sequence=sequence)
        assert found.notes == (Note.NO_DENOMINATOR,)
        assert math.isnan(found.control.value)


def test_a_proportion_of_counts_is_refused_by_column() -> None:
    orders = Moments.from_rows(("converted",), [[0], [2], [1]])
    halves = Moments.from_rows(("converted",), [[0.5], [0.5]])
    negative = Moments.from_rows(("converted",), [[-1], [0]])
    for wrong in (orders, halves, negative):
        with pytest.raises(ValueError, match=r"^converted: "):
            compare(CONVERSION, wrong, wrong)


def test_counts_survive_ten_million_units_in_parts() -> None:
    part = Moments.of_proportion("converted", successes=12_345, n=100_003)
    merged = Moments.empty(("converted",))
    for _ in range(100):
        merged = merged + part
    assert counts_of(merged, "converted") == Counts(1_234_500, 10_000_300)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match=r"^converted: "):
        compare(CONVERSION, shoppers(9).select(["clicks"]), shoppers(9))


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("kind", ("k", "median", "revenue")),
        ("denominator", ("k", "ratio", "clicks")),
        ("denominator", ("k", "mean", "clicks", "impressions")),
        ("direction", ("k", "mean", "clicks", None, "up")),
    ],
)
def test_a_metric_that_cannot_be_is_refused_by_field(field: str, arguments: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        MetricDefinition(*arguments)  # type: ignore[arg-type]


# --- what an experiment declares ------------------------------------------------------------------------------------
def test_each_entry_with_an_event_is_a_column_in_its_order() -> None:
    entries: list[dict[str, Any]] = [
        {"key": "signups", "kind": "mean", "event": "signup"},
        {"key": "retention"},
        {"key": "played", "kind": "proportion", "event": "video_played", "window_hours": 48},
        {"key": "watched", "kind": "mean", "event": "video_played", "aggregate": "sum"},
    ]
    assert custom_columns(entries) == (
        CustomColumn("signups", "signup"),
        CustomColumn("played", "video_played", "any", 48),
        CustomColumn("watched", "video_played", "sum"),
    )
    assert custom_columns([]) == ()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("key", {"key": ""}),
        ("key", {"key": "revenue"}),
        ("aggregate", {"aggregate": "max"}),
        ("window_hours", {"window_hours": 0}),
    ],
)
def test_a_column_that_cannot_be_is_refused_by_field(field: str, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        custom_columns([{"key": "signups", "kind": "mean", "event": "signup"} | changes])


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="key: 'a' is there twice"):
        custom_columns([{"key": "a", "event": "x"}, {"key": "a", "event": "y"}])


def test_an_entry_is_a_metric_of_the_catalogue_or_says_all_itself() -> None:
    assert MetricDefinition.from_entry({"key": "retention", "label": "Came back"}) == CATALOGUE["retention"]
    played = {"key": "played", "kind": "proportion", "event": "video_played", "direction": "decrease"}
    assert MetricDefinition.from_entry(played) == MetricDefinition(
        "played", "proportion", "played", direction="decrease"
    )
    bought = {"key": "bought", "kind": "mean", "numerator": "orders"}
    assert MetricDefinition.from_entry(bought).covariates == ("pre_orders", "pre_revenue")
    assert MetricDefinition.from_entry(bought | {"covariates": []}).covariates == ()
    for field, entry in (("kind", {"key": "k"}), ("numerator", {"key": "k", "kind": "mean"}), ("key", {})):
        with pytest.raises(ValueError, match=rf"^{field}: "):
            MetricDefinition.from_entry(entry)


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=lambda metric: metric.key)
def test_the_catalogue_reads_columns_there_are(metric: MetricDefinition) -> None:
    assert {*metric.columns(), *metric.covariates} <= set(UNIT_COLUMNS)


def test_intervals_cover_and_errors_stay_at_their_rate() -> None:
    hits: dict[str, int] = {}
    runs = 500
    for _ in range(runs):
        arms = shoppers(300), shoppers(300)
        for metric in DEFAULT_METRICS[:3]:
            hits[metric.key] = hits.get(metric.key, 0) + (0.0 in compare(metric, *arms).difference)
    # Four standard errors of 95 % in 500 runs are 3.9 points.
    for key, covered in hits.items():
        assert covered / runs == pytest.approx(0.95, abs=0.039), key


def test_cookie_cats_retention() -> None:
    # 7-day retention 8502/44700 against 8279/45489: z -3.164, p .001554; 1-day p .0744; SRM chi-square 6.902, p .0086.
    with gzip.open(shared_path("data", "cookie_cats", "cookie_cats.csv.gz"), "rt", encoding="utf-8") as lines:
        players = list(csv.DictReader(lines, delimiter=";"))
    arms = [
        Moments.from_rows(
            ("day_1", "day_7"),
            [
                [player["retention_1"].upper() == "TRUE", player["retention_7"].upper() == "TRUE"]
                for player in players
                if player["version"] == version
            ],
        )
        for version in ("gate_30", "gate_40")
    ]
    found: dict[str, Comparison] = {
        day: compare(MetricDefinition(day, "proportion", day), *arms) for day in ("day_1", "day_7")
    }
    assert (round(found["day_7"].statistic, 3), round(found["day_7"].p_value, 6)) == (-3.164, 0.001554)
    assert round(found["day_1"].p_value, 4) == 0.0744
    split = sample_ratio.chi_square([arm.n for arm in arms], [1, 1])
    assert (round(split.statistic, 3), round(split.p_value, 4)) == (6.902, 0.0086)
