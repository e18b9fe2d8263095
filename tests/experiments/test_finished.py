"""Which finished experiments are there to learn from, and what is read of their arms."""

from __future__ import annotations

import pytest

from experiments.models import Allocation, Arm, ArmMoments
from experiments.queries import FinishedArm, finished_tests
from experiments.stats.moments import Moments
from tests.experiments.test_priors import finished

pytestmark = pytest.mark.django_db


def test_a_finished_experiment_gives_units_and_successes_of_each_arm() -> None:
    made = finished("welcome", 200, 260)
    Arm.objects.filter(experiment=made, position=1).update(content={"headline": "Hello"}, name="Second")
    found = list(finished_tests())
    assert [(one.experiment_id, one.key, one.metric) for one in found] == [(made.pk, "welcome", "conversion")]
    assert found[0].arms == (
        FinishedArm("arm-0", "x", {}, is_control=True, share=0.5, units=2000, successes=200),
        FinishedArm("arm-1", "Second", {"headline": "Hello"}, is_control=False, share=0.5, units=2000, successes=260),
    )


def test_what_cannot_be_learned_from_is_left_out() -> None:
    finished("broken-split", 10, 20, flagged=True)
    finished("adaptive", 10, 20, allocation=Allocation.ADAPTIVE)
    finished("running", 10, 20, status="running")
    finished("second-phase", 10, 20, phase=2)
    finished("one-arm", 10)
    assert list(finished_tests()) == []


def test_dropped_arms_and_arms_without_units_do_not_count() -> None:
    made = finished("three", 10, 20, 30)
    Arm.objects.filter(experiment=made, position=1).update(dropped_at=made.created_at)
    assert [arm.successes for arm in next(finished_tests()).arms] == [10, 30]
    empty = ArmMoments.objects.get(arm__experiment=made, arm__position=2)
    empty.take(Moments.empty(["converted"]))
    empty.save()
    assert list(finished_tests()) == []


def test_a_goal_that_is_a_share_is_read_instead_of_conversion() -> None:
    made = finished("opened", 10, 20, goal_metric="opened")
    for row in ArmMoments.objects.filter(arm__experiment=made):
        row.take(Moments.from_rows(["converted", "clicked"], [[0, 1], [0, 1], [1, 0]]))
        row.save()
    analysis = made.analyses.get()
    entry = {"definition": {"key": "opened", "kind": "proportion", "numerator": "clicked", "denominator": None}}
    analysis.settings = {"metrics": [entry]}
    analysis.save()
    test = next(finished_tests())
    assert (test.metric, [arm.successes for arm in test.arms]) == ("opened", [2, 2])
