"""Adapters over one shared base: several are kept in memory, the base once, and one at a time is switched on.

Two kinds: those of PEFT (LoRA and its kin, IA3, prefix and prompt tuning) and our bottleneck adapters. A base stays
while some LoadedModel refers to it. Of PEFT's, the least recently used are dropped beyond a bound, and come back from
their folder, checked again, when next used; another type of adapter takes the earlier type off first, because PEFT
does not mix them. Bottleneck adapters are put in one at a time. Pickled adapters are never read.
"""

from __future__ import annotations

import json
import warnings
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any, cast
from weakref import WeakValueDictionary

from peft import PeftConfig, PeftModel, PeftModelForCausalLM
from safetensors import SafetensorError
from transformers import PreTrainedModel

from models_ml.nn import loading
from models_ml.nn.artifacts import ModelFolderError, read_record, verified_hash
from models_ml.nn.hub import hub_reachable

MOST_ADAPTERS = 4
# Initialisations that leave the base as it is. Others (PiSSA, OLoRA, CorDA, LoftQ ...) change its weights when put on.
_HARMLESS = (True, False, "gaussian", "orthogonal", "eva")
_bases: WeakValueDictionary[tuple[str, str], SharedBase] = WeakValueDictionary()


class SharedBase:
    """One network and what is put on it. Not safe for two threads at once."""

    def __init__(
        self, network: PreTrainedModel, identity: str, content_hash: str, *, most: int = MOST_ADAPTERS
    ) -> None:
        self.network, self.id, self.hash, self.most = network, identity, content_hash, most
        self.kept: OrderedDict[str, Path] = OrderedDict()  # PEFT's adapters by name, least recently used first
        self._peft: PeftModel | None = None
        self._bottleneck: str = ""

    def use(self, folder: Path, content_hash: str) -> PreTrainedModel:
        """The network with this adapter switched on. Raises ModelFolderError where the folder changed or is unfit."""
        name = f"copylift{content_hash[:16]}"
        if _is_bottleneck(folder):
            return self._use_bottleneck(folder, name, content_hash)
        self._take_bottleneck_off()
        if name not in self.kept:
            _check_unchanged(folder, content_hash)
            self._put_on(folder, name)
        self.kept.move_to_end(name)
        peft: Any = self._peft  # its methods are handed on by name, which the types do not follow
        if peft.active_adapter != name:
            peft.set_adapter(name)
        while len(self.kept) > self.most:
            oldest, _ = self.kept.popitem(last=False)
            peft.delete_adapter(oldest)
        return cast("PreTrainedModel", peft)

    def _put_on(self, folder: Path, name: str) -> None:
        config = adapter_config(folder)
        if self._peft is not None and self._peft.peft_type != config.peft_type:
            self._take_peft_off()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # PEFT's, about its own imports
                warnings.filterwarnings("ignore", message="The following rank_pattern keys", category=RuntimeWarning)
                if self._peft is None:
                    self._peft = PeftModelForCausalLM(self.network, config, adapter_name=name)
                result = self._peft.load_adapter(str(folder), adapter_name=name, torch_device=str(self.network.device))
        except (ValueError, RuntimeError, KeyError, OSError, SafetensorError) as error:
            self._take_peft_off()
            raise ModelFolderError(f"{folder}: it does not fit its base {self.id}: {_first_line(error)}") from error
        told_apart = (
            {"prompt_embeddings"} if config.is_prompt_learning else set()
        )  # loaded by themselves, then reported
        if foreign := sorted({*result.missing_keys, *result.unexpected_keys} - told_apart):
            self._take_peft_off()
            raise ModelFolderError(f"{folder}: it does not fit its base {self.id}: {foreign[0]} is in one of them only")
        self._peft.eval()
        self.kept[name] = folder

    def _take_peft_off(self) -> None:
        """The plain base again. Prompt-like adapters change nothing in it; the others are unloaded from its modules."""
        peft, self._peft = self._peft, None
        self.kept.clear()
        if peft is not None and hasattr(peft.base_model, "unload"):
            tuner: Any = peft.base_model
            self.network = tuner.unload()

    def _use_bottleneck(self, folder: Path, name: str, content_hash: str) -> PreTrainedModel:
        from models_ml.nn.tuning.bottleneck import load_bottleneck  # noqa: PLC0415

        if self._bottleneck != name:
            _check_unchanged(folder, content_hash)
            self._take_peft_off()
            self._take_bottleneck_off()
            load_bottleneck(self.network, folder, base_hash=self.hash)
            self._bottleneck = name
        return self.network

    def _take_bottleneck_off(self) -> None:
        if not self._bottleneck:
            return
        from models_ml.nn.tuning.bottleneck import Bottleneck  # noqa: PLC0415

        for module in list(self.network.modules()):
            hooks = module._forward_hooks  # noqa: SLF001 - torch has no other way to find a hook again
            for key in [key for key, hook in hooks.items() if isinstance(getattr(hook, "__self__", None), Bottleneck)]:
                del hooks[key]
            for child in [key for key, child in module.named_children() if isinstance(child, Bottleneck)]:
                delattr(module, child)
        del self.network.bottleneck_config
        self._bottleneck = ""


def load_adapter(folder: Path) -> loading.LoadedModel:
    """The adapter in `folder` on the base that its configuration names. Raises ModelFolderError with a sentence."""
    content_hash = _check_files(folder)
    base = _shared(folder)
    own = any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt"))
    tokenizer = loading.open_tokenizer(str(folder) if own else base.id, offline=not own and not Path(base.id).is_dir())
    base.use(folder, content_hash)
    loading.check_vocabulary(str(folder), tokenizer, base.network)
    return loading.LoadedModel(
        id=folder.name,
        hash=content_hash,
        network=partial(base.use, folder, content_hash),
        tokenizer=tokenizer,
        has_chat_template=bool(tokenizer.chat_template),
        base_id=Path(base.id).name if Path(base.id).is_dir() else base.id,
        base_hash=base.hash,
        virtual_tokens=_virtual_tokens(folder),
        equal_lengths=_config_data(folder).get("peft_type") in ("PROMPT_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING"),
        reads_examples=loading.reads_examples(folder, base.network)
        and loading.reads_examples(Path(base.id), base.network),
    )


def adapter_config(folder: Path) -> PeftConfig:
    """PEFT's configuration. Raises ModelFolderError for an unknown type, another task, or one that changes the base."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fields of a newer PEFT
            config: Any = PeftConfig.from_pretrained(str(folder))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFolderError(f"{folder / loading.ADAPTER_CONFIG} is not readable: {_first_line(error)}") from error
    task = str(getattr(config.task_type, "value", config.task_type) or "CAUSAL_LM")
    if task != "CAUSAL_LM":
        raise ModelFolderError(f"{folder} was tuned for {task}, so it does not write")
    if (start := getattr(config, "init_lora_weights", True)) not in _HARMLESS:
        raise ModelFolderError(f"{folder}: init_lora_weights is {start!r}, which changes the base; save it converted")
    if start == "eva":
        config.init_lora_weights = True
    config.inference_mode = True
    return cast("PeftConfig", config)


def _check_files(folder: Path) -> str:
    weights = folder / loading.ADAPTER_WEIGHTS
    if not weights.is_file():
        raise ModelFolderError(f"{folder} holds no {weights.name}{loading.pickled(folder)}; other formats are not read")
    loading.tensor_names(weights)
    return verified_hash(folder)


def _check_unchanged(folder: Path, content_hash: str) -> None:
    if not folder.is_dir() or _check_files(folder) != content_hash:
        raise ModelFolderError(f"{folder} was changed or removed since it was loaded")


def _shared(folder: Path) -> SharedBase:
    name = _base_name(folder)
    if loading.is_adapter(Path(name)):
        raise ModelFolderError(f"{folder}: its base {name} is itself an adapter; merge that one first")
    try:
        name, content_hash = loading.checked(name)
    except ModelFolderError as error:
        raise ModelFolderError(f"{folder}: its base cannot be used: {error}") from error
    _check_recorded(folder, name, content_hash)
    key = (name, content_hash)
    if (base := _bases.get(key)) is None:
        offline = not content_hash and not hub_reachable()
        network = loading.open_network(name, offline=offline)
        known = content_hash or str(getattr(network.config, "_commit_hash", "") or "")
        base = _bases[key] = SharedBase(network, name, known)
    return base


def _base_name(folder: Path) -> str:
    """The base as the adapter names it: a hub id, or a folder, where a relative one may lie beside the adapter."""
    try:
        named = json.loads((folder / loading.ADAPTER_CONFIG).read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFolderError(f"{folder / loading.ADAPTER_CONFIG} names no base_model_name_or_path") from error
    if not isinstance(named, str) or not named:
        raise ModelFolderError(f"{folder / loading.ADAPTER_CONFIG} names no base_model_name_or_path")
    beside = folder / named
    return str(beside.resolve()) if not Path(named).is_dir() and beside.is_dir() else named


def _check_recorded(folder: Path, name: str, content_hash: str) -> None:
    record = read_record(folder) or {}
    base = record.get("base")
    told = record.get("base_hash") or (base.get("hash") if isinstance(base, dict) else "")
    if content_hash and told and told != content_hash:
        raise ModelFolderError(
            f"{folder} was trained on {name} with hash {str(told)[:12]}, but this base has hash {content_hash[:12]}"
        )


def _is_bottleneck(folder: Path) -> bool:
    from models_ml.nn.tuning.bottleneck import is_bottleneck  # noqa: PLC0415

    return is_bottleneck(folder)


def _virtual_tokens(folder: Path) -> int:
    found = _config_data(folder).get("num_virtual_tokens")
    return found if isinstance(found, int) else 0


def _config_data(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / loading.ADAPTER_CONFIG).read_text(encoding="utf-8"))
    return data


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
