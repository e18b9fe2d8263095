"""Priors learned from finished experiments: which of them count, what is written, and leaving one out."""

from __future__ import annotations

import math
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from experiments.models import Allocation, Analysis, Arm, ArmMoments, Experiment, LearnedPrior, Source
from experiments.queries import finished as finished_queries
from experiments.services.priors import learn_priors, prior_for, priors_for
from experiments.stats.learning import LogValue, Past, learn
from experiments.stats.moments import Moments
from experiments.stats.shrinkage import HEADLINES

pytestmark = pytest.mark.django_db

CONVERSION = {"definition": {"key": "conversion", "kind": "proportion", "numerator": "converted", "denominator": None}}
CTR = {"definition": {"key": "ctr", "kind": "ratio", "numerator": "clicks", "denominator": "impressions"}}
HISTORY = [(200, 260), (210, 190), (180, 240), (220, 230), (205, 150), (190, 215)]


def finished(key: str, *successes: int, n: int = 2000, flagged: bool = False, **fields: Any) -> Experiment:
    """A stopped experiment whose arms (the first is the control) converted so many of their units."""
    experiment = Experiment.objects.create(**{"key": key, "name": key, "seed": key, "status": "stopped"} | fields)
    for place, count in enumerate(successes):
        arm = Arm.objects.create(
            experiment=experiment, position=place, key=f"arm-{place}", name="x", is_control=place == 0, weight=1
        )
        moments = Moments.of_proportion("converted", successes=count, n=n)
        ArmMoments.of(arm, moments).save()
    analysed(experiment, flagged=flagged)
    return experiment


def analysed(experiment: Experiment, *, flagged: bool = False, is_final: bool = True, phase: int = 1) -> Analysis:
    return Analysis.objects.create(
        experiment=experiment,
        is_final=is_final,
        inputs_hash="",
        phase=phase,
        settings={"metrics": [CONVERSION, CTR]},
        results={"sample_ratio": {"flagged": flagged}},
        verdict="unclear",
        sentence="",
    )


def log_values(*successes: int, n: int = 2000) -> list[LogValue]:
    found = []
    for count in successes:
        share = count / n
        found.append(LogValue(math.log(share), (1 - share) / share / (n - 1)))
    return found


def past_of(experiment: Experiment, *successes: int) -> Past:
    control, *rest = log_values(*successes)
    return Past(str(experiment.pk), control, tuple(rest))


def history() -> list[Experiment]:
    return [finished(f"e-{place}", *pair) for place, pair in enumerate(HISTORY)]


def test_the_prior_is_that_of_the_finished_experiments() -> None:
    rows = history()
    assert learn_priors() == 1
    row = LearnedPrior.objects.get()
    expected = learn([past_of(one, *pair) for one, pair in zip(rows, HISTORY, strict=True)])
    assert (row.metric, row.experiments) == ("conversion", 6)
    assert row.spread == pytest.approx(expected.prior.spread, rel=1e-6)
    assert row.mean == pytest.approx(expected.prior.mean, rel=1e-6)
    assert row.details["mean_error"] == pytest.approx(expected.mean_error, rel=1e-6)
    assert set(row.details["past"]) == {str(one.pk) for one in rows}
    assert row.details["first"] <= row.details["last"]


def test_learning_again_writes_the_same() -> None:
    history()
    learn_priors()
    before = LearnedPrior.objects.values("metric", "experiments", "mean", "spread", "details").get()
    learn_priors()
    assert LearnedPrior.objects.values("metric", "experiments", "mean", "spread", "details").get() == before


def test_several_challengers_and_imports_count() -> None:
    three = finished("three", 200, 220, 260, source=Source.IMPORTED)
    learn_priors()
    row = LearnedPrior.objects.get()
    assert row.experiments == 1
    assert row.details["past"][str(three.pk)] == [
        [pytest.approx(one.value), pytest.approx(one.variance)] for one in log_values(200, 220, 260)
    ]


@pytest.mark.parametrize(
    "case", ["flagged", "adaptive", "running", "new_phase", "no_final", "empty_control", "one_arm"]
)
def test_what_cannot_be_trusted_does_not_count(case: str) -> None:
    pairs = {"empty_control": (0, 20), "one_arm": (200,)}
    fields: dict[str, dict[str, Any]] = {
        "adaptive": {"allocation": Allocation.ADAPTIVE},
        "running": {"status": "running"},
        "new_phase": {"phase": 2},
    }
    one = finished("odd", *pairs.get(case, (200, 260)), flagged=case == "flagged", **fields.get(case, {}))
    if case == "no_final":
        Analysis.objects.filter(experiment=one).update(is_final=False)
    assert learn_priors() == 0
    assert not LearnedPrior.objects.exists()
    assert prior_for("conversion") == HEADLINES


def test_the_newest_final_analysis_decides() -> None:
    one = finished("again", 200, 260)
    analysed(one, flagged=True)
    analysed(one, is_final=False)
    assert learn_priors() == 0
    analysed(one)
    assert learn_priors() == 1


def test_a_dropped_arm_does_not_count() -> None:
    one = finished("dropped", 200, 260, 20)
    Arm.objects.filter(experiment=one, position=2).update(dropped_at=timezone.now())
    learn_priors()
    assert len(LearnedPrior.objects.get().details["past"][str(one.pk)]) == 2


def test_an_arm_without_success_does_not_count() -> None:
    one = finished("none", 200, 0, 230)
    learn_priors()
    assert len(LearnedPrior.objects.get().details["past"][str(one.pk)]) == 2


def test_priors_of_metrics_that_are_gone_are_removed() -> None:
    LearnedPrior.objects.create(metric="old", experiments=3, mean=0, spread=0.1)
    history()
    assert learn_priors() == 1
    assert list(LearnedPrior.objects.values_list("metric", flat=True)) == ["conversion"]


def test_an_experiment_is_not_part_of_its_own_prior() -> None:
    rows = history()
    outlier = finished("huge", 100, 400)
    learn_priors()
    without = prior_for("conversion", outlier)
    expected = learn([past_of(one, *pair) for one, pair in zip(rows, HISTORY, strict=True)]).prior
    assert without.experiments == 6
    assert without.spread == pytest.approx(expected.spread, rel=1e-6)
    assert prior_for("conversion").spread > 1.2 * without.spread
    assert prior_for("conversion").experiments == 7


def test_alone_in_the_history_it_gets_the_default() -> None:
    one = finished("only", 200, 260)
    learn_priors()
    assert prior_for("conversion", one) == HEADLINES
    assert prior_for("conversion").experiments == 1


def test_an_experiment_that_is_not_in_the_history_gets_what_is_stored() -> None:
    history()
    learn_priors()
    row = LearnedPrior.objects.get()
    fresh = Experiment.objects.create(key="fresh", name="Fresh", seed="fresh")
    found = prior_for("conversion", fresh)
    assert (found.mean, found.spread, found.experiments, found.source) == (row.mean, row.spread, 6, "own")


def test_several_metrics_are_one_query() -> None:
    history()
    learn_priors()
    with CaptureQueriesContext(
        connection,
    ) as seen:
        found = priors_for(["conversion", "ctr"])
    assert len(seen) == 1
    assert found["ctr"] == HEADLINES
    assert found["conversion"].experiments == 6


def test_the_number_of_queries_does_not_grow_with_the_history() -> None:
    history()
    learn_priors()
    with CaptureQueriesContext(connection) as few:
        learn_priors()
    for place, pair in enumerate(HISTORY):
        finished(f"more-{place}", *pair)
    with CaptureQueriesContext(connection) as many:
        learn_priors()
    assert len(many) == len(few)


def test_only_the_newest_are_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = history()
    monkeypatch.setattr(finished_queries, "MOST_EXPERIMENTS", 2)
    learn_priors()
    assert set(LearnedPrior.objects.get().details["past"]) == {str(one.pk) for one in rows[-2:]}
