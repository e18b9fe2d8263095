"""The result of a run: a loadable model folder with a hashed record, and such a folder opened again.

Peculiar: the folder is written beside the checkpoints, moved into place file by file, and its record goes last, so that
a folder with a record is whole. Weights are safetensors; the record names base, data, code and libraries by hash or
version.
"""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import peft
from transformers import PreTrainedTokenizerBase

from models_ml.nn.artifacts import (
    RECORD,
    ModelFolderError,
    file_hashes,
    model_hash,
    read_record,
    verified_hash,
    write_json,
)
from models_ml.nn.tuning import checkpoints
from models_ml.nn.tuning.adapters import open_adapter
from models_ml.nn.tuning.bases import Base, find_base, open_model, open_tokenizer
from models_ml.nn.tuning.methods import settings_of
from models_ml.nn.tuning.plan import TuningError, TuningPlan, TuningResult

_LIBRARIES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors")
_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Origin:
    """Where a result comes from."""

    base: Base
    dataset_hash: str
    dataset_rows: Mapping[str, int]
    labels: tuple[str, ...]


def save_result(
    model: Any, tokenizer: PreTrainedTokenizerBase, out: Path, *, plan: TuningPlan, origin: Origin, result: TuningResult
) -> TuningResult:
    """Write the model of a finished run into `out`; the result is returned with the hashes of its files.

    Raises TrainingFailed where the disk is full, the checkpoints then being untouched.
    """
    draft = out / "work" / "result"
    shutil.rmtree(draft, ignore_errors=True)
    checkpoints.check_space(out, _bytes(model, plan))
    draft.mkdir(parents=True)
    with checkpoints.guarded(draft):
        _write_model(model, draft, plan)
        tokenizer.save_pretrained(str(draft))
    for path in sorted(draft.iterdir()):
        path.replace(out / path.name)
    whole = TuningResult(**{**asdict(result), "files": file_hashes(out), "notes": result.notes})
    write_json(out / RECORD, record_of(plan, origin, whole, parameters=_parameters(model)))
    return whole


def _bytes(model: Any, plan: TuningPlan) -> int:
    parameters = model.parameters() if plan.method == "full" else checkpoints.trainable(model).values()
    return sum(parameter.numel() * parameter.element_size() for parameter in parameters)


def _write_model(model: Any, folder: Path, plan: TuningPlan) -> None:
    if plan.method == "bottleneck":
        from models_ml.nn.tuning.bottleneck import save_bottleneck  # noqa: PLC0415 - needed for one method only

        save_bottleneck(model, folder)
    elif isinstance(model, peft.PeftModel):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Adapter .* have invalid shape")  # AdaLoRA takes some ranks to 0
            model.save_pretrained(str(folder), save_embedding_layers=False)  # "auto" would ask the hub
        (folder / "README.md").unlink(missing_ok=True)
    else:
        model.save_pretrained(str(folder))


def _parameters(model: Any) -> dict[str, int]:
    count = {"trained": sum(one.numel() for one in checkpoints.trainable(model).values())}
    return {**count, "all": sum(parameter.numel() for parameter in model.parameters())}


def record_of(
    plan: TuningPlan, origin: Origin, result: TuningResult, *, parameters: Mapping[str, int]
) -> dict[str, Any]:
    """The training record: plan, base, data, code, libraries, figures, and the hash of each file."""
    return {
        "kind": "tuning",
        "objective": plan.objective,
        "method": plan.method,
        "plan": plan.to_json(),
        "settings": asdict(settings_of(plan)),
        "base": {"name": origin.base.name, "hash": origin.base.hash, "revision": origin.base.revision},
        "dataset": {"hash": origin.dataset_hash, "rows": dict(origin.dataset_rows)},
        "labels": list(origin.labels),
        "code": code_version(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "parameters": dict(parameters),
        "figures": {key: value for key, value in result.to_json().items() if key != "files"},
        "model_hash": model_hash(result.files),
        "files": result.files,
    }


@cache
def code_version() -> str:
    """The commit that this code is, "-dirty" where files were changed since; else the package's version.

    Asked once a process: what is loaded does not change afterwards.
    """
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--tags"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    try:
        return metadata.version("copylift")
    except metadata.PackageNotFoundError:
        return "unknown"


def finished(out: Path) -> TuningResult | None:
    """The result recorded in `out`, None where no run has ended there. Raises TuningError for changed files."""
    try:
        record = read_record(out)
        if record is None or record.get("kind") != "tuning":
            return None
        verified_hash(out)
    except ModelFolderError as error:
        raise TuningError("out", str(error)) from error
    return TuningResult.from_json({**record["figures"], "files": record["files"]})


@dataclass(frozen=True)
class Tuned:
    """A tuned model opened again, in evaluation mode on the CPU."""

    model: Any
    tokenizer: PreTrainedTokenizerBase
    plan: TuningPlan
    labels: tuple[str, ...]


def open_tuned(folder: Path) -> Tuned:
    """The model of a result folder with its head, base and adapter together. Raises TuningError with a sentence.

    The base is looked for where the adapter says it was, and refused where its files are others than those trained on.
    """
    if finished(folder) is None:
        raise TuningError("out", f"{folder} holds no finished fine-tuning")
    record = read_record(folder) or {}
    plan, labels = TuningPlan.from_json(record["plan"]), tuple(record["labels"])
    tokenizer = open_tokenizer(Base(str(folder), folder, ""))
    if plan.method == "full":
        base = Base(str(folder), folder, record["model_hash"])
        return Tuned(_whole(base, plan, tokenizer, labels), tokenizer, plan, labels)
    base = find_base(plan)
    if base.hash != record["base"]["hash"]:
        raise TuningError("base", f"{base.name} is not the base that {folder} was trained on: its files differ")
    opened = open_model(base, plan, tokenizer, labels=labels)
    model: Any = open_adapter(opened, base, folder)
    return Tuned(model.eval(), tokenizer, plan, labels)


def _whole(base: Base, plan: TuningPlan, tokenizer: PreTrainedTokenizerBase, labels: Sequence[str]) -> Any:
    opened = open_model(base, plan, tokenizer, labels=labels)
    if opened.fresh:
        raise TuningError("base", f"{base.name} lacks weights for {', '.join(opened.fresh)}")
    model: Any = opened.model
    return model.eval()
