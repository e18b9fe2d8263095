"""Checkpoints of a run: trainable weights, optimiser, schedule, random states. Safetensors and JSON, never a pickle.

Peculiar: everything that decides the next step is here, so that a resumed run ends with the weights of an uninterrupted
one, bit by bit on a CPU. A checkpoint is written as a draft and renamed when whole; the one before goes only then, and
a full disk therefore costs nothing but the new one.
"""

from __future__ import annotations

import errno
import json
import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from models_ml.nn.artifacts import write_json
from models_ml.nn.training import TrainingFailed

WEIGHTS, OPTIMISER, STATE = "weights.safetensors", "optimiser.safetensors", "state.json"
_PREFIX = "checkpoint-"
_SPARE = 16 * 2**20  # bytes left free beside what a checkpoint takes


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training changes, tied ones once."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def checkpoint_bytes(model: nn.Module) -> int:
    """About what a checkpoint takes: weights and two moments in single precision."""
    return sum(parameter.numel() for parameter in trainable(model).values()) * 4 * 3


def check_space(folder: Path, needed: int) -> None:
    """Raise TrainingFailed where the disk of `folder` has less than `needed` bytes to spare."""
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise TrainingFailed(
            f"the disk is too full to save: {free / 2**20:.0f} MB free, {needed / 2**20:.0f} MB needed"
        )


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint below `folder`; drafts do not count."""
    found = [path for path in folder.glob(f"{_PREFIX}*") if path.name.removeprefix(_PREFIX).isdigit()]
    return max(found, key=lambda path: int(path.name.removeprefix(_PREFIX)), default=None)


def draft_of(folder: Path, step: int) -> Path:
    """An empty folder to write the checkpoint of `step` into."""
    draft = folder / f"{_PREFIX}{step}.part"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    return draft


def publish(draft: Path) -> Path:
    """Let a whole draft take the place of all checkpoints before it."""
    final = draft.with_suffix("")
    shutil.rmtree(final, ignore_errors=True)
    draft.rename(final)
    for old in final.parent.glob(f"{_PREFIX}*"):
        if old != final:
            shutil.rmtree(old, ignore_errors=True)
    return final


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the trainable parameters."""
    save_file({name: value.detach().cpu().contiguous() for name, value in trainable(model).items()}, str(path))


def load_weights(model: nn.Module, path: Path) -> None:
    """Read the trainable parameters back, in place. Raises TrainingFailed where they are others."""
    own, read = trainable(model), load_file(str(path))
    differing = sorted(set(own) ^ set(read))
    if differing:
        raise TrainingFailed(f"{path} is of another run: {differing[0]} is in one of the two only")
    with torch.no_grad():
        for name, value in read.items():
            if own[name].shape != value.shape:
                own[name].data = torch.empty_like(value, device=own[name].device)
            own[name].copy_(value)


def save_optimiser(optimiser: torch.optim.Optimizer, path: Path) -> dict[str, Any]:
    """Write the tensors of an optimiser's state; what is left of it is returned and fit for JSON."""
    state, tensors, rest = optimiser.state_dict(), {}, {}
    for index, values in state["state"].items():
        for name, value in values.items():
            if torch.is_tensor(value):
                tensors[f"{index}/{name}"] = value.detach().cpu().contiguous()
            else:
                rest[f"{index}/{name}"] = value
    save_file(tensors, str(path))
    return {"rest": rest, "groups": state["param_groups"]}


def load_optimiser(optimiser: torch.optim.Optimizer, path: Path, left: Mapping[str, Any]) -> None:
    """The inverse of `save_optimiser`."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in {**load_file(str(path)), **left["rest"]}.items():
        index, _, name = key.partition("/")
        state.setdefault(int(index), {})[name] = value
    groups = [
        {name: tuple(value) if name == "betas" else value for name, value in group.items()} for group in left["groups"]
    ]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def random_state() -> dict[str, Any]:
    """The state of every generator that training may draw from, fit for JSON."""
    python, plain = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002 - libraries use the old one
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "python": [python[0], list(python[1]), python[2]],
        "numpy": {**plain, "state": {**plain["state"], "key": plain["state"]["key"].tolist()}},
        "torch": bytes(torch.get_rng_state().tolist()).hex(),
        "devices": [bytes(state.tolist()).hex() for state in devices],
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """The inverse of `random_state`. States of devices that are not here are passed over."""
    version, values, gauss = state["python"]
    random.setstate((version, tuple(values), gauss))
    plain = state["numpy"]
    key = np.asarray(plain["state"]["key"], dtype=np.uint32)
    np.random.set_state({**plain, "state": {**plain["state"], "key": key}})  # noqa: NPY002
    torch.set_rng_state(_bytes(state["torch"]))
    if torch.cuda.is_available():
        for device, held in enumerate(state["devices"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(_bytes(held), device)


def _bytes(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)


def save_allocator(model: nn.Module, path: Path) -> None:
    """Write AdaLoRA's running importances, without which its ranks would fall elsewhere. Nothing for other methods."""
    held = _allocator(model)
    if held is not None:
        parts = {"ipt": held.ipt, "average": held.exp_avg_ipt, "uncertainty": held.exp_avg_unc}
        flat = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        save_file({name: value.detach().cpu().contiguous() for name, value in flat.items()}, str(path))


def load_allocator(model: nn.Module, path: Path) -> None:
    """The inverse of `save_allocator`."""
    held = _allocator(model)
    if held is None or not path.is_file():
        return
    parts = {"ipt": held.ipt, "average": held.exp_avg_ipt, "uncertainty": held.exp_avg_unc}
    own = dict(model.named_parameters())
    for key, value in load_file(str(path)).items():
        part, _, name = key.partition("/")
        parts[part][name] = value.to(next(iter(own.values())).device)


def _allocator(model: nn.Module) -> Any:
    return getattr(getattr(model, "base_model", None), "rankallocator", None)


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The JSON part of a checkpoint."""
    found: dict[str, Any] = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    return found


def write_state(draft: Path, state: Mapping[str, Any]) -> None:
    """Write the JSON part of a checkpoint."""
    write_json(draft / STATE, state)


@contextmanager
def guarded(draft: Path) -> Iterator[None]:
    """Where writing within fails, remove the draft; a full disk is said as TrainingFailed. What is whole stays."""
    try:
        yield
    except Exception as error:
        remove(draft)
        if is_full(error):
            raise TrainingFailed(f"the disk is full: {error}; the checkpoint before is kept") from error
        raise


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk or a quota is full. Safetensors wraps the system's error in its own words."""
    code = getattr(error, "errno", None)
    return code in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error) or "os error 28" in str(error)


def read_json(path: Path) -> Any:
    """Parsed JSON of a file of ours."""
    return json.loads(path.read_text(encoding="utf-8"))


def remove(path: Path) -> None:
    """Remove a file or folder, whatever there is of it."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
