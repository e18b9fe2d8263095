"""Searches the best learning rate and rank (or any number of a plan) with Optuna: TPE proposes, the median prunes.

TPE: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"; median rule: Golovin et al. 2017, "Google
Vizier", section 3.2. Optuna: arXiv 1907.10902.

Peculiar: the study is one JSON file of our own, replaced in one step, and the sampler is seeded anew for each trial
from the seed and the trial's number. So a proposal depends on the finished trials alone, and a search that was killed
and resumed proposes what an uninterrupted one would. The first trial is always the plan as it stands, so the result is
never worse than not searching.
"""

from __future__ import annotations

import gc
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import optuna
import torch
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from models_ml.nn.artifacts import write_json
from models_ml.nn.progress import Cancelled, OnProgress, ShouldStop, never, silent
from models_ml.nn.tuning.methods import settings_of
from models_ml.nn.tuning.plan import TuningError, TuningPlan, TuningResult
from models_ml.nn.tuning.search_study import Range, SearchResult, Study, Trial, check_space, open_study
from models_ml.nn.tuning.watch import OnMetrics

DEFAULT_SPACE: Mapping[str, Range] = {"learning_rate": Range(1e-5, 1e-2), "rank": Range(4, 64)}
BEST_PLAN, BEST_MODEL = "best_plan.json", "best"
_STARTUP = 4  # trials before the median may prune, and before TPE may propose


class Tune(Protocol):
    """The call that trains one plan (`models_ml.nn.tuning.tune`)."""

    def __call__(
        self,
        plan: TuningPlan,
        out: Path,
        *,
        on_progress: OnProgress,
        on_metrics: OnMetrics,
        should_stop: ShouldStop,
        resume: bool,
    ) -> TuningResult:
        """Train; "eval_loss" comes through `on_metrics`, the validation loss of the kept weights in the result."""


class SearchFailed(Exception):
    """No trial gave a validation loss; says why."""


def search(
    plan: TuningPlan,
    space: Mapping[str, Range] | None = None,
    *,
    trials: int,
    out: Path,
    tune: Tune | None = None,
    on_progress: OnProgress = silent,
    on_metrics: OnMetrics | None = None,
    should_stop: ShouldStop = never,
    resume: bool = False,
    prune: bool = True,
) -> SearchResult:
    """Try `trials` plans and return the one with the least validation loss; its model lies in out/best.

    `space` names plan fields and their ranges (default: learning rate and, where the method has one, rank; log scale).
    With `resume` finished trials are kept and the one that was cut off goes on from its checkpoint. A trial that fails
    (loss not a number, out of memory) counts as failed. `on_metrics` gets a report a trial. Raises Cancelled,
    TuningError (a fault of plan or data that no trial could mend) and SearchFailed (every trial failed).
    """
    if trials < 1:
        raise TuningError("trials", "must be at least 1")
    chosen = check_space(plan, _default_space(plan) if space is None else space)
    study = open_study(out, plan, chosen, resume=resume)
    work = _Search(plan, study, out, tune or _the_tune(), trials, prune=prune)
    work.tidy()
    while len(study.finished) < trials:
        on_progress(len(study.finished) / trials, "search", f"trial {len(study.finished) + 1} of {trials}", {})
        done = work.next_trial(on_progress, should_stop)
        if on_metrics is not None:
            on_metrics(done.number, _report(done, study))
    on_progress(1.0, "search", f"{trials} trials", {})
    return _conclude(study, plan, out)


def _default_space(plan: TuningPlan) -> dict[str, Range]:
    has_rank = settings_of(plan).rank is not None or plan.method == "bottleneck"
    return {name: one for name, one in DEFAULT_SPACE.items() if name != "rank" or has_rank}


def _the_tune() -> Tune:
    from models_ml.nn.tuning.training import tune  # noqa: PLC0415 - a search over a fake needs no training

    return tune


class _Search:
    """Runs one trial after the other and keeps the study's file up to date."""

    def __init__(self, plan: TuningPlan, study: Study, out: Path, tune: Tune, trials: int, *, prune: bool) -> None:
        self.plan, self.study, self.out, self.tune, self.trials, self.prune = plan, study, out, tune, trials, prune

    def next_trial(self, on_progress: OnProgress, should_stop: ShouldStop) -> Trial:
        """Run (or finish) a trial and record it. Raises Cancelled, leaving it to be resumed."""
        if should_stop():
            raise Cancelled(f"the search stopped after {len(self.study.finished)} of {self.trials} trials")
        cut_off = self.study.running
        trial = cut_off or self.study.begin(_proposal(self.plan, self.study))
        watch = _Watch(self.study, trial, self.trials, on_progress, should_stop, prune=self.prune)
        started = time.monotonic()
        try:
            self._run(trial, watch, resume=cut_off is not None)
        finally:
            trial.seconds += time.monotonic() - started
            _free_memory()
        self.study.end(trial)
        self.tidy()
        return trial

    def tidy(self) -> None:
        """The best model so far lies in out/best; folders of all other finished trials are deleted."""
        best = self.study.best
        if best is not None and self._folder(best).is_dir():
            shutil.rmtree(self.out / BEST_MODEL, ignore_errors=True)
            self._folder(best).rename(self.out / BEST_MODEL)
        for trial in self.study.finished:
            shutil.rmtree(self._folder(trial), ignore_errors=True)

    def _run(self, trial: Trial, watch: _Watch, *, resume: bool) -> None:
        """Train the trial's plan and set its state."""
        folder = self._folder(trial)
        try:
            plan = replace(self.plan, **trial.parameters)
            result = self.tune(
                plan,
                folder,
                on_progress=watch.on_progress,
                on_metrics=watch.on_metrics,
                should_stop=watch.should_stop,
                resume=resume and folder.is_dir(),
            )
        except Cancelled as error:
            if not watch.pruned:
                raise Cancelled(f"the search stopped in trial {trial.number + 1} of {self.trials}") from error
            trial.state = "pruned"
        except Exception as error:  # one trial's failure is a result, not the end of the search
            if isinstance(error, TuningError) and error.field not in trial.parameters:
                raise
            trial.state, trial.error = "failed", _sentence(error)
        else:
            _judge(trial, result)

    def _folder(self, trial: Trial) -> Path:
        return self.out / f"trial-{trial.number:03d}"


def _judge(trial: Trial, result: TuningResult) -> None:
    loss = result.evaluation.get("loss")
    if loss is None:
        raise TuningError("dataset", "has no validation rows, by which plans could be compared")
    if math.isfinite(loss):
        trial.state, trial.value = "complete", float(loss)
    else:
        trial.state, trial.error = "failed", f"the validation loss is {loss}"


class _Watch:
    """Listens to one trial: reports it as part of the search, and stops it where the median says so."""

    def __init__(
        self,
        study: Study,
        trial: Trial,
        trials: int,
        on_progress: OnProgress,
        should_stop: ShouldStop,
        *,
        prune: bool,
    ) -> None:
        self.study, self.trial, self.trials = study, trial, trials
        self._on_progress, self._should_stop, self._prune = on_progress, should_stop, prune
        self.pruned = False

    def on_progress(self, fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        done = (len(self.study.finished) + min(1.0, max(0.0, fraction))) / self.trials
        name = ", ".join(f"{field} {value:.3g}" for field, value in self.trial.parameters.items())
        head = f"trial {self.trial.number + 1} of {self.trials} ({name})"
        self._on_progress(done, "search", f"{head}: {message or stage}", metrics)

    def on_metrics(self, step: int, values: Mapping[str, float], /) -> None:
        loss = values.get("eval_loss")
        if loss is None or not math.isfinite(loss):
            return
        self.trial.losses[step] = float(loss)
        self.study.write()
        self.pruned = self.pruned or (self._prune and _behind_the_median(self.study, self.trial, step))

    def should_stop(self) -> bool:
        return self.pruned or self._should_stop()


def _behind_the_median(study: Study, trial: Trial, step: int) -> bool:
    """Whether the best loss up to `step` is above the median of what the complete trials had at that step."""
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_min_trials=_STARTUP)
    mirror = _mirror(study, seed=0)
    known = {done: loss for done, loss in trial.losses.items() if done <= step}  # a resumed trial knows later ones
    mirror.add_trial(_frozen(study, replace(trial, losses=known), TrialState.RUNNING))
    return bool(pruner.prune(mirror, mirror.trials[-1]))


def _proposal(plan: TuningPlan, study: Study) -> dict[str, Any]:
    number = len(study.trials)
    if number == 0:
        return _as_it_stands(plan, study.space)
    trial = _mirror(study, seed=plan.seed * 1_000_003 + number).ask(_distributions(study.space))
    return dict(trial.params)


def _as_it_stands(plan: TuningPlan, space: Mapping[str, Range]) -> dict[str, Any]:
    settings, found = settings_of(plan), dict[str, Any]()
    for name, one in space.items():
        value = getattr(settings, name, None) or getattr(plan, name) or one.low
        found[name] = one.within(value)
    return found


def _mirror(study: Study, *, seed: int) -> optuna.Study:
    """Optuna's view of the finished trials, in memory."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=_STARTUP)
    mirror = optuna.create_study(sampler=sampler, direction="minimize")
    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    for trial in study.finished:
        mirror.add_trial(_frozen(study, trial, states[trial.state]))
    return mirror


def _frozen(study: Study, trial: Trial, state: TrialState) -> optuna.trial.FrozenTrial:
    return create_trial(
        state=state,
        value=trial.value if state is TrialState.COMPLETE else None,
        params=dict(trial.parameters),
        distributions=_distributions(study.space),
        intermediate_values=dict(trial.losses),
    )


def _distributions(space: Mapping[str, Range]) -> dict[str, BaseDistribution]:
    return {
        name: IntDistribution(int(one.low), int(one.high), log=one.log)
        if one.whole
        else FloatDistribution(one.low, one.high, log=one.log)
        for name, one in space.items()
    }


def _report(trial: Trial, study: Study) -> dict[str, float]:
    values = {name: float(value) for name, value in trial.parameters.items()}
    if trial.value is not None:
        values["trial_loss"] = trial.value
    if study.best is not None and study.best.value is not None:
        values["best_loss"] = study.best.value
    return values


def _conclude(study: Study, plan: TuningPlan, out: Path) -> SearchResult:
    best = study.best
    if best is None or best.value is None:
        reasons = "; ".join(sorted({trial.error for trial in study.trials if trial.error}))
        raise SearchFailed(f"none of {len(study.trials)} trials gave a validation loss: {reasons}")
    chosen = replace(plan, **best.parameters)
    write_json(out / BEST_PLAN, chosen.to_json())
    return SearchResult(chosen, best.value, best.number, tuple(study.trials), out / BEST_MODEL)


def _free_memory() -> None:
    if torch.cuda.is_available():
        gc.collect()  # slow, and a model in main memory goes without it
        torch.cuda.empty_cache()


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
