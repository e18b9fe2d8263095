"""A method put onto an opened base: PEFT's adapters, or our bottleneck; and the same put back from a folder.

Peculiar: modules that the base had no weights for (a new head, BERT's pooler) are trained and saved whole beside any
adapter, else they would be drawn anew at the next load. An adapter is refused, naming both sides, where it was made for
another base.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import peft
import torch
from peft.tuners.cartridge.utils import initialize_kv_prefix_from_past_key_values
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from models_ml.nn.artifacts import ModelFolderError
from models_ml.nn.tuning.bases import Base, Opened
from models_ml.nn.tuning.methods import Settings, settings_of
from models_ml.nn.tuning.plan import GENERATING, VIRTUAL, TuningError, TuningPlan

HEADS = ("classifier", "score")  # what PEFT saves by itself for a classifier
_GENERIC = ("dense", "c_proj", "c_attn", "c_fc", "proj", "fc")  # names that several kinds of layers bear
_FEED_FORWARD = re.compile(
    r"mlp|ffn|feed_forward|intermediate|(down|up|gate)_proj|fc[12]|dense_h_to_4h|dense_4h_to_h|\bw[io123]\b"
)
_ADALORA_WARM, _ADALORA_LAST = 0.1, 0.3  # shares of the run before the rank falls and after, as in arXiv 2303.10512
_ADALORA_PENALTY = 0.1
_ADALORA_START = 1.5  # times the last rank


def apply_method(
    opened: Opened, plan: TuningPlan, *, base: Base, steps: int, sample: Sequence[int] = ()
) -> PreTrainedModel | peft.PeftModel:
    """The model with the plan's method in place and only its parameters trainable, drawn from the plan's seed.

    `steps` is the length of the run (AdaLoRA's schedule), `sample` ids of real text (where a prefix starts). Raises
    TuningError: a target that does not exist, a method that the model cannot have.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        if plan.method == "full":
            return opened.model
        if plan.method == "bottleneck":
            return _bottleneck(opened, plan, base)
        _check_virtual(opened, plan)
        try:
            return _peft(opened, plan, base, steps, sample)
        except TuningError:
            raise
        except (ValueError, NotImplementedError, AttributeError, KeyError) as error:
            raise TuningError("method", f"{plan.method} cannot be put onto {base.name}: {error}") from error


def _bottleneck(opened: Opened, plan: TuningPlan, base: Base) -> PreTrainedModel:
    from models_ml.nn.tuning.bottleneck import add_bottleneck  # noqa: PLC0415 - it imports much that others need not

    try:
        return add_bottleneck(opened.model, plan, modules_to_save=opened.fresh)
    except (ModelFolderError, ValueError) as error:
        raise TuningError("method", f"bottleneck cannot be put onto {base.name}: {error}") from error


def _check_virtual(opened: Opened, plan: TuningPlan) -> None:
    odd = [name for name in opened.fresh if name not in HEADS]
    if plan.method in VIRTUAL and odd:
        raise TuningError("method", f"{plan.method} cannot save {', '.join(odd)}, which the base lacks; use lora")


def _peft(opened: Opened, plan: TuningPlan, base: Base, steps: int, sample: Sequence[int]) -> peft.PeftModel:
    config = _config(opened, plan, settings_of(plan), steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by a name on its way out
        model: peft.PeftModel = peft.get_peft_model(opened.model, config)
    config.base_model_name_or_path, config.revision = base.name, base.revision
    if plan.method == "prefix" and plan.objective in GENERATING and sample:
        _start_prefix(model, config, sample)
    return model


def _config(opened: Opened, plan: TuningPlan, settings: Settings, steps: int) -> Any:
    task = _task_type(plan)
    if plan.method == "prefix":
        return peft.PrefixTuningConfig(
            task_type=task, num_virtual_tokens=settings.virtual_tokens or 1, init_weights="zero"
        )
    if plan.method == "prompt":
        sampled = peft.PromptTuningInit.SAMPLE_VOCAB
        return peft.PromptTuningConfig(
            task_type=task, num_virtual_tokens=settings.virtual_tokens or 1, prompt_tuning_init=sampled
        )
    targets = targets_of(opened, plan)
    common: dict[str, Any] = {
        "task_type": task,
        "target_modules": targets,
        "exclude_modules": _excluded(opened),
        "modules_to_save": list(opened.fresh) or None,
        "fan_in_fan_out": any(isinstance(module, Conv1D) for _, module in linears(opened.model)),
    }
    if plan.method == "ia3":
        return peft.IA3Config(**common, feedforward_modules=_feed_forward(opened, targets))
    common |= {"lora_alpha": settings.alpha, "lora_dropout": settings.dropout, "bias": "none"}
    if plan.method == "adalora":
        return peft.AdaLoraConfig(**common, **_adalora(settings, steps))
    return peft.LoraConfig(
        **common, r=settings.rank or 1, use_rslora=plan.rank_stabilised, use_dora=plan.method == "dora"
    )


def _task_type(plan: TuningPlan) -> Any:
    if plan.objective in GENERATING:
        return peft.TaskType.CAUSAL_LM
    return None if plan.objective == "masked" else peft.TaskType.SEQ_CLS


def _adalora(settings: Settings, steps: int) -> dict[str, Any]:
    rank = settings.rank or 1
    warm, last = round(_ADALORA_WARM * steps), round(_ADALORA_LAST * steps)
    return {
        "target_r": rank,
        "init_r": max(rank + 1, round(_ADALORA_START * rank)),
        "tinit": warm,
        "tfinal": last,
        "deltaT": max(1, (steps - warm - last) // 50),
        "total_step": max(steps, warm + last + 1),
        "orth_reg_weight": _ADALORA_PENALTY,
    }


def output_layer(model: PreTrainedModel) -> nn.Module | None:
    """The layer that turns hidden states into logits over the vocabulary; None where the model has none."""
    found: nn.Module | None = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return found


def linears(model: PreTrainedModel) -> list[tuple[str, nn.Module]]:
    """The linear layers of a model by name, without its output layer."""
    output = output_layer(model)
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and module is not output
    ]


def target_names(names: Iterable[str]) -> list[str]:
    """The short names by which layers are targeted: the last part, or the last two where that is generic."""
    found = set()
    for name in names:
        parts = name.split(".")
        found.add(".".join(parts[-2:]) if parts[-1] in _GENERIC else parts[-1])
    return sorted(found)


def targets_of(opened: Opened, plan: TuningPlan) -> list[str]:
    """The short names of the layers to adapt. Raises TuningError listing those present where one does not exist."""
    heads = (*opened.fresh, *HEADS) if plan.objective in ("classify", "score_pairs") else opened.fresh
    full = [name for name, _ in linears(opened.model) if not _within(name, heads)]
    present = target_names(full)
    if plan.target_modules is None:
        return present
    for wanted in plan.target_modules:
        if not any(name == wanted or name.endswith(f".{wanted}") for name in full):
            raise TuningError("target_modules", f"there is no {wanted!r}; present are {', '.join(present)}")
    return sorted(plan.target_modules)


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in modules)


def _excluded(opened: Opened) -> list[str] | None:
    """Layers of modules that are trained whole, and the output layer: their short names may match a target."""
    output = output_layer(opened.model)
    found = [
        name
        for name, module in opened.model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and (module is output or _within(name, opened.fresh))
    ]
    return found or None


def _feed_forward(opened: Opened, targets: Sequence[str]) -> list[str]:
    names = [name for name, _ in linears(opened.model)]

    def feeds(target: str) -> bool:
        matching = [name for name in names if name == target or name.endswith(f".{target}")]
        return any(_FEED_FORWARD.search(name) for name in matching) or target == "output.dense"

    return [target for target in targets if feeds(target)]


def _start_prefix(model: peft.PeftModel, config: Any, sample: Sequence[int]) -> None:
    """Start from the keys and values of real text: far better than from noise (see `methods.py`)."""
    count = int(config.num_virtual_tokens)
    ids = (list(sample) * (count // max(1, len(sample)) + 1))[:count]
    with torch.no_grad(), model.disable_adapter():
        found = model(input_ids=torch.tensor([ids]), use_cache=True).past_key_values
    initialize_kv_prefix_from_past_key_values(model, past_key_values=found)


def read_adapter(model: PreTrainedModel, folder: Path) -> peft.PeftModel:
    """A PEFT adapter on its base, without the warnings that PEFT gives about itself (AdaLoRA's ranks, a new name)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.filterwarnings("ignore", message="The following rank_pattern keys", category=RuntimeWarning)
        return peft.PeftModel.from_pretrained(model, str(folder), is_trainable=False)


def open_adapter(opened: Opened, base: Base, folder: Path) -> PreTrainedModel | peft.PeftModel:
    """The adapter of a folder on its base, ready to use. Raises TuningError naming both where they do not belong."""
    from models_ml.nn.tuning.bottleneck import is_bottleneck, load_bottleneck  # noqa: PLC0415

    try:
        if is_bottleneck(folder):
            return load_bottleneck(opened.model, folder)
        return read_adapter(opened.model, folder)
    except (RuntimeError, ValueError, ModelFolderError, OSError) as error:
        made_for = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        named = made_for.get("base_model_name_or_path")
        raise TuningError("base", f"the adapter {folder} was made for {named} and does not fit {base.name}") from error
