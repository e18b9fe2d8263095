"""The base of a run: found (folder, cache or hub), checked, and opened with the head that the objective needs.

Peculiar: a hub id is looked for in the local cache first, and the hub is asked only after one short connection attempt,
so that a machine without network answers in seconds. Weights are read from safetensors only and code from a repository
is never run.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import torch
import transformers
from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from models_ml.nn.artifacts import ModelFolderError, verified_hash
from models_ml.nn.tuning.methods import settings_of
from models_ml.nn.tuning.plan import GENERATING, TuningError, TuningPlan

_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.model", "*.txt"]
_REACH_SECONDS = 3.0
_LEAST_CONTEXT = 8


@dataclass(frozen=True)
class Base:
    """Where a base lies and what it is: `name` as the adapter records it, `hash` of its files (hub: its commit)."""

    name: str
    folder: Path
    hash: str
    revision: str | None = None


@dataclass(frozen=True)
class Opened:
    """A model and the names of its modules that the folder had no weights for: to be trained and saved whole."""

    model: PreTrainedModel
    fresh: tuple[str, ...]


def find_base(plan: TuningPlan) -> Base:
    """The base's folder. Raises TuningError("base", …) with a sentence, within seconds where there is no network."""
    folder = Path(plan.base).expanduser()
    if folder.is_dir():
        if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
            raise TuningError("base", f"{plan.base} is an adapter; name the model that it was made for, or merge it")
        try:
            return Base(str(folder.resolve()), folder, verified_hash(folder))
        except ModelFolderError as error:
            raise TuningError("base", str(error)) from error
    if _looks_like_path(plan.base):
        raise TuningError("base", f"there is no folder {plan.base}")
    return _from_hub(plan)


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name


def _from_hub(plan: TuningPlan) -> Base:
    found = _download(plan, local=True)
    if found is None:
        if not hub_reachable():
            raise TuningError("base", f"{plan.base} is no folder here, is not cached, and the hub cannot be reached")
        found = _download(plan, local=False)
    if found is None:
        raise TuningError("base", f"{plan.base} is no folder here and no model on the hub that may be read")
    return Base(plan.base, found, found.name, plan.revision)


def _download(plan: TuningPlan, *, local: bool) -> Path | None:
    try:
        return Path(snapshot_download(plan.base, revision=plan.revision, allow_patterns=_FILES, local_files_only=local))
    except (OSError, HfHubHTTPError, httpx.HTTPError):  # not cached, not there, not allowed, or gone on the way
        return None
    except ValueError as error:  # not even the form of an id
        raise TuningError("base", f"{plan.base!r} is neither a folder nor a hub id: {error}") from error


def hub_reachable() -> bool:
    """Whether the hub answers a connection within a few seconds; never where the environment says offline."""
    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    address = urlsplit(constants.ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=_REACH_SECONDS):
            return True
    except OSError:
        return False


def open_tokenizer(base: Base) -> PreTrainedTokenizerBase:
    """The base's tokenizer, with a padding token. Raises TuningError("base", …) where there is none."""
    if not any((base.folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        raise TuningError("base", f"{base.name} has no tokenizer (neither tokenizer.json nor tokenizer_config.json)")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(base.folder), trust_remote_code=False)
    except Exception as error:  # tokenizers raises bare ones for broken files
        raise TuningError("base", f"the tokenizer of {base.name} cannot be loaded: {_first_line(error)}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        raise TuningError("base", f"the tokenizer of {base.name} has neither a padding nor an end token")
    return tokenizer


def open_model(
    base: Base,
    plan: TuningPlan,
    tokenizer: PreTrainedTokenizerBase,
    *,
    labels: Sequence[str] = (),
    dtype: torch.dtype = torch.float32,
) -> Opened:
    """The base with the head of the objective, on the CPU; what it lacks (a head) is drawn from the plan's seed.

    Raises TuningError: foreign or corrupt weights, an architecture that has no such head, a vocabulary smaller than the
    tokenizer's, a context shorter than `max_length`.
    """
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    config = _config(base, plan, labels)
    _check_fits(base, plan, tokenizer, config)
    loader = _loader(plan.objective)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        try:
            model, info = loader.from_pretrained(
                str(base.folder),
                config=config,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=dtype,
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise TuningError("base", f"{base.name} cannot be loaded: {_first_line(error)}") from error
    rows = int(model.get_input_embeddings().num_embeddings)
    if rows < len(tokenizer):
        raise TuningError(
            "base", f"its tokenizer and weights disagree: {len(tokenizer)} tokens, embeddings for {rows} ({base.name})"
        )
    return Opened(model, _fresh_modules(model, sorted(info["missing_keys"])))


def _fresh_modules(model: PreTrainedModel, missing: Sequence[str]) -> tuple[str, ...]:
    """The modules that hold parameters the folder lacks: a head by its first name, others by their full one."""
    inner = f"{model.base_model_prefix}."
    heads = {key.partition(".")[0] for key in missing if not key.startswith(inner)}
    return tuple(sorted(heads | {key.rpartition(".")[0] for key in missing if key.startswith(inner)}))


def _loader(objective: str) -> Any:
    if objective in GENERATING:
        return AutoModelForCausalLM
    return AutoModelForMaskedLM if objective == "masked" else AutoModelForSequenceClassification


def _config(base: Base, plan: TuningPlan, labels: Sequence[str]) -> Any:
    try:
        config = AutoConfig.from_pretrained(str(base.folder), trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise TuningError("base", f"the configuration of {base.name} cannot be read: {_first_line(error)}") from error
    if plan.objective == "classify":
        config.num_labels = len(labels)
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
        config.problem_type = "single_label_classification"
    elif plan.objective == "score_pairs":
        config.num_labels = 1
        config.id2label, config.label2id = {0: "score"}, {"score": 0}
    return config


def _check_fits(base: Base, plan: TuningPlan, tokenizer: PreTrainedTokenizerBase, config: Any) -> None:
    known: Mapping[Any, Any] = _loader(plan.objective)._model_mapping  # noqa: SLF001 - there is no public list
    if type(config) not in known:
        raise TuningError(
            "objective",
            f"{plan.objective} cannot be had from {base.name}: a {config.model_type} model has no such head",
        )
    context = context_of(config)
    virtual = settings_of(plan).virtual_tokens or 0
    if plan.max_length + virtual > context:
        with_virtual = f" and {virtual} virtual tokens" if virtual else ""
        raise TuningError(
            "max_length", f"{plan.max_length}{with_virtual}: {base.name} reads at most {context} tokens at once"
        )
    if plan.objective in ("classify", "score_pairs") and config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id  # causal models find the last real token by it
    if plan.objective == "masked" and tokenizer.mask_token_id is None:
        raise TuningError("objective", f"masked needs a tokenizer with a mask token; that of {base.name} has none")


def context_of(config: Any) -> int:
    """Tokens that the model can read. RoBERTa's kin give the first two positions away."""
    found = int(getattr(config, "max_position_embeddings", 0) or getattr(config, "n_positions", 0) or 2**31)
    offset = 2 if "roberta" in str(config.model_type) or config.model_type == "camembert" else 0
    return max(_LEAST_CONTEXT, found - offset)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
