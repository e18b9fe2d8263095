"""A dataset version on disk: its record, its rows as they stream, and the check before it is trusted.

The folder holds train-00000.jsonl, validation-…, test-… and dataset.json, which lists each file with its SHA-256. A
folder without dataset.json is no dataset: the builder writes elsewhere and renames at the very end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import chain, islice
from pathlib import Path
from typing import Any

from models_ml.data.errors import DataError
from models_ml.data.plan import SPLITS

RECORD = "dataset.json"
FORMAT = 1


@dataclass(frozen=True)
class DatasetRecord:
    """What dataset.json says.

    `hash`: SHA-256 over plan and sorted rows, the same for any order of sources. `counts`: by split {"rows",
    "languages": {language: rows}}. `report`: see Report.to_json. `leak_check`: see leaks.check. `files`: by
    name {"sha256", "rows", "bytes"}, in the order they are read.
    """

    task: str
    hash: str
    plan: Mapping[str, Any]
    counts: Mapping[str, Mapping[str, Any]]
    labels: tuple[str, ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict)
    leak_check: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict; `from_json` gives an equal record back."""
        return {**asdict(self), "labels": list(self.labels)}

    @classmethod
    def from_json(cls, data: object) -> DatasetRecord:
        """A record from parsed JSON. Raises DataError where it is none, or of a newer format."""
        names = {item.name for item in fields(cls)}
        if not isinstance(data, dict) or not {"task", "hash", "plan", "counts", "files", "format"} <= set(data):
            raise DataError("folder", f"its {RECORD} is no record of a dataset")
        if data["format"] != FORMAT:
            raise DataError("folder", f"its {RECORD} has format {data['format']}; this program reads {FORMAT}")
        values = {name: value for name, value in data.items() if name in names}
        return cls(**{**values, "labels": tuple(values.get("labels", ()))})


@dataclass(frozen=True)
class StoredDataset:
    """A dataset version whose files were found unchanged."""

    folder: Path
    record: DatasetRecord

    def count(self, split: str) -> int:
        """Rows of a split. Raises DataError for an unknown one."""
        return sum(int(about["rows"]) for _, about in self._files(split))

    def rows(self, split: str) -> Iterator[dict[str, Any]]:
        """The rows of a split, one after another, in the order of their hash (so mixed). Raises DataError."""
        return chain.from_iterable(_rows(self.folder / name) for name, _ in self._files(split))

    def sample(self, n: int = 20) -> list[dict[str, Any]]:
        """The first `n` rows (train first), each with its "split"; the order is that of a hash, so they are mixed."""
        rows = ({"split": split, **row} for split in SPLITS for row in self.rows(split))
        return list(islice(rows, max(0, n)))

    def _files(self, split: str) -> list[tuple[str, Mapping[str, Any]]]:
        if split not in SPLITS:
            raise DataError("split", f"must be one of {', '.join(SPLITS)}")
        return [(name, about) for name, about in self.record.files.items() if name.startswith(f"{split}-")]


def open_dataset(folder: str | Path) -> StoredDataset:
    """The dataset in a folder, after comparing each file with its SHA-256.

    Raises DataError: no dataset there, a record that cannot be read, a file that is missing, changed or not listed.
    """
    place = Path(folder)
    if not (place / RECORD).is_file():
        raise DataError("folder", f"{place} holds no finished dataset (no {RECORD})")
    try:
        record = DatasetRecord.from_json(json.loads((place / RECORD).read_text(encoding="utf-8")))
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError("folder", f"the {RECORD} of {place} is not readable JSON: {error}") from error
    _verify(place, record)
    return StoredDataset(place, record)


def _verify(folder: Path, record: DatasetRecord) -> None:
    stray = {path.name for path in folder.glob("*.jsonl")} - set(record.files)
    if stray:
        raise DataError("folder", f"{folder / min(stray)} is not listed in {RECORD}")
    for name, about in record.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise DataError("folder", f"{path} is missing, though {RECORD} lists it")
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != about.get("sha256"):
            raise DataError("folder", f"{path} was changed: its SHA-256 differs from {RECORD}")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
