"""Training runs: started once, their points kept once a step, cancelled, resumed, killed, failed in sentences."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core import errors
from core.jobs import run_job
from core.models import AuditEntry, Job
from core.models.job import Status
from core.services import jobs as job_services
from models_ml import services
from models_ml.jobs import tuning
from models_ml.lifecycle import Kind
from models_ml.models import ModelVersion, TrainingPoint, TrainingRun
from models_ml.nn.artifacts import ModelFolderError
from models_ml.nn.progress import Cancelled
from models_ml.nn.training import TrainingFailed
from models_ml.nn.tuning.plan import TuningError, TuningPlan, TuningResult
from models_ml.services.training import folder_of, keep_point, kind_of
from tests import people
from tests.models_ml import factory

pytestmark = pytest.mark.django_db


class FakeTuner:
    """Tunes in name only: reports steps, can be broken on the way, leaves a folder. Keeps how it was called."""

    def __init__(self, breaks: Callable[[int], None] | None = None, steps: int = 4) -> None:
        self.breaks, self.steps = breaks, steps
        self.calls: list[tuple[TuningPlan, bool]] = []

    def __call__(
        self, plan: TuningPlan, out: Path, *, on_progress: Any, on_metrics: Any, should_stop: Any, resume: bool = False
    ) -> TuningResult:
        self.calls.append((plan, resume))
        out.mkdir(parents=True, exist_ok=True)
        begun = out / "step"
        first = int(begun.read_text()) if begun.exists() and resume else 1
        for step in range(first, self.steps + 1):
            begun.write_text(str(step))
            on_metrics(step, {"loss": 1.0 / step, "run": len(self.calls)})
            # Another stage each time: reports of one stage are thinned out, and a cancel is noticed by a report.
            on_progress(step / self.steps, f"step {step}", "", {})
            if self.breaks is not None:
                self.breaks(step)
            if should_stop():
                raise Cancelled
        begun.unlink()
        factory.model_folder(out)
        return TuningResult(
            steps=self.steps, train_loss=0.5, evaluation={"loss": 0.6}, tokens=10, seconds=1.0, files={}
        )


def work(run: TrainingRun, tune: Any) -> Job:
    """One attempt at a run; its job afterwards."""
    run_job(str(run.job_id), partial(tuning.train_model, tune=tune))
    return factory.job_of(run)


def once(step: int, what: Callable[[], object]) -> Callable[[int], None]:
    """Does something at a step, the first time it comes."""
    done: list[int] = []

    def breaks(now: int) -> None:
        if now == step and not done:
            done.append(now)
            what()

    return breaks


class Killed(BaseException):
    """The process is gone: nothing of ours handles this, and the job stays as it stood."""


def throw(problem: BaseException) -> None:
    """Raise it."""
    raise problem


# --- starting -----------------------------------------------------------------------------------------------------
def test_a_run_is_a_row_and_a_waiting_job_on_the_gpu_queue() -> None:
    ana, base = people.ana(), services.ensure_starter_registered()
    assert base is not None
    run = services.start_training(name="A", dataset=factory.dataset(), base=base, actor=ana, request_key="form-1")
    again = services.start_training(name="A", dataset=run.dataset, base=base, actor=ana, request_key="form-1")
    assert (again.pk, Job.objects.filter(queue="gpu").count()) == (run.pk, 1)
    assert run.job is not None
    assert (run.job.task_name, run.job.created_by, run.base, run.base_version) == (
        *("models_ml.train_model", ana, "models_ml/starter", base),
    )
    assert AuditEntry.objects.get(action="training.asked").data["plan"]["method"] == "lora"


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"method": "magic"}, "method"),
        ({"objective": "masked"}, "objective"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"speed": 3}, "speed"),
        ({"rank": "many"}, "rank"),
    ],
)
def test_a_plan_that_cannot_be_used_names_its_field(plan: dict[str, Any], field: str) -> None:
    dataset = factory.dataset()
    with pytest.raises(errors.InvalidInput) as problem:
        factory.run(on=dataset, **plan)
    assert [one.field for one in problem.value.problems] == [field]
    assert (TrainingRun.objects.count(), Job.objects.filter(queue="gpu").count()) == (0, 0)


def test_nobody_trains_on_a_dataset_that_is_not_ready_or_without_the_role() -> None:
    with pytest.raises(errors.Conflict, match="not ready"):
        factory.run(on=factory.asked())
    dataset = factory.dataset(seed=3)
    for member in (people.alice(), people.bob(), people.charlie()):
        with pytest.raises(errors.Forbidden):
            services.start_training(name="A", dataset=dataset, base="org/a", actor=member)
    assert TrainingRun.objects.count() == 0


def test_a_run_on_a_duplicate_learns_from_the_first() -> None:
    first, second = factory.dataset(), factory.dataset("Again", seed=2)
    run = factory.run(on=second)
    assert (run.dataset, run.plan["dataset"]) == (first, first.folder)


# --- working ------------------------------------------------------------------------------------------------------
def test_a_finished_run_is_registered_with_all_that_made_it() -> None:
    run = factory.run()
    job = work(run, FakeTuner())
    version = ModelVersion.objects.get()
    assert job.result == {"run": run.pk, "version": version.pk, "steps": 4, "train_loss": 0.5, "seconds": 1.0}
    assert (version.run, version.dataset, version.method, version.base, version.stage) == (
        *(run, run.dataset, "lora", "org/base", "candidate"),
    )
    assert [len(value) for value in (version.content_hash, version.tokenizer_hash, version.code_version)] == [
        64,
        64,
        16,
    ]
    assert TrainingRun.objects.get().model_version == version
    assert list(TrainingPoint.objects.values_list("step", "values__loss")) == [
        (1, 1.0),
        (2, 0.5),
        (3, 1 / 3),
        (4, 0.25),
    ]


def test_the_plan_reaches_the_tuner_with_places_that_can_be_opened(settings: Any) -> None:
    base = services.ensure_starter_registered()
    assert base is not None
    run = services.start_training(name="A", dataset=factory.dataset(), base=base, actor="test")
    tuner = FakeTuner()
    work(run, tuner)
    plan, resume = tuner.calls[0]
    assert (plan.base, resume) == (f"{settings.ROOT}/models_ml/starter", False)
    assert plan.dataset == f"{settings.VAR}/{run.dataset.folder}"


def test_a_killed_run_goes_on_and_writes_each_step_once() -> None:
    run = factory.run()
    tuner = FakeTuner(once(3, lambda: throw(Killed())))
    with pytest.raises(Killed):
        work(run, tuner)
    assert factory.job_of(run).status == Status.RUNNING
    Job.objects.filter(pk=factory.job_of(run).pk).update(lease_expires_at="2020-01-01T00:00Z")
    job_services.requeue_lost_jobs()
    job = work(run, tuner)
    assert (job.status, job.attempt, [resume for _plan, resume in tuner.calls]) == ("succeeded", 2, [False, True])
    points = TrainingPoint.objects.order_by("step").values_list("step", "values__run")
    assert list(points) == [(1, 1), (2, 1), (3, 2), (4, 2)]
    assert job.checkpoint["metrics"]["steps"] == 4
    assert ModelVersion.objects.count() == 1


def test_a_run_killed_between_its_end_and_the_registry_is_not_trained_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run, tuner = factory.run(), FakeTuner()
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "keep_result", lambda *_: throw(SystemExit(1)))
        with pytest.raises(SystemExit):
            work(run, tuner)
    assert work(run, tuner).status == Status.SUCCEEDED
    assert len(tuner.calls) == 1
    assert ModelVersion.objects.get().run == run


def test_a_cancelled_run_leaves_its_checkpoint_and_resumes() -> None:
    run, ana = factory.run(), people.ana()
    tuner = FakeTuner(once(2, lambda: job_services.cancel_job(factory.job_of(run), actor=ana)))
    tuner.steps = 6
    job = work(run, tuner)
    assert (job.status, ModelVersion.objects.count(), (folder_of(run) / "step").exists()) == ("cancelled", 0, True)
    job_services.resume_job(job, actor=ana)
    assert work(run, tuner).status == Status.SUCCEEDED
    assert [resume for _plan, resume in tuner.calls] == [False, True]
    assert TrainingPoint.objects.count() == 6


@pytest.mark.parametrize(
    ("problem", "code", "message"),
    [
        (TuningError("rank", "is larger than the layer"), "invalid_input", "rank: is larger than the layer."),
        (
            TrainingFailed("the loss is nan at step 3; lower the rate"), "training_failed",
            "Training stopped: the loss is nan at step 3; lower the rate.",
        ),
        (
            ModelFolderError("org/base holds no tokenizer"), "model_unusable",
            "The model cannot be used: org/base holds no tokenizer.",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"), "disk_full",
            "The disk is full. What was saved before is kept: make room, then resume.",
        ),
    ],
    ids=["plan", "nan", "base", "disk"],
)  # fmt: skip
def test_what_goes_wrong_is_a_sentence_and_the_queue_goes_on(problem: Exception, code: str, message: str) -> None:
    run = factory.run()
    job = work(run, FakeTuner(once(2, lambda: throw(problem))))
    assert (job.status, job.error) == ("failed", {"code": code, "message": message})
    assert ModelVersion.objects.count() == 0
    other = factory.run("Other", run.dataset, seed=9)
    assert work(other, FakeTuner()).status == Status.SUCCEEDED


def test_a_bug_keeps_its_traceback() -> None:
    job = work(factory.run(), FakeTuner(once(1, lambda: throw(OSError(errno.EIO, "broken")))))
    assert job.error is not None
    assert job.error["code"] == "internal_error"
    assert "Traceback" in job.log_tail


def test_a_base_whose_files_changed_is_refused_before_the_first_step(tmp_path: Path) -> None:
    base = factory.version(tmp_path / "base", "Base")
    run = services.start_training(name="A", dataset=factory.dataset(), base=base, actor="test")
    (tmp_path / "base" / "model.safetensors").write_bytes(b"other")
    tuner = FakeTuner()
    job = work(run, tuner)
    assert job.error is not None
    assert (job.error["code"], tuner.calls) == ("artifact_changed", [])


def test_figures_that_are_no_numbers_are_kept_as_nothing() -> None:
    run = factory.run()
    keep_point(run, 1, {"loss": float("nan"), "grad_norm": float("inf")})
    keep_point(run, 1, {"eval_loss": 2.0})
    assert TrainingPoint.objects.get().values == {"loss": None, "grad_norm": None, "eval_loss": 2.0}


@pytest.mark.parametrize(
    ("objective", "kind"),
    [
        *[(name, Kind.WRITER) for name in ("causal", "supervised", "dpo", "kto")],
        *[("score_pairs", Kind.SCORER), ("masked", Kind.BASE), ("classify", Kind.BASE)],
    ],
)
def test_what_a_model_of_an_objective_can_be(objective: str, kind: Kind) -> None:
    assert kind_of(objective) is kind


def test_the_figures_of_a_run_go_to_tensorboard_too() -> None:
    run = factory.run()
    work(run, FakeTuner())
    events = list(folder_of(run).with_name(f"{folder_of(run).name}.events").glob("events.out.tfevents.*"))
    assert len(events) == 1
    assert events[0].stat().st_size > 0
