"""Trains a model for a run. Imported inside task bodies only.

A worker that is killed leaves its checkpoints in the run's folder; the job is claimed again and goes on from them. A
cancelled run keeps them too, until it is resumed. What was measured is written step by step, each step once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.utils.translation import gettext as _

from core import errors
from core.jobs import JobContext
from models_ml import queries
from models_ml.jobs.failures import reporter, sentences
from models_ml.models import ModelVersion, TrainingRun
from models_ml.nn.progress import OnProgress, ShouldStop
from models_ml.nn.training import TrainingFailed
from models_ml.nn.tuning.loggers import metric_loggers
from models_ml.nn.tuning.plan import TuningPlan, TuningResult
from models_ml.nn.tuning.watch import OnMetrics
from models_ml.services.guards import sentence
from models_ml.services.stages import is_intact
from models_ml.services.training import folder_of, keep_point, keep_result


class Tune(Protocol):
    """`models_ml.nn.tuning.tune`, or a fake."""

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
        """Train, and leave a loadable model folder at `out`; with `resume` go on, or return what was finished."""


def train_model(job: JobContext, *, tune: Tune) -> dict[str, Any]:
    """The work of one job. Answers the run, the registered version and its figures."""
    run = TrainingRun.objects.select_related("dataset", "base_version").get(pk=job.arguments["run"])
    try:
        with sentences(job):
            metrics = job.checkpoint.get("metrics") or _train(job, run, tune)
            version = keep_result(run, metrics)
    except TrainingFailed as problem:
        raise errors.Conflict(
            sentence(_("Training stopped: %(problem)s") % {"problem": problem}), code="training_failed"
        ) from problem
    return {"run": run.pk, "version": version.pk, **_headline(metrics)}


def _train(job: JobContext, run: TrainingRun, tune: Tune) -> dict[str, Any]:
    out = folder_of(run)
    _check_base(run.base_version)
    # Where this attempt began, so that the page can tell how long the rest will take.
    job.save_checkpoint({**job.checkpoint, "first_percent": job.job.percent})
    with metric_loggers(out, f"run-{run.pk}", run.plan) as log:

        def keep(step: int, values: Mapping[str, float]) -> None:
            keep_point(run, step, values)
            log(step, values)

        result = tune(
            opened(run),
            out,
            on_progress=reporter(job),
            on_metrics=keep,
            should_stop=job.should_stop,
            resume=out.is_dir(),
        )
    for note in log.notes:
        job.log(note)
    job.check()
    metrics = {**result.to_json(), "files": dict(result.files)}
    job.save_checkpoint({"metrics": metrics})
    return metrics


def opened(run: TrainingRun) -> TuningPlan:
    """The run's plan with its places as they can be opened."""
    plan = TuningPlan.from_json(run.plan)
    return replace(plan, base=queries.absolute(plan.base), dataset=str(Path(settings.VAR) / plan.dataset))


def _check_base(base: ModelVersion | None) -> None:
    if base is not None and not is_intact(base):
        said = _("The files of the base “%(name)s” are not those that were registered. Restore them, or take another.")
        raise errors.Conflict(said % {"name": base.name}, code="artifact_changed")


def _headline(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {name: metrics[name] for name in ("steps", "train_loss", "seconds") if name in metrics}
