"""Tables with a heading line: commas, semicolons or tabs; the mark that cuts the heading most often is theirs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import TextIO

from campaigns.feeds.errors import FeedError
from campaigns.feeds.records import MOST_COLUMNS, Record

MARKS = ("\t", ",", ";")
# A description with its markup; csv's own limit of 131,072 is too small for some.
MOST_CELL = 1_000_000


def headings(first: str) -> tuple[list[str], str]:
    """The names in a heading line and the mark between them. Raises FeedError."""
    mark = max(MARKS, key=lambda one: (first.count(one), -MARKS.index(one)))
    try:
        names = [name.strip().lstrip("\ufeff") for name in next(csv.reader([first], delimiter=mark), [])]
    except csv.Error:
        raise FeedError("headings") from None
    if not any(names) or len(names) > MOST_COLUMNS:
        raise FeedError("headings")
    return names, mark


def records(file: TextIO, mark: str) -> Iterator[Record]:
    """Each row by the names of the heading; an empty row is none, one with too many cells is broken."""
    csv.field_size_limit(MOST_CELL)
    reader = csv.reader(_without_nul(file), delimiter=mark)
    try:
        names = [name.strip().lstrip("\ufeff") for name in next(reader, [])]
    except csv.Error:
        raise FeedError("headings") from None
    while True:
        row = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Record(row, {}, "row_broken")
            continue
        if any(cell.strip() for cell in cells):
            yield _record(row, names, cells)


def _record(row: int, names: list[str], cells: list[str]) -> Record:
    broken = "row_cells" if any(cell.strip() for cell in cells[len(names) :]) else ""
    values: dict[str, str] = {}
    for name, cell in zip(names, cells, strict=False):
        if name and not values.get(name):
            values[name] = cell
    return Record(row, values, broken)


def _without_nul(file: TextIO) -> Iterator[str]:
    return (line.replace("\0", "") for line in file)
