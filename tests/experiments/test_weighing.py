"""What adaptive experiments share out next: even without data, more to the better arm, by the learned prior."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from experiments import services, tasks
from experiments.models import AllocationBatch, Experiment, LearnedPrior, SliceMoments
from experiments.services import BatchEvidence, Evidence, weigh
from experiments.stats.metrics import CATALOGUE
from experiments.stats.moments import Moments
from tests.experiments.shop import event, exposure, fold, now, running, send

pytestmark = pytest.mark.django_db


def evidence(*clicks: int, n: int = 1000, method: str = "thompson", metric: str = "conversion") -> Evidence:
    keys = tuple("abcd"[: len(clicks)])
    moments = {
        key: Moments.of_proportion("converted", successes=count, n=n) for key, count in zip(keys, clicks, strict=True)
    }
    return Evidence(keys, CATALOGUE[metric], (BatchEvidence(1, dict.fromkeys(keys, 0.25), moments),), method)


def test_without_data_all_arms_are_alike() -> None:
    assert weigh(replace(evidence(0, 0), batches=())) == [1.0, 1.0]
    assert weigh(evidence(0, 0)) == [1.0, 1.0]


def test_the_better_arm_gets_more_and_a_tight_prior_holds_back() -> None:
    shares = weigh(evidence(50, 60, 90))
    assert shares == sorted(shares)
    assert shares[2] > 0.9
    LearnedPrior.objects.create(metric="conversion", experiments=40, mean=0.0, spread=0.02)
    cautious = weigh(evidence(50, 60, 90))
    assert shares[2] > cautious[2] > 1 / 3


def test_an_arm_without_units_is_not_given_up() -> None:
    known = evidence(50, 60)
    unseen = replace(known, arms=("a", "b", "c"))
    shares = weigh(unseen)
    assert 0.1 < shares[2] < 0.9


def test_top_two_gives_the_challengers_more() -> None:
    plain, top_two = (weigh(evidence(50, 60, 90, method=method)) for method in ("thompson", "top_two"))
    assert top_two[2] < plain[2]
    assert top_two[1] > plain[1]


def test_the_clock_makes_the_next_batch_and_the_results_come_from_batches() -> None:
    experiment = running(allocation="adaptive", adaptive_settings={"batch_hours": 1, "floor": 0.1})
    events = []
    for number in range(400):
        arm = "ab"[number % 2]
        events.append(exposure(f"u-{number}", arm, properties={"batch": 1}))
        if number % (20 if arm == "a" else 3) < 2:
            events.append(event("conversion", f"u-{number}", value=10, margin=4))
    send(*events)
    fold()
    assert tasks.update_allocations() == 0
    AllocationBatch.objects.update(started_at=now() - timedelta(hours=2))
    assert [tasks.update_allocations(), tasks.update_allocations()] == [1, 0]
    first, second = AllocationBatch.objects.order_by("number")
    assert first.weights == [0.5, 0.5]
    assert second.weights[1] > 0.8
    assert second.weights[0] >= 0.1
    assert SliceMoments.objects.filter(dimension="batch").exists()
    found = services.analyse(Experiment.objects.get(pk=experiment.pk))
    assert found.results["design"] == "adaptive"
    goal = next(metric for metric in found.results["metrics"] if metric["is_goal"])
    assert goal["comparisons"][0]["method"] == "adaptive_sequence"
    assert goal["comparisons"][0]["verdict"] == "better"


def test_a_paused_experiment_gets_no_batch_and_keeps_no_other_waiting() -> None:
    experiment = running(allocation="adaptive", adaptive_settings={"batch_hours": 1})
    AllocationBatch.objects.update(started_at=now() - timedelta(hours=2))
    services.pause_experiment(experiment, actor="test")
    assert tasks.update_allocations() == 0
    assert AllocationBatch.objects.count() == 1
