"""The record of a search: its space, its trials, and the one JSON file they are kept in. Pure: no Optuna, no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from models_ml.nn.artifacts import write_json
from models_ml.nn.tuning.plan import TuningError, TuningPlan

STUDY = "study.json"
State = Literal["running", "complete", "pruned", "failed"]

_FORMAT = 1
_WHOLE = ("rank", "batch_size", "gradient_accumulation", "virtual_tokens")
_REAL = ("learning_rate", "weight_decay", "warmup_share", "dropout", "alpha", "beta", "epochs", "label_smoothing")


@dataclass(frozen=True)
class Range:
    """Values of one plan field, both ends included; on a log scale unless said otherwise."""

    low: float
    high: float
    log: bool = True
    whole: bool = False  # set by `check_space` from the field

    def within(self, value: float) -> float:
        """The nearest value of the range."""
        kept = min(self.high, max(self.low, value))
        return round(kept) if self.whole else float(kept)


@dataclass
class Trial:
    """One plan that was tried. `losses` are validation losses by step, `value` the loss of the kept weights."""

    number: int
    parameters: dict[str, Any]
    state: State = "running"
    value: float | None = None
    losses: dict[int, float] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class SearchResult:
    """The best plan, its validation loss and trial number, all trials, and the folder of the best model."""

    plan: TuningPlan
    loss: float
    trial: int
    trials: tuple[Trial, ...]
    folder: Path

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a record or a page."""
        return {
            "plan": self.plan.to_json(),
            "loss": self.loss,
            "trial": self.trial,
            "trials": [asdict(trial) for trial in self.trials],
        }


@dataclass
class Study:
    """All trials of a search. At most one, the last, is running."""

    path: Path
    plan: dict[str, Any]
    space: Mapping[str, Range]
    trials: list[Trial] = field(default_factory=list)

    @property
    def finished(self) -> list[Trial]:
        """Trials that are not run again."""
        return [trial for trial in self.trials if trial.state != "running"]

    @property
    def running(self) -> Trial | None:
        """The trial that was cut off, if any."""
        return next((trial for trial in self.trials if trial.state == "running"), None)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the least loss, the earlier one of equals."""
        complete = [trial for trial in self.trials if trial.state == "complete" and trial.value is not None]
        return min(complete, key=lambda trial: (trial.value or 0.0, trial.number), default=None)

    def begin(self, parameters: Mapping[str, Any]) -> Trial:
        """Add a trial, on disk before it runs."""
        trial = Trial(len(self.trials), dict(parameters))
        self.trials.append(trial)
        self.write()
        return trial

    def end(self, trial: Trial) -> None:
        """Keep the outcome of a trial that has got its state."""
        if trial.state == "running":
            raise ValueError(f"trial {trial.number} has no outcome")
        self.write()

    def write(self) -> None:
        """Replace the file in one step."""
        space = {name: asdict(one) for name, one in self.space.items()}
        trials = [asdict(trial) for trial in self.trials]
        write_json(self.path, {"format": _FORMAT, "plan": self.plan, "space": space, "trials": trials})


def check_space(plan: TuningPlan, space: Mapping[str, Range]) -> dict[str, Range]:
    """The space with whole-number fields marked. Raises TuningError naming the field that cannot be searched."""
    if not space:
        raise TuningError("space", "names no field to search")
    checked = {name: _checked(plan, name, one) for name, one in space.items()}
    return dict(sorted(checked.items()))  # the order decides the draws, so it does not hang on the caller's


def _checked(plan: TuningPlan, name: str, one: Range) -> Range:
    if name not in _WHOLE + _REAL:
        raise TuningError(name, f"cannot be searched; those that can are {', '.join(sorted(_WHOLE + _REAL))}")
    if not one.low <= one.high or (one.log and one.low <= 0):
        raise TuningError(name, f"the range {one.low:g} to {one.high:g} is empty, or not above 0 on a log scale")
    if name in _WHOLE and (one.low != int(one.low) or one.high != int(one.high)):
        raise TuningError(name, "takes whole numbers only")
    for end in (one.low, one.high):
        TuningPlan(**{**plan.to_json(), name: int(end) if name in _WHOLE else float(end)})  # raises for a bad value
    return Range(one.low, one.high, one.log, whole=name in _WHOLE)


def open_study(out: Path, plan: TuningPlan, space: Mapping[str, Range], *, resume: bool) -> Study:
    """The study in `out`, new or taken up. Raises TuningError where the folder holds another one, or an unread one."""
    path = out / STUDY
    fresh = Study(path, plan.to_json(), space)
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        fresh.write()
        return fresh
    if not resume:
        raise TuningError("out", f"{out} holds a search already; resume it, or choose another folder")
    kept = _read(path)
    for name in ("plan", "space"):
        if getattr(kept, name) != getattr(fresh, name):
            raise TuningError("out", f"{out} holds a search over another {name}")
    return kept


def _read(path: Path) -> Study:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        trials = [_trial(one) for one in data["trials"]]
        space = {name: Range(**one) for name, one in data["space"].items()}
        return Study(path, data["plan"], space, trials)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TuningError("out", f"{path} is not the record of a search: {error}") from error


def _trial(data: Mapping[str, Any]) -> Trial:
    known = {one.name: data[one.name] for one in fields(Trial)}
    return Trial(**{**known, "losses": {int(step): float(loss) for step, loss in data["losses"].items()}})
