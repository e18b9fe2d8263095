"""The recipe of the starter model: grammar, tokenizer, pre-training, tuning, polishing, a folder to ship.

Everything follows from preset, seed and step counts, which the folder's training.json records. A time budget is turned
into step counts once, by timing a few steps, and written down before training starts: a resumed run keeps them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models_ml.nn.architecture import PRESETS, Preset, build, parameter_count
from models_ml.nn.artifacts import RECORD, file_hashes, write_json
from models_ml.nn.grammar.corpus import examples
from models_ml.nn.progress import OnProgress, ShouldStop, never, silent
from models_ml.nn.stages import PRETRAIN_SHARE, STAGES, Stage, seconds_a_step, stage_data, stage_settings
from models_ml.nn.tokenizer import train_tokenizer
from models_ml.nn.training import StageResult, train_stage

RECIPE = 2  # raised whenever the same preset, seed and steps would give another model
_TOKENIZER_EXAMPLES = 12_000
_TOKENIZER_SHARE = 0.02  # of all progress


class StarterError(Exception):
    """The recipe cannot run as asked; says why."""


@dataclass(frozen=True)
class Plan:
    """What a run is, written to its work folder before it starts."""

    preset: str
    seed: int
    pretrain_steps: int
    tune_steps: int
    polish_steps: int = 0
    recipe: int = RECIPE

    def steps(self, stage: Stage) -> int:
        """Steps of a stage; 0 leaves it out."""
        return int(getattr(self, f"{stage}_steps"))

    def span(self, stage: Stage) -> tuple[float, float]:
        """Where in the progress of the whole a stage starts, and its share of it."""
        each = [self.steps(one) for one in STAGES]
        before, total = sum(each[: STAGES.index(stage)]), sum(each)
        share = (0.99 - _TOKENIZER_SHARE) / total
        return _TOKENIZER_SHARE + before * share, self.steps(stage) * share


@dataclass(frozen=True)
class _Run:
    """What stays the same through a run."""

    plan: Plan
    preset: Preset
    work: Path
    tokenizer: PreTrainedTokenizerFast
    on_progress: OnProgress
    should_stop: ShouldStop
    resume: bool


def train_starter(
    out: Path,
    *,
    preset: str = "cpu",
    seed: int = 1,
    minutes: float | None = None,
    steps: tuple[int, ...] | None = None,
    resume: bool = False,
    on_progress: OnProgress = silent,
    should_stop: ShouldStop = never,
) -> dict[str, Any]:
    """Train a starter model into `out` and return its record. About `minutes` long, or exactly `steps` of each stage.

    Raises StarterError (unknown preset, folder in use), Cancelled (a checkpoint is left; `resume` takes it up) and
    TrainingFailed.
    """
    if preset not in PRESETS:
        raise StarterError(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    _claim(out, resume=resume)
    on_progress(0.0, "tokenizer", "writing texts and learning the tokenizer", {})
    tokenizer = _tokenizer(PRESETS[preset], seed)
    plan = _plan(out / "work", preset, seed, tokenizer, minutes=minutes, steps=steps)
    run = _Run(plan, PRESETS[preset], out / "work", tokenizer, on_progress, should_stop, resume)
    model = build(run.preset, tokenizer, seed=seed)
    stages = {stage: _run_stage(run, model, stage) for stage in STAGES if plan.steps(stage)}
    record = _record(run, model, stages)
    _save(out, model, tokenizer, record)
    on_progress(1.0, "saved", f"saved to {out}", {})
    return record


def _claim(out: Path, *, resume: bool) -> None:
    if out.exists() and not out.is_dir():
        raise StarterError(f"{out} is not a folder")
    if (out / RECORD).exists():
        raise StarterError(f"{out} already holds a finished model; choose another folder, or remove it first")
    unfinished = (out / "work").is_dir()
    if unfinished and not resume:
        raise StarterError(f"{out} holds an unfinished training; go on with --resume, or remove the folder")
    if out.is_dir() and not unfinished and any(out.iterdir()):
        raise StarterError(f"{out} is not empty; choose another folder")
    (out / "work").mkdir(parents=True, exist_ok=True)


def _tokenizer(preset: Preset, seed: int) -> PreTrainedTokenizerFast:
    count = 300 if preset.name == "tiny" else _TOKENIZER_EXAMPLES
    texts = (message["content"].split("\n\n")[0] for item in examples(count, seed) for message in item.chat()[1:])
    return train_tokenizer(texts, vocabulary=preset.vocabulary, context=preset.context)


def _plan(
    work: Path,
    preset: str,
    seed: int,
    tokenizer: PreTrainedTokenizerFast,
    *,
    minutes: float | None,
    steps: tuple[int, ...] | None,
) -> Plan:
    """The plan on disk, if there is one for this preset and seed; else a new one, written down."""
    path = work / "plan.json"
    if path.is_file():
        plan = Plan(**json.loads(path.read_text(encoding="utf-8")))
        if (plan.preset, plan.seed, plan.recipe) != (preset, seed, RECIPE):
            raise StarterError(f"{work.parent} holds a training of another preset or seed ({plan.preset}, {plan.seed})")
        return plan
    plan = Plan(preset, seed, *(steps or _steps(PRESETS[preset], minutes, tokenizer)))
    write_json(path, asdict(plan))
    return plan


def _steps(preset: Preset, minutes: float | None, tokenizer: PreTrainedTokenizerFast) -> tuple[int, ...]:
    """Steps of the stages: the preset's own, or as many as fit into `minutes` here, the last two in its ratio."""
    if minutes is None:
        return preset.pretrain_steps, preset.tune_steps, preset.polish_steps
    pretrain = minutes * 60 * PRETRAIN_SHARE / seconds_a_step("pretrain", preset, tokenizer)
    tune = minutes * 60 * (1 - PRETRAIN_SHARE) / seconds_a_step("tune", preset, tokenizer)
    polish = int(tune * preset.polish_steps / (preset.tune_steps + preset.polish_steps))
    return max(2, int(pretrain)), max(2, int(tune) - polish), polish


def _run_stage(run: _Run, model: PreTrainedModel, stage: Stage) -> dict[str, Any]:
    """Train one stage, or take its finished weights up. Returns what the record says of it."""
    done = run.work / f"{stage}.json"
    weights = run.work / f"{stage}.safetensors"
    if done.is_file():
        model.load_state_dict(_load_weights(weights), strict=False)
        model.tie_weights()
        return dict(json.loads(done.read_text(encoding="utf-8")))
    if stage == "polish":
        _round_as_shipped(model)
    steps, seed = run.plan.steps(stage), run.plan.seed
    data = stage_data(stage, run.preset, run.tokenizer, steps=steps, seed=seed)
    steps = min(steps, len(data.rows) // stage_settings(stage, run.preset, steps=steps, seed=seed).batch_size)
    result = train_stage(
        model,
        data.rows,
        stage_settings(stage, run.preset, steps=steps, seed=seed),
        run.work / stage,
        pad=int(run.tokenizer.pad_token_id),
        on_progress=_scaled(run.on_progress, run.plan.span(stage)),
        should_stop=run.should_stop,
        resume=run.resume,
    )
    summary = _summary(result, data.hash, data.texts)
    _save_weights(weights, model)
    write_json(done, summary)
    return summary


def _round_as_shipped(model: PreTrainedModel) -> None:
    """Weights as a shipped folder would give them back, so that a tuned model can be polished later all the same."""
    own: Any = model  # transformers wraps `half` and `float` in a way that the types do not follow
    own.half().float()


def _scaled(on_progress: OnProgress, span: tuple[float, float]) -> OnProgress:
    """Progress of a stage as progress of the whole."""
    start, share = span

    def report(fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        on_progress(start + share * fraction, stage, message, metrics)

    return report


def _summary(result: StageResult, data_hash: str, texts: int) -> dict[str, Any]:
    thinned = result.losses[:: max(1, len(result.losses) // 50)]
    return {**asdict(result), "losses": thinned, "texts": texts, "dataset_sha256": data_hash}


def _load_weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(str(path)))


def _save_weights(path: Path, model: PreTrainedModel) -> None:
    own = {name: value.detach().clone() for name, value in model.state_dict().items() if name != "lm_head.weight"}
    save_file(own, str(path))  # the head is tied to the embedding, which safetensors refuses to store twice


def _record(run: _Run, model: PreTrainedModel, stages: Mapping[Stage, dict[str, Any]]) -> dict[str, Any]:
    return {
        "recipe": RECIPE,
        "plan": asdict(run.plan),
        "architecture": asdict(run.preset),
        "parameters": parameter_count(model),
        "vocabulary": len(run.tokenizer),
        "stages": dict(stages),
        "seconds": round(sum(stage["seconds"] for stage in stages.values()), 1),
        "cpu_seconds": round(sum(stage.get("cpu_seconds", 0.0) for stage in stages.values()), 1),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _save(out: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, record: dict[str, Any]) -> None:
    """Write the model folder; the record last, since it is what says that the folder is whole."""
    model.half().save_pretrained(str(out))  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(str(out))
    (out / "model.safetensors").chmod(0o644)  # written private; a shipped file is for all to read
    record["files"] = file_hashes(out)
    write_json(out / RECORD, record)
    shutil.rmtree(out / "work")
