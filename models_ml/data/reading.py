"""Files to raw rows, one after another: CSV, TSV, JSON lines and Parquet, with the line each row came from.

Nothing is loaded whole: a line, a CSV record and a Parquet cell have an upper size, a Parquet file is read in small
batches. A row that cannot be parsed is handed on as Broken, so that it is counted; a file that cannot raises DataError.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from models_ml.data.encoding import LONGEST_LINE, detect_encoding, opened, text_lines
from models_ml.data.errors import DataError
from models_ml.data.plan import Source

JOINED_BY = " + "
GROUP_COLUMNS = ("group", "product_id", "productid", "sku", "spu", "test_id", "pid", "item_id")
_FIRST_ROWS = 200  # JSON rows may leave keys out, so their columns are those of the first rows together
_LONG_ROW = 50_000  # characters
_BATCH = 256
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class RawRow:
    """A row as the file has it. `line` counts from 1 and includes the header; in Parquet it is the row."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Broken:
    """A row that cannot be parsed, and why in a few words."""

    line: int
    reason: str
    text: str


@dataclass
class Position:
    """How far a file is read: a share from 0 to 1."""

    share: float = 0.0


@dataclass(frozen=True)
class Opened:
    """A source being read: its columns, its encoding ("" for Parquet), the rows still to come, and how far it is."""

    columns: tuple[str, ...]
    encoding: str
    rows: Iterator[RawRow | Broken]
    position: Position


def open_rows(source: Source) -> Opened:
    """Open a source. Raises DataError: no such file, no known format, unreadable, no rows, mixed encodings."""
    if source.known_format() == "parquet":
        return _parquet(source)
    encoding = detect_encoding(source.path)
    read = _json_rows if source.known_format() == "jsonl" else _csv_rows
    position = Position()
    rows = read(source, encoding, position)
    first = _peek(rows)
    columns = dict.fromkeys(key for row in first if isinstance(row, RawRow) for key in row.values)
    if not first:
        raise DataError("source.path", f"{source.name} has no rows")
    return Opened(tuple(columns), encoding, _chained(first, rows), position)


def _peek(rows: Iterator[RawRow | Broken]) -> list[RawRow | Broken]:
    """The first rows, fewer where they are long: these are held in memory."""
    first: list[RawRow | Broken] = []
    for row in islice(rows, _FIRST_ROWS):
        first.append(row)
        if isinstance(row, RawRow) and sum(len(str(value)) for value in row.values.values()) > _LONG_ROW:
            break
    return first


def _chained(first: list[RawRow | Broken], rows: Iterator[RawRow | Broken]) -> Iterator[RawRow | Broken]:
    yield from first
    first.clear()
    yield from rows


def columns_of(source: Source, present: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The columns of each role, joined ones apart. Raises DataError naming the missing column and those present."""
    found: dict[str, tuple[str, ...]] = {}
    for role, name in source.columns.items():
        names = (name,) if name in present else tuple(name.split(JOINED_BY))
        missing = next((part for part in names if part not in present), None)
        if missing is not None:
            there = ", ".join(present) or "none"
            raise DataError(f"source.columns.{role}", f"{source.name} has no column {missing!r}; it has: {there}")
        found[role] = names
    if "group" not in found:
        guess = next((name for name in present if name.lower() in GROUP_COLUMNS), None)
        found |= {"group": (guess,)} if guess else {}
    return found


def preview(source: Source, n: int = 5) -> list[dict[str, Any]]:
    """The first `n` rows as the file has them, for a form that maps columns; the keys are the columns.

    Raises DataError like `open_rows`. Rows that cannot be parsed are passed over.
    """
    if n < 1:
        raise DataError("n", "must be at least 1")
    opened_rows = open_rows(source)
    rows = islice((row for row in opened_rows.rows if isinstance(row, RawRow)), n)
    return [{name: row.values.get(name) for name in opened_rows.columns} for row in rows]


def _json_rows(source: Source, encoding: str, position: Position) -> Iterator[RawRow | Broken]:
    with opened(source.path) as stream:
        for number, line in enumerate(_followed(stream, source, encoding, position=position), start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except (ValueError, RecursionError):
                values = None
            if isinstance(values, dict):
                yield RawRow(number, values)
            else:
                yield Broken(number, "not a JSON object", line)


def _csv_rows(source: Source, encoding: str, position: Position) -> Iterator[RawRow | Broken]:
    # Python's own limit is 131,072 characters a field, for the whole process; product pages are longer.
    csv.field_size_limit(LONGEST_LINE)
    with opened(source.path) as stream:
        lines = _followed(stream, source, encoding, position=position)
        head = next(lines, "")
        delimiter = "\t" if source.known_format() == "tsv" else _delimiter(head, source)
        reader = csv.reader(_again(head, lines), delimiter=delimiter)
        header = _header(_record(reader, source) or [], source)
        while True:
            line = reader.line_num + 1
            record = _record(reader, source)
            if record is None:
                return
            if record:
                yield _csv_row(header, record, line)


def _record(reader: Any, source: Source) -> list[str] | None:
    """The next record of a csv.reader, None at the end. Raises DataError naming the line where it began."""
    line = reader.line_num + 1
    try:
        record: list[str] | None = next(reader, None)
    except csv.Error as error:
        hint = "save it with line feeds" if "new-line" in str(error) else "is a quote left open?"
        raise DataError("source.path", f"{source.name}, line {line}: {error}; {hint}") from error
    return record


def _followed(stream: BinaryIO, source: Source, encoding: str, *, position: Position) -> Iterator[str]:
    """The lines of a file, its position kept; in gzip that of the packed bytes."""
    packed = getattr(stream, "fileobj", None) or stream
    size = max(1, Path(source.path).stat().st_size)
    for number, line in enumerate(text_lines(stream, source.name, encoding)):
        if number % _BATCH == 0:
            position.share = min(1.0, packed.tell() / size)
        yield line


def _again(head: str, lines: Iterator[str]) -> Iterator[str]:
    yield head
    yield from lines


def _csv_row(header: list[str], record: list[str], line: int) -> RawRow | Broken:
    if len(record) != len(header):
        return Broken(line, "other number of columns than the header", " ".join(record))
    return RawRow(line, dict(zip(header, record, strict=True)))


def _delimiter(head: str, source: Source) -> str:
    """The delimiter under which the header has most of the wanted columns, then most columns."""
    wanted = {part for name in source.columns.values() for part in (name, *name.split(JOINED_BY))}

    def score(delimiter: str) -> tuple[int, int]:
        names = next(csv.reader([head.replace("\r", " ")], delimiter=delimiter), [])
        return len(wanted & set(names)), len(names)

    return max(_DELIMITERS, key=score)


def _header(names: list[str], source: Source) -> list[str]:
    if not any(name.strip() for name in names):
        raise DataError("source.path", f"{source.name} is empty: its first line must name the columns")
    double = next((name for name in names if names.count(name) > 1 and name), None)
    if double is not None:
        raise DataError("source.path", f"{source.name} has two columns named {double!r}")
    return names


def _parquet(source: Source) -> Opened:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only this format needs it
    from pyarrow import parquet  # noqa: PLC0415

    if not Path(source.path).is_file():
        raise DataError("source.path", f"there is no file {source.name}")
    try:
        file = parquet.ParquetFile(source.path, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise DataError("source.path", f"{source.name} is not a readable Parquet file: {_first(error)}") from error
    if file.metadata.num_rows == 0:
        raise DataError("source.path", f"{source.name} has no rows")
    position = Position()
    return Opened(tuple(file.schema_arrow.names), "", _parquet_rows(source, file, position), position)


def _parquet_rows(source: Source, file: Any, position: Position) -> Iterator[RawRow | Broken]:
    import pyarrow as pa  # noqa: PLC0415

    names = {part for name in source.columns.values() for part in (name, *name.split(JOINED_BY))}
    wanted = [name for name in file.schema_arrow.names if name in names or name.lower() in GROUP_COLUMNS]
    line = 0
    with file:
        batches = file.iter_batches(batch_size=_BATCH, columns=wanted if source.columns else None, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise DataError("source.path", f"{source.name}, after row {line}: {_first(error)}") from error
            if batch is None:
                return
            _check_batch(source, batch, line)
            for values in batch.to_pylist():
                line += 1
                yield RawRow(line, values)
            position.share = line / file.metadata.num_rows


def _check_batch(source: Source, batch: Any, line: int) -> None:
    """Refuse a batch whose cells cannot be rows of text, before they become Python objects."""
    if batch.nbytes > LONGEST_LINE * 16:
        limit = f"{LONGEST_LINE * 16 >> 20} MB"
        last = line + batch.num_rows
        raise DataError("source.path", f"{source.name}, rows {line + 1} to {last} take more than {limit}")


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
