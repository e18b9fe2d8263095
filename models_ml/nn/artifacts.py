"""Model folders on disk: content hashes, safe writing, and the check before a folder is trusted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORD = "training.json"
EVALUATION = "evaluation.json"
_HASHED = (".safetensors", ".json", ".jinja")


class ModelFolderError(Exception):
    """A model cannot be loaded; says which and why, in a sentence."""


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 by name of the files that make the model (weights, configuration, tokenizer, template)."""
    return {
        path.name: file_hash(path)
        for path in sorted(folder.iterdir())
        if path.suffix in _HASHED and path.name not in (RECORD, EVALUATION)
    }


def model_hash(hashes: Mapping[str, str]) -> str:
    """One hash for a whole model: over the names and hashes of its files."""
    return hashlib.sha256(json.dumps(dict(sorted(hashes.items()))).encode()).hexdigest()


def write_json(path: Path, data: object) -> None:
    """Write JSON so that a kill leaves either the old file or the new one."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(draft, path)  # noqa: PTH105 - the atomic call, by its name


def read_record(folder: Path) -> dict[str, Any] | None:
    """The training record of a folder, None where there is none. Raises ModelFolderError when it is unreadable."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFolderError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("files"), dict):
        raise ModelFolderError(f"{path} does not list the model's files with their hashes")
    return record


def verified_hash(folder: Path) -> str:
    """The model hash of a folder, after comparing each file with the folder's record, where it has one.

    Raises ModelFolderError naming the first file that is missing or differs.
    """
    hashes = file_hashes(folder)
    record = read_record(folder)
    for name, expected in (record or {"files": {}})["files"].items():
        if name not in hashes:
            raise ModelFolderError(f"{folder / name} is missing, though {RECORD} lists it")
        if hashes[name] != expected:
            raise ModelFolderError(
                f"{folder / name} is not the file that was trained: its SHA-256 differs from {RECORD}"
            )
    return model_hash(hashes)
