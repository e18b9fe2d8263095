"""A scorer on disk: weights as safetensors, the rest as JSON, both hashed; verified before anything is believed.

The encoder is not copied: its location and the hash of its files are kept, and another encoder is refused. No text is
kept; of the training texts there are vectors, counts of hand-made features, and weights of hash buckets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from models_ml.nn.artifacts import RECORD, ModelFolderError, file_hashes, read_record, verified_hash, write_json
from models_ml.nn.scoring.evidence import ScorerError
from models_ml.nn.scoring.features import BUCKETS, handmade_names
from models_ml.nn.scoring.kernels import ENCODER, HANDMADE

KIND = "copylift scorer 1"
WEIGHTS, SETTINGS = "scorer.safetensors", "scorer.json"
PREPARATION = ("encoder_centre", "encoder_scale", "handmade_centre", "handmade_scale", "idf")
_FIELD = "folder"


@dataclass(frozen=True)
class Stored:
    """What a scorer's folder holds."""

    tensors: Mapping[str, NDArray[Any]]
    settings: Mapping[str, Any]
    record: Mapping[str, Any]


def write(folder: Path, stored: Stored) -> None:
    """Write into `folder`; the record goes last, since it says that the folder is whole. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(values) for name, values in stored.tensors.items()}, str(folder / WEIGHTS))
    (folder / WEIGHTS).chmod(0o644)  # written private; other workers of the platform read it
    write_json(folder / SETTINGS, {"kind": KIND, "handmade": handmade_names(), **stored.settings})
    write_json(folder / RECORD, {"recipe": KIND, **stored.record, "files": file_hashes(folder)})


def read(folder: Path) -> Stored:
    """The content of `folder`, after its hashes, kind and shapes are checked. Raises ScorerError."""
    record = _checked_record(folder)
    settings = _read_settings(folder / SETTINGS)
    tensors = _read_tensors(folder / WEIGHTS)
    _check_shapes(tensors)
    return Stored(tensors, settings, {name: value for name, value in record.items() if name not in ("files", "recipe")})


def _checked_record(folder: Path) -> dict[str, Any]:
    try:
        record = read_record(folder)
        if record is None or record.get("recipe") != KIND:
            raise ScorerError(_FIELD, f"{folder} holds no scorer of the kind {KIND!r}")
        if not {WEIGHTS, SETTINGS} <= set(record["files"]):
            raise ScorerError(_FIELD, f"the record in {folder} does not list {WEIGHTS} and {SETTINGS}")
        verified_hash(folder)
    except ModelFolderError as error:
        raise ScorerError(_FIELD, str(error)) from error
    return record


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ScorerError(_FIELD, f"{path} is not readable JSON: {error}") from error
    if not isinstance(settings, dict) or settings.get("kind") != KIND:
        raise ScorerError(_FIELD, f"{path} does not describe a scorer of the kind {KIND!r}")
    if settings.get("handmade") != handmade_names():
        raise ScorerError(_FIELD, f"{path} counts other hand-made features than this version; train the scorer again")
    return settings


def _read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    try:
        return dict(load_file(str(path)))
    except (SafetensorError, OSError) as error:
        raise ScorerError(_FIELD, f"{path} is no safetensors file that can be read: {error}") from error


def _check_shapes(tensors: Mapping[str, NDArray[Any]]) -> None:
    wanted = {*PREPARATION, "weights", "buckets", f"landmarks.{ENCODER}", f"landmarks.{HANDMADE}"}
    if missing := wanted - set(tensors):
        raise ScorerError(_FIELD, f"the weights lack {', '.join(sorted(missing))}")
    texts, width = len(tensors["weights"]), len(tensors["encoder_scale"])
    expected: dict[str, tuple[int, ...]] = {
        "idf": (2 * BUCKETS,),
        "buckets": (2 * BUCKETS,),
        f"landmarks.{ENCODER}": (texts, width),
        f"landmarks.{HANDMADE}": (texts, len(handmade_names())),
    }
    for name, shape in expected.items():
        if tensors[name].shape != shape:
            raise ScorerError(_FIELD, f"{name} has the shape {tensors[name].shape}, not {shape}")
    if not all(np.isfinite(values).all() for values in tensors.values()):
        raise ScorerError(_FIELD, "the weights hold values that are no numbers")
