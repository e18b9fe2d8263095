"""Does an adapter give the same output however it is used: loaded twice, merged into its base, swapped out and in?

Logits are compared on fixed random token ids, so no tokenizer is needed. A difference is relative to the largest logit
of the adapted model; what is allowed depends on the precision of the weights, since a merge rounds once more. An
adapter that changes nothing would pass all of it, so `effect`, its distance from the bare base, is reported too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel

from models_ml.nn.artifacts import ModelFolderError
from models_ml.nn.tuning.bottleneck import bottleneck_off, is_bottleneck, load_bottleneck

# Relative to the largest logit: a few dozen units in the last place of a matrix product of that precision.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}
_ROWS, _LENGTH, _SEED = 2, 16, 7
_FIRST, _SECOND = "first", "second"


@dataclass(frozen=True)
class ParityReport:
    """Largest difference of logits, relative to the largest logit.

    `reload`: two loads of the adapter; `merge`: merged into the base's weights (None where its kind cannot be merged);
    `swap`: another adapter switched on and this one again; `off`: adapter off against the bare base; `effect`: adapted
    against the bare base.
    """

    kind: str
    dtype: str
    tolerance: float
    reload: float
    merge: float | None
    swap: float
    off: float
    effect: float

    @property
    def same(self) -> bool:
        """Whether every difference is within the tolerance; a NaN is not."""
        found = [value for value in (self.reload, self.merge, self.swap, self.off) if value is not None]
        return all(value <= self.tolerance for value in found)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return {**asdict(self), "same": self.same}


def adapter_parity(load_base: Callable[[], Any], adapter_folder: Path) -> ParityReport:
    """Compare the uses of the adapter in `adapter_folder` on bases that `load_base()` makes: a fresh network each time.

    Takes adapters of PEFT and bottleneck adapters, of causal models and of encoders. Raises ModelFolderError where the
    folder holds no adapter or does not fit the base.
    """
    base = load_base().eval()
    ids = _ids(base)
    bare = _logits(base, ids)
    measure = _bottleneck if is_bottleneck(adapter_folder) else _peft
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PEFT says that it found an adapter of the same name, which is the point
            return measure(load_base, adapter_folder, base, ids=ids, bare=bare)
    except (ValueError, RuntimeError, KeyError, OSError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelFolderError(f"{adapter_folder} cannot be put on its base: {said}") from error


def _peft(
    load_base: Callable[[], Any], folder: Path, base: Any, *, ids: torch.Tensor, bare: torch.Tensor
) -> ParityReport:
    config = PeftConfig.from_pretrained(str(folder))
    adapted: Any = PeftModel.from_pretrained(base, str(folder), adapter_name=_FIRST).eval()
    own = _logits(adapted, ids)
    again: Any = PeftModel.from_pretrained(load_base().eval(), str(folder)).eval()
    with adapted.disable_adapter():
        off = _logits(adapted, ids)
    adapted.load_adapter(str(folder), adapter_name=_SECOND)
    _disturb(adapted, _SECOND)
    adapted.set_adapter(_SECOND)
    _logits(adapted, ids)
    adapted.set_adapter(_FIRST)
    return _report(
        str(getattr(config.peft_type, "value", config.peft_type)).lower(),
        base,
        own=own,
        reload=_logits(again, ids),
        merge=_merged(again, ids),
        swap=_logits(adapted, ids),
        off=off,
        bare=bare,
    )


def _disturb(adapted: Any, name: str) -> None:
    """Make the second adapter another one, so that a swap which forgets to switch back is seen."""
    with torch.no_grad():
        for key, parameter in adapted.named_parameters():
            if f".{name}" in key and parameter.is_floating_point():
                parameter.add_(1.0)


def _merged(again: Any, ids: torch.Tensor) -> torch.Tensor | None:
    """Logits after the merge; None for prompt-like adapters, which have no weights to merge into."""
    if not hasattr(again.base_model, "merge_and_unload"):
        return None
    return _logits(again.merge_and_unload(), ids)


def _bottleneck(
    load_base: Callable[[], Any], folder: Path, base: Any, *, ids: torch.Tensor, bare: torch.Tensor
) -> ParityReport:
    """Swapping is taking the adapters off and on; their activation keeps them from being merged."""
    load_bottleneck(base, folder)
    own = _logits(base, ids)
    again = load_bottleneck(load_base().eval(), folder)
    with bottleneck_off(base):
        off = _logits(base, ids)
    return _report(
        "bottleneck",
        base,
        own=own,
        reload=_logits(again, ids),
        merge=None,
        swap=_logits(base, ids),
        off=off,
        bare=bare,
    )


def _report(
    kind: str,
    base: Any,
    *,
    own: torch.Tensor,
    reload: torch.Tensor,
    merge: torch.Tensor | None,
    swap: torch.Tensor,
    off: torch.Tensor,
    bare: torch.Tensor,
) -> ParityReport:
    scale = max(float(own.abs().max()), 1e-6)
    dtype = next(parameter.dtype for parameter in base.parameters())

    def distance(one: torch.Tensor, other: torch.Tensor) -> float:
        return float((one - other).abs().max()) / scale

    return ParityReport(
        kind=kind,
        dtype=str(dtype).removeprefix("torch."),
        tolerance=TOLERANCES.get(dtype, TOLERANCES[torch.bfloat16]),
        reload=distance(own, reload),
        merge=None if merge is None else distance(own, merge),
        swap=distance(own, swap),
        off=distance(off, bare),
        effect=distance(own, bare),
    )


def _ids(base: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(_SEED)
    size = int(base.get_input_embeddings().num_embeddings)
    return torch.randint(0, size, (_ROWS, _LENGTH), generator=generator).to(base.device)


@torch.inference_mode()
def _logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """Logits (rows, length, vocabulary) in float32; tokens that prompt tuning puts before the text are left out."""
    logits: torch.Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return (logits[:, -_LENGTH:] if logits.dim() == 3 else logits).float().clone()
