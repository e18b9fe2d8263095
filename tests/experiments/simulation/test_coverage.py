"""Whether the truth lies inside the intervals as often as they say.

The fast path draws shoppers, takes moments and analyses them, all in memory. Another test sends one seed's shoppers as
events through ingest and fold and finds the same moments and the same results, so the fast path speaks for the whole.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from experiments import services
from experiments.analysis import AnalysisSettings, ArmData, Mode, analyse_arms
from experiments.assignment import AssignmentPlan, assign_many
from experiments.models import ArmMoments, Experiment
from experiments.simulation import shoppers
from experiments.simulation.events import Visit, events_of
from experiments.simulation.truth import truth
from experiments.stats.metrics import COUNTED_COLUMNS
from experiments.stats.moments import Moments
from tests.experiments.shop import Api, fold, running

ARMS = ("a", "b")
SHOPPERS = 4_000
METRICS = ("ctr", "conversion", "revenue_per_shopper", "satisfaction")


def analysed(seed: int, count: int = SHOPPERS, mode: Mode = "final") -> tuple[shoppers.Plan, dict[str, Any]]:
    """Results of one seed's shoppers, split evenly at random over two arms."""
    plan = shoppers.make_plan(seed, ARMS)
    arms = np.random.default_rng([seed, 9]).integers(0, 2, count)
    units = shoppers.outcomes(plan, arms, shoppers.draws(seed, 0, count)).units()
    data = [
        ArmData(key, key, place == 0, 0.5, Moments.from_rows(COUNTED_COLUMNS, units[arms == place]))
        for place, key in enumerate(ARMS)
    ]
    return plan, analyse_arms(data, settings=AnalysisSettings(mode=mode, planned_units=count))


def covered(seed: int, mode: Mode = "final") -> Counter[str]:
    """Which truths lie inside their interval: the difference of each metric, and the return."""
    plan, results = analysed(seed, mode=mode)
    true = truth(plan)
    inside: Counter[str] = Counter()
    for metric in results["metrics"]:
        difference = true["b"][metric["key"]] - true["a"][metric["key"]]  # type: ignore[literal-required]
        inside[metric["key"]] = within(metric["comparisons"][0]["difference"], difference)
    returned = results["roi"][0]["roi"]
    inside["roi"] = returned is not None and within(returned, true["b"]["roi"])
    return inside


def within(interval: dict[str, float | None], value: float | None) -> bool:
    """Whether a value lies inside; an open end is null."""
    lower, upper = interval["lower"], interval["upper"]
    return value is not None and (lower is None or lower <= value) and (upper is None or value <= upper)


def test_the_truth_is_inside_the_interval_in_93_of_100_seeds() -> None:
    """The seeds are the first hundred and were not chosen: 93, 94, 98, 97 and 98 of them at the time of writing."""
    counts: Counter[str] = Counter()
    for seed in range(1, 101):
        counts += covered(seed)
    assert all(counts[name] >= 93 for name in (*METRICS, "roi")), counts


@pytest.mark.slow
def test_coverage_is_95_percent_over_a_thousand_seeds() -> None:
    counts: Counter[str] = Counter()
    for seed in range(1, 1001):
        counts += covered(seed)
    # 950 expected, standard deviation 6.9: within four of them.
    assert all(922 <= counts[name] <= 978 for name in (*METRICS, "roi")), counts


def test_a_running_look_covers_more() -> None:
    """A confidence sequence holds at every look, so at one look it covers more than 95 %."""
    counts: Counter[str] = Counter()
    for seed in range(1, 101):
        counts += covered(seed, "running")
    assert all(counts[name] >= 95 for name in (*METRICS, "roi")), counts


@pytest.mark.django_db
def test_events_through_ingest_and_fold_give_the_same_moments_and_results() -> None:
    seed, count = 11, 600
    experiment = running("welcome")
    api = Api("decide", "events", "read")
    plan = shoppers.make_plan(seed, ARMS)
    units = [shoppers.unit_name(seed, index) for index in range(count)]
    decisions = api.post("/decide", {"experiment": "welcome", "units": units}).json()["decisions"]
    places = np.array([ARMS.index(decision["arm"]) for decision in decisions])
    done = shoppers.outcomes(plan, places, shoppers.draws(seed, 0, count))
    assert experiment.started_at is not None
    for index, unit in enumerate(units):
        visit = Visit("welcome", decisions[index]["arm"], unit, experiment.started_at)
        assert api.post("/events", {"events": events_of(visit, done, index)}).status_code == 202
    fold()

    arms = []
    for place, key in enumerate(ARMS):
        pure = Moments.from_rows(COUNTED_COLUMNS, done.units()[places == place])
        stored = ArmMoments.objects.get(arm__experiment=experiment, arm__key=key).value().select(COUNTED_COLUMNS)
        assert stored.n == pure.n
        np.testing.assert_allclose(stored.mean_vector, pure.mean_vector, rtol=1e-12)
        np.testing.assert_allclose(stored.cross, pure.cross, rtol=1e-9, atol=1e-9)
        arms.append(ArmData(key, key.upper(), place == 0, 0.5, pure))
    services.stop_experiment(Experiment.objects.get(pk=experiment.pk), actor="test")
    found = services.analyse(Experiment.objects.get(pk=experiment.pk)).results
    expected = analyse_arms(arms, settings=AnalysisSettings(mode="final", design="confidence_sequence"))
    counted = {metric["key"]: metric for metric in found["metrics"]}
    for theirs in expected["metrics"]:
        ours = counted[theirs["key"]]
        assert ours["comparisons"][0]["p_value"] == pytest.approx(theirs["comparisons"][0]["p_value"], rel=1e-9)
        assert ours["comparisons"][0]["difference"] == pytest.approx(theirs["comparisons"][0]["difference"], rel=1e-9)
    assert found["roi"][0]["roi"] == pytest.approx(expected["roi"][0]["roi"], rel=1e-9)


def test_the_platform_splits_as_the_fast_path_does() -> None:
    """The hash halves the simulated shoppers as a coin would: within four standard deviations."""
    plan = AssignmentPlan(seed="welcome", weights=(0.5, 0.5))
    chosen = assign_many([shoppers.unit_name(1, index) for index in range(20_000)], plan)
    assert abs(int(chosen.sum()) - 10_000) < 4 * np.sqrt(5_000)
