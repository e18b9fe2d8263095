"""The files of a dataset: rows in order into parts of each split, with their hashes, and the folder made real at last.

Nothing half-written can be opened: all is written to a draft beside the folder, which is renamed when the record
stands in it. A draft left by a killed process is removed by the next builder of the same folder; a lock on it, which
the system drops with its process, tells whether its builder still lives.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from models_ml.data.errors import DataError
from models_ml.data.plan import SPLITS
from models_ml.data.store import RECORD, DatasetRecord

ROWS_A_FILE = 50_000
_LOCK = "lock"


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """A new draft folder for `folder`; removed at the end, whatever happened, unless it was published."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError("folder", f"{folder} is in use; a dataset version is never overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.draft-", dir=folder.parent))
    try:
        with (draft / _LOCK).open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _remove_stale(folder: Path) -> None:
    for draft in folder.parent.glob(f".{glob.escape(folder.name)}.draft-*"):
        # OSError: its builder lives, or is just making it and has no lock yet.
        with suppress(OSError), (draft / _LOCK).open("r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(draft, ignore_errors=True)


def publish(draft: Path, record: DatasetRecord, folder: Path) -> None:
    """Write the record and make the draft's `final` folder the dataset. Raises DataError where another came first."""
    final = draft / "final"
    with (final / RECORD).open("w", encoding="utf-8") as stream:
        json.dump(record.to_json(), stream, ensure_ascii=False, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        final.rename(folder)
    except OSError as error:
        raise DataError("folder", f"{folder} cannot be made: {error.strerror}") from error


class SplitWriter:
    """Writes rows into parts of each split and counts what it writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, dict[str, Any]] = {}
        self.languages = {split: Counter[str]() for split in SPLITS}
        self.content = hashlib.sha256()

    def write(self, split: str, lines: Iterable[tuple[bytes, str]]) -> None:
        """Write the rows of one split: (row as JSON, its language). Splits are written one after another."""
        rows = iter(lines)
        number, more = 0, True
        while more:
            name = f"{split}-{number:05}.jsonl"
            with (self.folder / name).open("wb") as stream:
                more = self._part(name, split, stream, rows)
            if not self.files[name]["rows"]:
                del self.files[name]
                (self.folder / name).unlink()
            number += 1

    def _part(self, name: str, split: str, stream: BinaryIO, rows: Iterator[tuple[bytes, str]]) -> bool:
        """Write up to ROWS_A_FILE rows; whether there may be more."""
        digest, count, size = hashlib.sha256(), 0, 0
        for line, language in rows:
            data = line + b"\n"
            stream.write(data)
            digest.update(data)
            self.content.update(split.encode() + b"\t" + data)
            self.languages[split][language] += 1
            count, size = count + 1, size + len(data)
            if count == ROWS_A_FILE:
                break
        os.fsync(stream.fileno())
        self.files[name] = {"sha256": digest.hexdigest(), "rows": count, "bytes": size}
        return count == ROWS_A_FILE
