"""Loads any causal language model, or an adapter on one, by hub id or folder, safely and with sentences for errors.

Weights are read from safetensors only, never from pickles; code from a repository is never run. A folder with a
training record is checked against its hashes first. Adapters of one base share it in memory (`shelf`): `model` then
switches theirs on at each use, so two of them must not be used at the same time by two threads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from models_ml.nn.artifacts import ModelFolderError, read_record, verified_hash
from models_ml.nn.hub import hub_reachable

SHIPPED = Path(__file__).resolve().parent.parent / "starter"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
_CHAT_CONTEXT = 1024  # a model that holds fewer tokens has no room for examples beside a brief


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to generate. `hash` is over the folder's files, or the hub's commit; "" when unknown.

    Of an adapter, `id` and `hash` are its own, `base_id` and `base_hash` those of what it stands on (else ""), and
    `virtual_tokens` those it puts before each text; `equal_lengths` where no padding may come between these and the
    text (prompt tuning), so that only prompts of one length share a batch. `reads_examples` is false where the model's
    record says so, or where it holds too few tokens for them.
    """

    id: str
    hash: str
    network: Callable[[], PreTrainedModel]
    tokenizer: PreTrainedTokenizerBase
    has_chat_template: bool
    base_id: str = ""
    base_hash: str = ""
    virtual_tokens: int = 0
    equal_lengths: bool = False
    reads_examples: bool = True

    @property
    def model(self) -> PreTrainedModel:
        """The network, with this model's adapter switched on."""
        return self.network()

    @property
    def context(self) -> int:
        """Tokens that prompt and answer together may take."""
        return _context(self.model) - self.virtual_tokens


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
    """The model named by a folder or a hub id, on the GPU if there is one. A folder may hold an adapter on a base.

    Raises ModelFolderError with a sentence: no such folder, no tokenizer, pickled, foreign, corrupt or changed weights,
    weights of another architecture, a tokenizer of another model, an adapter of another base, hub out of reach.
    """
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if is_adapter(Path(model)):
        from models_ml.nn.shelf import load_adapter  # noqa: PLC0415 - brings PEFT, which a plain model does without

        return load_adapter(Path(model))
    name, content_hash = checked(model)
    offline = not Path(model).is_dir() and not hub_reachable()
    tokenizer, network = open_tokenizer(name, offline=offline), open_network(name, offline=offline)
    check_vocabulary(name, tokenizer, network)
    return LoadedModel(
        id=Path(model).name if content_hash else name,
        hash=content_hash or str(getattr(network.config, "_commit_hash", "") or ""),
        network=lambda: network,
        tokenizer=tokenizer,
        has_chat_template=bool(tokenizer.chat_template),
        reads_examples=reads_examples(Path(model), network),
    )


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no whole model."""
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file()


def checked(model: str | Path) -> tuple[str, str]:
    """The name to load by, and the content hash of a folder after its checks ("" for a hub id)."""
    name, folder = str(model), Path(model)
    if folder.is_dir():
        return name, _check_folder(folder)
    if isinstance(model, Path) or _looks_like_path(name):
        raise ModelFolderError(f"there is no model folder {name}")
    return name, ""


def reads_examples(folder: Path, network: PreTrainedModel) -> bool:
    """What the folder's record says under "reads_examples"; without a word, whether there is room for examples."""
    record = read_record(folder) if folder.is_dir() else None
    said = (record or {}).get("reads_examples")
    return said if isinstance(said, bool) else _context(network) >= _CHAT_CONTEXT


def _context(network: PreTrainedModel) -> int:
    return int(getattr(network.config, "max_position_embeddings", 0) or 2048)


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name


def _check_folder(folder: Path) -> str:
    if not (folder / "config.json").is_file():
        raise ModelFolderError(f"{folder} holds no config.json, so it is no model folder")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelFolderError(f"{folder} holds no safetensors weights{pickled(folder)}; other formats are not read")
    for path in weights:
        tensor_names(path)
    _check_shards(folder)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise ModelFolderError(f"{folder} holds no tokenizer")
    return verified_hash(folder)


def _check_shards(folder: Path) -> None:
    for index in sorted(folder.glob("*.safetensors.index.json")):
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelFolderError(f"{index} does not list the model's files") from error
        if lacking := sorted(shard for shard in shards if not (folder / str(shard)).is_file()):
            raise ModelFolderError(f"{folder / lacking[0]} is missing, though {index.name} lists it")


def pickled(folder: Path) -> str:
    """A half sentence that names a pickled file in the folder; "" where there is none."""
    found = next((path.name for path in sorted(folder.iterdir()) if path.suffix in PICKLES), None)
    return f", only {found}, a pickle, which could run code and is never opened" if found else ""


def tensor_names(path: Path) -> set[str]:
    """The names of the tensors in a safetensors file. Raises ModelFolderError where it is none."""
    try:
        with safe_open(str(path), framework="pt") as opened:
            return set(opened.keys())
    except (SafetensorError, OSError) as error:
        raise ModelFolderError(f"{path} is not a readable safetensors file: {error}") from error


def open_tokenizer(name: str, *, offline: bool = False) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder or hub id, padding on the left. Raises ModelFolderError."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            name, trust_remote_code=False, padding_side="left", local_files_only=offline
        )
    except Exception as error:  # tokenizers raises bare ones for broken files
        raise ModelFolderError(_sentence(name, "its tokenizer cannot be loaded", error)) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        raise ModelFolderError(f"{name}: its tokenizer has neither a padding nor an end token")
    return tokenizer


def open_network(name: str, *, offline: bool = False) -> PreTrainedModel:
    """The weights of a folder or hub id, whole, in evaluation mode, on the GPU if there is one.

    Raises ModelFolderError, also where the weights fill only a part of the architecture that config.json names: the
    library would make up the rest at random.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            name,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=offline,
            output_loading_info=True,
            dtype=torch.bfloat16 if device == "cuda" else torch.float32,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelFolderError(_sentence(name, "it cannot be loaded", error)) from error
    network, report = loaded  # a pair, which the types do not tell; they lose track of `to` as well
    if missing := sorted(report["missing_keys"]):
        raise ModelFolderError(
            f"{name}: its weights are not those of a {network.config.model_type} model that writes: "
            f"{len(missing)} tensors are missing, {missing[0]} for one"
        )
    return cast("PreTrainedModel", network.to(device).eval())


def check_vocabulary(name: str, tokenizer: PreTrainedTokenizerBase, network: PreTrainedModel) -> None:
    """Raises ModelFolderError where the tokenizer knows tokens for which the model has no embedding."""
    embeddings: Any = network.get_input_embeddings()
    rows, largest = int(embeddings.weight.shape[0]), max(tokenizer.get_vocab().values(), default=0)
    if largest >= rows:
        raise ModelFolderError(
            f"{name}: its tokenizer is of another model: it has token {largest}, the weights know {rows} tokens"
        )


def _sentence(name: str, what: str, error: Exception) -> str:
    if isinstance(error, OSError) and not Path(name).is_dir():
        return (
            f"{name}: {what}. It is no folder here, and it could not be had from the Hugging Face hub: "
            "no such model, no safetensors in it, no right to read it, or no network."
        )
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return f"{name}: {what}: {first}"
