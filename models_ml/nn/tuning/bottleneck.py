"""Bottleneck adapters: a small two-layer network with a residual, put after sublayers of a frozen transformer.

    adapter(h) = h + up(dropout(activation(down(h)))),   down: hidden -> width, up: width -> hidden

Houlsby et al. 2019 (arXiv 1902.00751, section 2.1) place one after the attention's and one after the MLP's projection
back to the hidden size, before the skip connection is added; Pfeiffer et al. 2021 (arXiv 2005.00247, section 3.3) keep
only the one after the MLP, which is the default here. `up` starts at zero (He et al. 2022, arXiv 2110.04366), so a
fresh adapter is the identity to the last bit, not only nearly so.

Peculiar: the adapters are modules of the layer they serve and work through forward hooks on the projection. The base
keeps its names, so its own saving and loading are untouched, and no architecture is known by name: `bottleneck_sites`
finds the layers by their shape. What cannot be done, unlike LoRA: the activation keeps them from being merged into
the base's weights.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from models_ml.nn.artifacts import ModelFolderError, verified_hash, write_json
from models_ml.nn.tuning.bottleneck_sites import Site, hidden_size, sites
from models_ml.nn.tuning.methods import settings_of
from models_ml.nn.tuning.plan import TuningPlan

CONFIGURATION, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ADAPTER_TYPE = "copylift_bottleneck"
REDUCTION = 16  # hidden size over width where the plan names none: Pfeiffer et al., arXiv 2005.00247
_VERSION = 1

Placement = Literal["mlp", "attention_and_mlp"]
"""After the MLP only (Pfeiffer), or after attention and MLP (Houlsby)."""
_PLACEMENTS: tuple[Placement, Placement] = ("mlp", "attention_and_mlp")
_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


@dataclass(frozen=True)
class BottleneckConfig:
    """Everything needed to put the same adapters into the same base again; the content of adapter_config.json."""

    base_model_name_or_path: str
    base_hash: str  # over the base's files, or the hub's commit; "" where unknown
    architecture: str  # transformers' model_type
    hidden_size: int
    layers: int
    width: int
    placement: Placement = "mlp"
    activation: str = "relu"
    dropout: float = 0.0
    modules_to_save: tuple[str, ...] = ()  # trained whole beside the adapters: a task's head


class Bottleneck(nn.Module):
    """One adapter. Maps (…, hidden) to (…, hidden)."""

    def __init__(self, hidden: int, width: int, *, activation: str = "relu", dropout: float = 0.0) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(hidden, width), nn.Linear(width, hidden)
        self.activation, self.dropout = _ACTIVATIONS[activation](), nn.Dropout(dropout)
        self.enabled = True
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Add the bottleneck's output to its input."""
        change: torch.Tensor = self.up(self.dropout(self.activation(self.down(hidden))))
        return hidden + change

    def after(self, _module: nn.Module, _arguments: Any, output: Any) -> Any:
        """Forward hook: adapt a sublayer's output, the first of a tuple. A bound method, so that copies stay whole."""
        if not self.enabled:
            return output
        if isinstance(output, tuple):
            return (self(output[0]), *output[1:])
        return self(output)


def add_bottleneck(
    model: PreTrainedModel,
    plan: TuningPlan,
    *,
    placement: Placement = "mlp",
    activation: str = "relu",
    modules_to_save: Sequence[str] = (),
) -> PreTrainedModel:
    """Freeze `model` and put fresh adapters into it, in place. Returns the same model. `plan.rank` is their width
    (a sixteenth of the hidden size where it is None), `plan.seed` draws the down-projections.

    Only the adapters, and modules whose name ends in one of `modules_to_save`, are trained afterwards. Raises
    ModelFolderError where no layers are found or the model has adapters already, ValueError for a bad setting.
    """
    settings = settings_of(plan)
    config = BottleneckConfig(
        base_model_name_or_path=plan.base,
        base_hash=_base_hash(model, plan.base),
        architecture=str(model.config.model_type),
        hidden_size=hidden_size(model),
        layers=len({site.layer for site in sites(model, attention=False)}),
        width=settings.rank or max(1, hidden_size(model) // REDUCTION),
        placement=placement,
        activation=activation,
        dropout=settings.dropout,
        modules_to_save=tuple(modules_to_save),
    )
    _insert(model, config, seed=plan.seed)
    return model


def bottleneck_config(model: nn.Module) -> BottleneckConfig | None:
    """The configuration of the adapters in `model`; None where it has none."""
    found = getattr(model, "bottleneck_config", None)
    return found if isinstance(found, BottleneckConfig) else None


@contextlib.contextmanager
def bottleneck_off(model: nn.Module) -> Iterator[None]:
    """Within this context the model is its base again (the reference of preference tuning)."""
    adapters = [module for module in model.modules() if isinstance(module, Bottleneck) and module.enabled]
    for adapter in adapters:
        adapter.enabled = False
    try:
        yield
    finally:
        for adapter in adapters:
            adapter.enabled = True


def save_bottleneck(model: PreTrainedModel, folder: Path) -> BottleneckConfig:
    """Write adapters (and the modules saved whole) as safetensors, and adapter_config.json, into `folder`.

    Each file is replaced in one step, so a full disk leaves the old ones. Raises ModelFolderError without adapters.
    """
    config = bottleneck_config(model)
    if config is None:
        raise ModelFolderError("the model has no bottleneck adapters to save")
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / (WEIGHTS + ".part")
    save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in _tensors(model, config).items()},
        str(draft),
        metadata={"format": "pt"},
    )
    draft.replace(folder / WEIGHTS)
    write_json(folder / CONFIGURATION, {"adapter_type": ADAPTER_TYPE, "version": _VERSION, **asdict(config)})
    return config


def is_bottleneck(folder: Path) -> bool:
    """Whether a folder holds a bottleneck adapter of ours (and not one of PEFT, or none)."""
    try:
        data = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and data.get("adapter_type") == ADAPTER_TYPE


def read_bottleneck(folder: Path) -> BottleneckConfig:
    """The configuration in `folder`. Raises ModelFolderError with a sentence that names the faulty field."""
    path = folder / CONFIGURATION
    if not is_bottleneck(folder):
        raise ModelFolderError(f"{path} does not describe a bottleneck adapter of this platform")
    data = json.loads(path.read_text(encoding="utf-8"))
    if data.get("version") != _VERSION:
        raise ModelFolderError(f"{path}: version is {data.get('version')!r}; this program reads version {_VERSION}")
    try:
        config = BottleneckConfig(**{field.name: data[field.name] for field in fields(BottleneckConfig)})
    except KeyError as error:
        raise ModelFolderError(f"{path}: the field {error.args[0]} is missing") from error
    for name in ("hidden_size", "layers", "width"):
        if not isinstance(getattr(config, name), int) or getattr(config, name) < 1:
            raise ModelFolderError(f"{path}: {name} must be a whole number above 0")
    _check(config, str(path))
    return BottleneckConfig(**{**asdict(config), "modules_to_save": tuple(config.modules_to_save)})


def load_bottleneck(model: PreTrainedModel, folder: Path, *, base_hash: str | None = None) -> PreTrainedModel:
    """Put the adapters saved in `folder` into `model`, its base, in place; returned in evaluation mode.

    `base_hash` is the hash of the base where the caller knows it; else it is taken from the model's own folder.
    Raises ModelFolderError for another architecture, size or base, for changed or unreadable files; a model whose
    weights could not be filled is not to be used further.
    """
    config = read_bottleneck(folder)
    _check_base(config, model, base_hash if base_hash is not None else _base_hash(model, str(model.name_or_path or "")))
    verified_hash(folder)
    tensors = _read(folder / WEIGHTS)
    _insert(model, config, seed=0)
    _fill(_tensors(model, config), tensors, folder)
    model.train(mode=False)
    return model


def _insert(model: PreTrainedModel, config: BottleneckConfig, *, seed: int) -> None:
    if bottleneck_config(model) is not None:
        raise ModelFolderError("the model has bottleneck adapters already")
    _check(config, "the bottleneck adapter")
    places = sites(model, attention=config.placement == "attention_and_mlp")
    generator = torch.Generator().manual_seed(seed)
    model.requires_grad_(requires_grad=False)
    for name, module in model.named_modules():
        if name and name.endswith(config.modules_to_save):
            module.requires_grad_(requires_grad=True)
    for site in places:
        _place(site, config, generator)
    model.__dict__["bottleneck_config"] = config  # a plain value, so not by nn.Module's own setter


def _place(site: Site, config: BottleneckConfig, generator: torch.Generator) -> None:
    adapter = Bottleneck(config.hidden_size, config.width, activation=config.activation, dropout=config.dropout)
    nn.init.kaiming_uniform_(adapter.down.weight, a=5**0.5, generator=generator)  # as LoRA's A matrix
    like = next(site.target.parameters())
    adapter.to(device=like.device, dtype=like.dtype if like.dtype.is_floating_point else torch.float32)
    site.layer.add_module(f"bottleneck_{site.kind}", adapter)
    site.target.register_forward_hook(adapter.after)


def _check(config: BottleneckConfig, where: str) -> None:
    if config.placement not in _PLACEMENTS:
        raise ModelFolderError(f"{where}: placement is {config.placement!r}; known: {', '.join(_PLACEMENTS)}")
    if config.activation not in _ACTIVATIONS:
        raise ModelFolderError(f"{where}: activation is {config.activation!r}; known: {', '.join(_ACTIVATIONS)}")
    if not 0 <= config.dropout < 1:
        raise ModelFolderError(f"{where}: dropout must be at least 0 and below 1")


def _check_base(config: BottleneckConfig, model: PreTrainedModel, base_hash: str) -> None:
    found = {
        "architecture": str(model.config.model_type),
        "hidden_size": hidden_size(model),
        "layers": len({site.layer for site in sites(model, attention=False)}),
    }
    for name, value in found.items():
        if getattr(config, name) != value:
            wanted = getattr(config, name)
            raise ModelFolderError(f"the adapter is for a base with {name} {wanted}, but this model's is {value}")
    if config.base_hash and base_hash and config.base_hash != base_hash:
        raise ModelFolderError(
            f"the adapter was trained on {config.base_model_name_or_path} with hash {config.base_hash[:12]}, "
            f"but this base has hash {base_hash[:12]}"
        )


def _tensors(model: nn.Module, config: BottleneckConfig) -> dict[str, torch.Tensor]:
    """Parameters and buffers that make the adapter, by their names in the model."""
    owners = {name for name, module in model.named_modules() if isinstance(module, Bottleneck)}
    if config.modules_to_save:
        owners |= {name for name, _ in model.named_modules() if name and name.endswith(config.modules_to_save)}
    state = model.state_dict(keep_vars=True)
    return {name: state[name] for name in state if any(name.startswith(owner + ".") for owner in owners)}


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise ModelFolderError(f"{path} is not a readable safetensors file: {error}") from error


def _fill(own: dict[str, torch.Tensor], read: dict[str, torch.Tensor], folder: Path) -> None:
    if differing := sorted(own.keys() ^ read.keys()):
        raise ModelFolderError(
            f"{folder / WEIGHTS} does not fit its configuration: {differing[0]} is in one of them only"
        )
    for name, tensor in own.items():
        if tensor.shape != read[name].shape:
            raise ModelFolderError(
                f"{folder / WEIGHTS}: {name} has shape {list(read[name].shape)}, the model needs {list(tensor.shape)}"
            )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(read[name])


def _base_hash(model: PreTrainedModel, base: str) -> str:
    folder = Path(base)
    if base and folder.is_dir():
        return verified_hash(folder)
    return str(getattr(model.config, "_commit_hash", "") or "")
