"""The search over a fake training whose validation loss is known: found optimum, pruning, failures, kill and resume."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.nn.progress import Cancelled, OnProgress, ShouldStop
from models_ml.nn.tuning.plan import TuningError, TuningPlan, TuningResult
from models_ml.nn.tuning.saving import open_tuned
from models_ml.nn.tuning.search import SearchFailed, search
from models_ml.nn.tuning.search_study import Range, check_space, open_study
from models_ml.nn.tuning.training import tune as real_tune
from models_ml.nn.tuning.watch import OnMetrics
from tests.models_ml.nn.tuning.toys import save_base, toy

PLAN = TuningPlan(base="base", dataset="rows", seed=4)
BEST_RATE, BEST_RANK = 1e-3, 16
SPACE = {"learning_rate": Range(1e-5, 1e-1), "rank": Range(2, 64)}


def loss_of(plan: TuningPlan) -> float:
    """Least, 1.0, at a rate of 1e-3 and rank 16."""
    rate, rank = plan.learning_rate or 2e-4, plan.rank or 16
    return 1.0 + math.log10(rate / BEST_RATE) ** 2 + 0.1 * math.log2(rank / BEST_RANK) ** 2


class Killed(BaseException):
    """The process dies here."""


@dataclass
class FakeTune:
    """Evaluates at four steps on the way to its loss, and writes the model it would."""

    fails: Mapping[int, Exception] = field(default_factory=dict)  # by call
    dies: int | None = None  # in which call, after the first evaluation
    calls: list[TuningPlan] = field(default_factory=list)
    resumed: list[bool] = field(default_factory=list)
    evaluations: int = 0

    def __call__(
        self,
        plan: TuningPlan,
        out: Path,
        *,
        on_progress: OnProgress,
        on_metrics: OnMetrics,
        should_stop: ShouldStop,
        resume: bool = False,
    ) -> TuningResult:
        call = len(self.calls)
        self.calls.append(plan)
        self.resumed.append(resume)
        out.mkdir(parents=True, exist_ok=resume)
        if call in self.fails:
            raise self.fails[call]
        for step in (1, 2, 3, 4):
            on_progress(step / 4, "train", f"step {step}", {})
            on_metrics(step * 10, {"eval_loss": loss_of(plan) + (4 - step)})
            self.evaluations += 1
            if call == self.dies and step == 1:
                raise Killed
            if should_stop():
                raise Cancelled("stopped")
        (out / "model").write_text(json.dumps(plan.to_json()))
        return TuningResult(40, 1.0, {"loss": loss_of(plan)}, 0, 0.0, {})


class Progress:
    """Keeps fractions and messages; asks to stop after so many reports."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.fractions: list[float] = []
        self.messages: list[str] = []
        self.stop_after = stop_after

    def report(self, fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        self.fractions.append(fraction)
        self.messages.append(message)

    def should_stop(self) -> bool:
        return len(self.fractions) >= self.stop_after


def _proposals(tune: FakeTune) -> list[tuple[float | None, int | None]]:
    return [(plan.learning_rate, plan.rank) for plan in tune.calls]


def test_it_comes_near_the_best_plan_and_keeps_its_model(tmp_path: Path) -> None:
    tune, reports = FakeTune(), list[tuple[int, dict[str, float]]]()
    result = search(
        PLAN,
        SPACE,
        trials=25,
        out=tmp_path,
        tune=tune,
        on_metrics=lambda step, values: reports.append((step, dict(values))),
    )
    assert result.loss < 1.15
    assert result.loss == loss_of(result.plan) == min(loss_of(plan) for plan in tune.calls)
    assert replace(result.plan, learning_rate=None, rank=None) == PLAN
    assert TuningPlan.from_json((tmp_path / "best_plan.json").read_text()) == result.plan
    assert TuningPlan.from_json((result.folder / "model").read_text()) == result.plan
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "best_plan.json", "study.json"]
    assert [step for step, _ in reports] == list(range(25))
    assert reports[-1][1]["best_loss"] == result.loss
    assert set(result.to_json()) == {"plan", "loss", "trial", "trials"}
    assert json.loads(json.dumps(result.to_json()))["trials"][0]["state"] == "complete"


def test_values_stay_in_their_range_and_ranks_are_whole(tmp_path: Path) -> None:
    tune = FakeTune()
    search(PLAN, {"learning_rate": Range(1e-4, 2e-4), "rank": Range(3, 9)}, trials=15, out=tmp_path, tune=tune)
    assert all(1e-4 <= (plan.learning_rate or 0) <= 2e-4 for plan in tune.calls)
    assert all(isinstance(plan.rank, int) and 3 <= plan.rank <= 9 for plan in tune.calls)
    assert len({plan.rank for plan in tune.calls}) > 2


def test_the_first_trial_is_the_plan_as_it_stands(tmp_path: Path) -> None:
    tune = FakeTune()
    search(PLAN, SPACE, trials=1, out=tmp_path / "a", tune=tune)
    search(replace(PLAN, learning_rate=0.5, rank=8), SPACE, trials=1, out=tmp_path / "b", tune=tune)
    assert _proposals(tune) == [(2e-4, 16), (0.1, 8)]


def test_a_plan_far_behind_the_median_is_stopped_early(tmp_path: Path) -> None:
    tune = FakeTune()
    result = search(PLAN, SPACE, trials=20, out=tmp_path / "pruned", tune=tune)
    states = [trial.state for trial in result.trials]
    assert set(states) == {"complete", "pruned"}
    assert "pruned" not in states[:4]
    complete = [trial.value or 0 for trial in result.trials if trial.state == "complete"]
    assert all(trial.losses[10] - 3 >= min(complete) for trial in result.trials if trial.state == "pruned")
    assert tune.evaluations < 4 * 20
    whole = search(PLAN, SPACE, trials=6, out=tmp_path / "whole", tune=FakeTune(), prune=False)
    assert {trial.state for trial in whole.trials} == {"complete"}


def test_seeds_decide_the_trials(tmp_path: Path) -> None:
    one, same, other = FakeTune(), FakeTune(), FakeTune()
    for name, fake, seed in (("one", one, 1), ("same", same, 1), ("other", other, 2)):
        search(replace(PLAN, seed=seed), SPACE, trials=8, out=tmp_path / name, tune=fake)
    assert _proposals(one) == _proposals(same)
    assert _proposals(one) != _proposals(other)


@pytest.mark.parametrize("dies", [0, 3, 7])
def test_a_killed_search_goes_on_as_if_nothing_had_been(tmp_path: Path, dies: int) -> None:
    whole, first, second = FakeTune(), FakeTune(dies=dies), FakeTune()
    expected = search(PLAN, SPACE, trials=10, out=tmp_path / "whole", tune=whole)
    out = tmp_path / "killed"
    with pytest.raises(Killed):
        search(PLAN, SPACE, trials=10, out=out, tune=first)
    result = search(PLAN, SPACE, trials=10, out=out, tune=second, resume=True)
    assert _proposals(first) == _proposals(whole)[: dies + 1]
    assert _proposals(second) == _proposals(whole)[dies:]
    assert second.resumed == [True] + [False] * (9 - dies)
    assert (result.plan, result.loss, result.trial) == (expected.plan, expected.loss, expected.trial)
    assert [trial.losses for trial in result.trials] == [trial.losses for trial in expected.trials]
    assert TuningPlan.from_json((out / "best" / "model").read_text()) == result.plan


def test_a_finished_search_runs_nothing_again_and_can_be_made_longer(tmp_path: Path) -> None:
    first = search(PLAN, SPACE, trials=3, out=tmp_path, tune=FakeTune())
    again = FakeTune()
    assert search(PLAN, SPACE, trials=3, out=tmp_path, tune=again, resume=True).loss == first.loss
    assert again.calls == []
    longer = search(PLAN, SPACE, trials=5, out=tmp_path, tune=again, resume=True)
    assert len(again.calls) == 2
    assert longer.trials[:3] == first.trials


def test_a_kill_between_the_record_and_the_folder_loses_no_model(tmp_path: Path) -> None:
    result = search(PLAN, SPACE, trials=3, out=tmp_path, tune=FakeTune())
    (tmp_path / "best").rename(tmp_path / f"trial-{result.trial:03d}")
    again = search(PLAN, SPACE, trials=3, out=tmp_path, tune=FakeTune(), resume=True)
    assert TuningPlan.from_json((again.folder / "model").read_text()) == result.plan


def test_cancelling_leaves_a_search_to_resume_and_progress_only_grows(tmp_path: Path) -> None:
    watch, later, tune = Progress(stop_after=8), Progress(), FakeTune()
    with pytest.raises(Cancelled, match="stopped in trial 2 of 6"):
        search(PLAN, SPACE, trials=6, out=tmp_path, tune=tune, on_progress=watch.report, should_stop=watch.should_stop)
    with pytest.raises(Cancelled, match="stopped after 1 of 6 trials"):
        search(PLAN, SPACE, trials=6, out=tmp_path, tune=tune, should_stop=lambda: True, resume=True)
    search(PLAN, SPACE, trials=6, out=tmp_path, tune=tune, on_progress=later.report, resume=True)
    assert watch.fractions == sorted(watch.fractions)
    assert later.fractions == sorted(later.fractions)
    assert later.fractions[-1] == 1.0
    assert watch.messages[1] == "trial 1 of 6 (learning_rate 0.0002, rank 16): step 1"
    assert len(tune.calls) == 7


def test_failing_trials_are_counted_and_the_search_goes_on(tmp_path: Path) -> None:
    tune = FakeTune(fails={1: RuntimeError("CUDA out of memory.\nTried"), 2: ValueError("the loss is nan at step 3")})
    result = search(PLAN, SPACE, trials=5, out=tmp_path, tune=tune)
    assert [trial.state for trial in result.trials] == ["complete", "failed", "failed", "complete", "complete"]
    assert result.trials[1].error == "RuntimeError: CUDA out of memory."
    assert result.trials[2].error == "ValueError: the loss is nan at step 3"
    assert not list(tmp_path.glob("trial-*"))


def test_a_value_that_the_training_refuses_fails_its_trial_only(tmp_path: Path) -> None:
    tune = FakeTune(fails={0: TuningError("rank", "is too large for this layer")})
    result = search(PLAN, SPACE, trials=3, out=tmp_path, tune=tune)
    assert [trial.state for trial in result.trials] == ["failed", "complete", "complete"]


def test_a_fault_of_the_data_ends_the_search_at_once(tmp_path: Path) -> None:
    tune = FakeTune(fails={0: TuningError("dataset", "there is no folder rows")})
    with pytest.raises(TuningError, match="dataset: there is no folder rows"):
        search(PLAN, SPACE, trials=5, out=tmp_path, tune=tune)
    assert len(tune.calls) == 1


def test_when_all_fail_the_reason_is_said(tmp_path: Path) -> None:
    tune = FakeTune(fails={call: RuntimeError("no memory") for call in range(3)})
    with pytest.raises(SearchFailed, match="none of 3 trials gave a validation loss: RuntimeError: no memory"):
        search(PLAN, SPACE, trials=3, out=tmp_path, tune=tune)


@pytest.mark.parametrize(("loss", "sentence"), [(math.nan, "the validation loss is nan"), (None, "no validation rows")])
def test_a_loss_that_compares_with_nothing(loss: float | None, sentence: str, tmp_path: Path) -> None:
    def tune(plan: TuningPlan, out: Path, **_: Any) -> TuningResult:
        return TuningResult(1, 1.0, {} if loss is None else {"loss": loss}, 0, 0.0, {})

    with pytest.raises((SearchFailed, TuningError), match=sentence):
        search(PLAN, SPACE, trials=2, out=tmp_path, tune=tune)


def test_the_default_space_has_a_rank_only_where_the_method_has(tmp_path: Path) -> None:
    tune = FakeTune()
    search(replace(PLAN, method="full"), trials=2, out=tmp_path / "full", tune=tune)
    search(PLAN, trials=2, out=tmp_path / "lora", tune=tune)
    assert [plan.rank is None for plan in tune.calls] == [True, True, False, False]
    assert len({plan.learning_rate for plan in tune.calls}) > 1


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({}, "space: names no field"),
        ({"base": Range(1, 2)}, "base: cannot be searched; those that can are .*learning_rate"),
        ({"learning_rate": Range(1e-3, 1e-4)}, "learning_rate: the range 0.001 to 0.0001 is empty"),
        ({"learning_rate": Range(0.0, 1e-4)}, "learning_rate: .* not above 0 on a log scale"),
        ({"rank": Range(1.5, 4)}, "rank: takes whole numbers only"),
        ({"learning_rate": Range(1e-3, 100)}, "learning_rate: must be from"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space: dict[str, Range], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(TuningError, match=sentence):
        search(PLAN, space, trials=2, out=tmp_path / "out", tune=FakeTune())
    assert not (tmp_path / "out").exists()


def test_a_folder_with_another_search_is_left_alone(tmp_path: Path) -> None:
    search(PLAN, SPACE, trials=1, out=tmp_path, tune=FakeTune())
    before = (tmp_path / "study.json").read_bytes()
    for plan, space, resume, sentence in (
        (PLAN, SPACE, False, "holds a search already"),
        (replace(PLAN, seed=5), SPACE, True, "over another plan"),
        (PLAN, {"learning_rate": Range(1e-5, 1e-1)}, True, "over another space"),
    ):
        with pytest.raises(TuningError, match=sentence):
            search(plan, space, trials=2, out=tmp_path, tune=FakeTune(), resume=resume)
    assert (tmp_path / "study.json").read_bytes() == before
    (tmp_path / "study.json").write_text('{"trials": 1}')
    with pytest.raises(TuningError, match="is not the record of a search"):
        search(PLAN, SPACE, trials=2, out=tmp_path, tune=FakeTune(), resume=True)
    with pytest.raises(TuningError, match="trials: must be at least 1"):
        search(PLAN, SPACE, trials=0, out=tmp_path, tune=FakeTune())


def test_a_search_over_real_trainings_keeps_a_model_that_opens(tmp_path: Path) -> None:
    plan = replace(PLAN, base=str(save_base(tmp_path / "base")), max_length=48, max_steps=4, batch_size=4)
    learn = partial(real_tune, dataset=toy("copy"))
    result = search(plan, {"learning_rate": Range(1e-4, 1e-1)}, trials=2, out=tmp_path / "out", tune=learn)
    assert {trial.state for trial in result.trials} == {"complete"}
    assert all(len(trial.losses) == 4 for trial in result.trials)
    assert open_tuned(result.folder).plan == result.plan
    assert not list((tmp_path / "out").glob("trial-*"))


def test_a_trial_without_outcome_is_not_recorded(tmp_path: Path) -> None:
    study = open_study(tmp_path, PLAN, check_space(PLAN, SPACE), resume=False)
    trial = study.begin({"rank": 2})
    with pytest.raises(ValueError, match="trial 0 has no outcome"):
        study.end(trial)


@settings(max_examples=50, deadline=None)
@given(low=st.integers(1, 50), size=st.integers(0, 50), value=st.floats(0.001, 200))
def test_a_value_is_brought_to_the_nearest_of_its_range(low: int, size: int, value: float) -> None:
    checked = check_space(PLAN, {"rank": Range(low, low + size)})["rank"]
    found = checked.within(value)
    assert found == int(found)
    assert low <= found <= low + size
    assert all(abs(found - value) <= abs(other - value) + 0.5 for other in range(low, low + size + 1))
