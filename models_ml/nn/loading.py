"""Loads any causal language model by hub id or folder, safely and with sentences for errors.

Weights are read from safetensors only, never from pickles; code from a repository is never run. A folder with a
training record is checked against its hashes first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from models_ml.nn.artifacts import ModelFolderError, verified_hash

SHIPPED = Path(__file__).resolve().parent.parent / "starter"


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to generate. `hash` is over the folder's files, or the hub's commit; "" when unknown."""

    id: str
    hash: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    has_chat_template: bool

    @property
    def context(self) -> int:
        """Tokens that prompt and answer together may take."""
        return int(getattr(self.model.config, "max_position_embeddings", 0) or 2048)


def set_threads(count: int | None = None) -> int:
    """Set torch's threads for this process on purpose: `count`, else OMP_NUM_THREADS, else 1. Returns the number.

    One is the default, because two workers that each spin on all cores are several times slower than two on one each.
    """
    wanted = count if count is not None else int(os.environ.get("OMP_NUM_THREADS") or 1)
    if wanted < 1:
        raise ValueError("the number of threads must be at least 1")
    torch.set_num_threads(wanted)
    return wanted


def load(model: str | Path = SHIPPED) -> LoadedModel:
    """The model named by a folder or a hub id, on the GPU if there is one.

    Raises ModelFolderError with a sentence: no such folder, no tokenizer, foreign, corrupt or changed weights, hub out
    of reach.
    """
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    name = str(model)
    folder = Path(model)
    is_folder = folder.is_dir()
    if not is_folder and (isinstance(model, Path) or _looks_like_path(name)):
        raise ModelFolderError(f"there is no model folder {name}")
    content_hash = _check_folder(folder) if is_folder else ""
    tokenizer = _tokenizer(name)
    network = _network(name)
    return LoadedModel(
        id=folder.name if is_folder else name,
        hash=content_hash or str(getattr(network.config, "_commit_hash", "") or ""),
        model=network,
        tokenizer=tokenizer,
        has_chat_template=bool(tokenizer.chat_template),
    )


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name


def _check_folder(folder: Path) -> str:
    if not (folder / "config.json").is_file():
        raise ModelFolderError(f"{folder} holds no config.json, so it is no model folder")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelFolderError(f"{folder} holds no safetensors weights; other formats are not read")
    for path in weights:
        try:
            with safe_open(str(path), framework="pt") as opened:
                list(opened.keys())
        except (SafetensorError, OSError) as error:
            raise ModelFolderError(f"{path} is not a readable safetensors file: {error}") from error
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")):
        raise ModelFolderError(f"{folder} holds no tokenizer")
    return verified_hash(folder)


def _tokenizer(name: str) -> PreTrainedTokenizerBase:
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False, padding_side="left")
    except (OSError, ValueError, KeyError) as error:
        raise ModelFolderError(_sentence(name, "its tokenizer cannot be loaded", error)) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        raise ModelFolderError(f"{name}: its tokenizer has neither a padding nor an end token")
    return tokenizer


def _network(name: str) -> PreTrainedModel:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        network = AutoModelForCausalLM.from_pretrained(
            name,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.bfloat16 if device == "cuda" else torch.float32,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelFolderError(_sentence(name, "it cannot be loaded", error)) from error
    moved: Any = network  # transformers wraps `to` in a way that the types do not follow
    return cast("PreTrainedModel", moved.to(device).eval())


def _sentence(name: str, what: str, error: Exception) -> str:
    if isinstance(error, OSError) and not Path(name).is_dir():
        return (
            f"{name}: {what}. It is no folder here, and it could not be had from the Hugging Face hub: "
            "no such model, no safetensors in it, no right to read it, or no network."
        )
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return f"{name}: {what}: {first}"
