"""A table as chunks of text cells, from Parquet or delimited text alike; row numbers are those a spreadsheet shows.

All cells are text, so one set of rules reads both kinds of file. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.errors import InvalidInput

CHUNK_ROWS = 50_000


@dataclass(slots=True)
class Chunk:
    """Some rows: their numbers, the wanted columns' cells, and rows of the wrong width (row number, cells found)."""

    rows: list[int]
    cells: Mapping[str, Sequence[str]]
    misshapen: list[tuple[int, int]] = field(default_factory=list)


class Table(Protocol):
    """What the rest of the import knows of a file."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns in their order."""

    @property
    def about(self) -> dict[str, str]:
        """How the file was read (format, delimiter...), for the report."""

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        """All rows with the wanted columns. Raises InvalidInput naming row and column where the file is damaged."""


def check_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The names without blanks around them. Raises InvalidInput for two of one name, or none at all."""
    names = tuple(column.strip() for column in columns)
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        places = " and ".join(str(place) for place, name in enumerate(names, 1) if name == twice[0])
        raise InvalidInput.field("row 1", f"columns {places} are both named {twice[0]!r}.")
    if any("\0" in name for name in names):
        raise InvalidInput.field("row 1", "the name of a column has a NUL character.")
    if not any(names):
        raise InvalidInput.field("row 1", "no column has a name.")
    return names
