"""Batches of adaptive allocation: when one is due, what holds of its weights, and two workers at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from core import audit, errors
from experiments import queries, services
from experiments.models import AllocationBatch, Experiment
from experiments.services.allocation import Evidence, with_floor
from tests.experiments.shop import event, exposure, fold, later, running, send

pytestmark = pytest.mark.django_db
DAY = timedelta(hours=24, minutes=1)


class Rule:
    """A rule of allocation that says what it is told to, and remembers what it was asked."""

    def __init__(self, *shares: float) -> None:
        self.shares = shares
        self.asked: list[Evidence] = []

    def __call__(self, evidence: Evidence) -> Sequence[float]:
        self.asked.append(evidence)
        return self.shares


def test_a_batch_is_made_once_the_last_has_run_its_hours() -> None:
    experiment = running(allocation="adaptive", adaptive_settings={"floor": 0.1})
    rule = Rule(0, 2)
    assert services.update_allocation(experiment, weigh=rule, now=timezone.now() + timedelta(hours=23)) is None
    assert not rule.asked
    made = services.update_allocation(experiment, weigh=rule, now=timezone.now() + DAY)
    assert made is not None
    assert (made.number, made.weights) == (2, pytest.approx([0.1, 0.9]))
    assert made.basis == {
        "phase": 1,
        "metric": "conversion",
        "method": "thompson",
        "through": 1,
        "units": {"a": 0, "b": 0},
    }
    found = queries.decide("welcome", ["u-1"])[0]
    assert found.batch == 2
    assert found.propensity == pytest.approx(0.9 if found.arm == "b" else 0.1)
    experiment.refresh_from_db()
    assert audit.history(experiment)[0].data == {"batch": 2, "weights": made.weights}
    assert services.update_allocation(experiment, weigh=rule, now=timezone.now() + DAY) is None
    assert AllocationBatch.objects.count() == 2


def test_the_rule_is_asked_with_the_moments_of_each_batch_of_the_phase() -> None:
    experiment = running(allocation="adaptive")
    send(
        *(exposure(f"u-{n}", "ab"[n % 2], properties={"batch": 1}) for n in range(6)),
        event("conversion", "u-1", occurred_at=later(1)),
    )
    fold()
    rule = Rule(1, 1)
    services.update_allocation(experiment, weigh=rule, now=timezone.now() + DAY)
    (asked,) = rule.asked
    assert (asked.arms, asked.metric.key, [batch.number for batch in asked.batches]) == (("a", "b"), "conversion", [1])
    assert dict(asked.batches[0].weights) == {"a": 0.5, "b": 0.5}
    assert {key: (one.n, one.total("converted")) for key, one in asked.batches[0].moments.items()} == {
        "a": (3, 0), "b": (3, pytest.approx(1)),
    }  # fmt: skip
    assert AllocationBatch.objects.get(number=2).basis["units"] == {"a": 3, "b": 3}
    begun = services.start_phase(Experiment.objects.get(), actor="test")
    services.update_allocation(begun, weigh=rule, now=timezone.now() + 2 * DAY)
    assert [(batch.number, dict(batch.moments)) for batch in rule.asked[1].batches] == [(3, {})]


def test_a_dropped_arm_gets_nothing() -> None:
    experiment = services.drop_arm(running("welcome", "b", "c", allocation="adaptive"), arm="b", actor="test")
    made = services.update_allocation(experiment, weigh=Rule(1, 3), now=timezone.now() + DAY)
    assert made is not None
    assert made.weights == pytest.approx([0.275, 0, 0.725])
    assert {one.arm for one in queries.decide("welcome", [f"u-{n}" for n in range(200)])} == {"a", "c"}


def test_fixed_weights_and_what_does_not_run_are_left_alone() -> None:
    with pytest.raises(errors.Conflict, match="fixed weights"):
        services.update_allocation(running("fixed"), weigh=Rule(1, 1))
    paused = services.pause_experiment(running(allocation="adaptive"), actor="test")
    with pytest.raises(errors.Conflict, match="is paused, which does not allow this"):
        services.update_allocation(paused, weigh=Rule(1, 1), now=timezone.now() + DAY)
    assert AllocationBatch.objects.count() == 1


def test_a_rule_that_says_no_shares_changes_nothing() -> None:
    experiment = running(allocation="adaptive")
    for shares in ((0.0, 0.0), (-1.0, 2.0), (math.nan, 1.0), (math.inf, 1.0), (1.0,)):
        with pytest.raises(ValueError, match=r"weights: |zip\(\)"):
            services.update_allocation(experiment, weigh=Rule(*shares), now=timezone.now() + DAY)
    assert AllocationBatch.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_one_batch() -> None:
    experiment = running(allocation="adaptive")
    start = Barrier(2)
    due = timezone.now() + DAY

    def work(_: int) -> bool:
        def rule(_: Evidence) -> Sequence[float]:
            start.wait()  # both have seen that it is due
            return 1, 1

        try:
            return services.update_allocation(experiment, weigh=rule, now=due) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(work, range(2))) == [False, True]
    assert [batch.number for batch in AllocationBatch.objects.all()] == [1, 2]
    experiment.refresh_from_db()
    assert experiment.version == 3


@given(wanted=st.lists(st.floats(0, 1e6), min_size=1, max_size=6).filter(any), floor=st.floats(0, 0.5))
def test_each_share_keeps_the_floor(wanted: list[float], floor: float) -> None:
    found = with_floor(wanted, floor)
    assert math.fsum(found) == pytest.approx(1)
    assert min(found) >= min(floor, 1 / len(wanted)) - 1e-12
    assert [share for _, share in sorted(zip(wanted, found, strict=True))] == pytest.approx(sorted(found))
