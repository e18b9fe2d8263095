"""Sorting and joining more rows than memory holds: rows go to buckets on disk by hash, each bucket is then sorted.

Because buckets go by the hash of a row's content, the sorted order is the same whatever order the sources came in.
Equal rows meet in one bucket, where they are held once, so a file of a million equal rows needs the memory of one.
"""

from __future__ import annotations

import json
import mmap
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from models_ml.data.report import Report
from models_ml.data.rows import Row, compared, digest, identity, kind

BUCKET_BYTES = 4 << 20
_MOST_BUCKETS = 256  # open files; the usual limit of a process is 1,024


@dataclass
class _Held:
    """One row of a bucket, held for all that equal it."""

    kind: str
    source: str
    line: int
    row: str
    contradicted: bool = False


class Buckets:
    """Bucket files in `folder` for about `expected` bytes of rows. Used as a context while rows are added."""

    def __init__(self, folder: Path, *, expected: int) -> None:
        count = min(_MOST_BUCKETS, max(1, expected // BUCKET_BYTES))
        self.paths = [folder / f"bucket-{number:03}.jsonl" for number in range(count)]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._files = [self._stack.enter_context(path.open("w", encoding="utf-8")) for path in self.paths]
        return self

    def __exit__(
        self, kind_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, row: Row, *, source: str, line: int) -> None:
        """Put a row into its bucket."""
        key = digest(identity(row))
        # Higher bits choose the bucket, so that buckets in order hold keys in order.
        number = int(key[:8], 16) * len(self._files) >> 32
        entry = json.dumps([key, kind(row), source, line, row_line(row)], ensure_ascii=False)
        self._files[number].write(entry + "\n")

    def merged(self, report: Report) -> Iterator[tuple[str, str, int, str]]:
        """Each row once in the order of its hash: (kind, source, line, row as JSON). Buckets are removed as read.

        Drops are counted in `report`: equal rows, and all rows of a text that stands under different labels.
        """
        for path in self.paths:
            held = _held(path, report)
            path.unlink()
            for key in sorted(held):
                one = held[key]
                if one.contradicted:
                    _contradiction(report, one.source, one.line, one.row)
                else:
                    yield one.kind, one.source, one.line, one.row


def _held(path: Path, report: Report) -> dict[str, _Held]:
    held: dict[str, _Held] = {}
    with path.open(encoding="utf-8") as lines:
        for entry in lines:
            key, own_kind, source, line, row = json.loads(entry)
            if key not in held:
                held[key] = _Held(own_kind, source, line, row)
                continue
            _meet(held[key], own_kind, source, line=line, row=row, report=report)
    return held


def _meet(one: _Held, own_kind: str, source: str, *, line: int, row: str, report: Report) -> None:
    """Two rows of one identity: the one whose JSON comes first stays, so that the order of sources does not matter."""
    if one.contradicted or one.kind != own_kind:
        # Equal rows met before were counted as duplicates; with the last of the text they are all gone.
        one.contradicted = True
        _contradiction(report, source, line, row)
        return
    loser = (source, line, row)
    if row < one.row:
        loser = (one.source, one.line, one.row)
        one.source, one.line, one.row = source, line, row
    report.drop("equal to another row", source=loser[0], line=loser[1], text=_shown(loser[2]))


def _contradiction(report: Report, source: str, line: int, row: str) -> None:
    report.drop("same text under different labels", source=source, line=line, text=_shown(row))


def _shown(row: str) -> str:
    return compared(json.loads(row))[0]


def row_line(row: Row) -> str:
    """A row as it stands in a file, without the line end."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True)


class RowFile:
    """Rows of JSON lines files by number, without holding them: 8 bytes a row, the text stays on disk."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._stack = ExitStack()
        self._maps: list[mmap.mmap] = []
        self.starts = array("q")
        self.first: list[int] = []  # the number of the first row of each file
        for path in paths:
            if path.stat().st_size:  # an empty file cannot be mapped
                self._index(path)

    def _index(self, path: Path) -> None:
        self.first.append(len(self.starts))
        file = self._stack.enter_context(path.open("rb"))
        position = 0
        for line in file:
            self.starts.append(position)
            position += len(line)
        self._maps.append(self._stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __len__(self) -> int:
        return len(self.starts)

    def line(self, number: int) -> bytes:
        """The line of a row."""
        file = bisect_right(self.first, number) - 1
        start = self.starts[number]
        mapped = self._maps[file]
        return mapped[start : mapped.find(b"\n", start)]

    def row(self, number: int) -> dict[str, Any]:
        """A row."""
        value: dict[str, Any] = json.loads(self.line(number))
        return value
