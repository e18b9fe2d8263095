"""CSV and its kin: UTF-8 (a BOM is dropped), delimiter sniffed, quotes as RFC 4180, cells of at most a million letters.

The standard reader and not pandas: it tells the row of every trouble, and does not guess at types. Pure.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import IO

from core.errors import InvalidInput
from experiments.importing.source import Source
from experiments.importing.tables import CHUNK_ROWS, Chunk, check_columns

CELL_MAX = 1_000_000
LINE_MAX = 10 * CELL_MAX
DELIMITERS = (",", ";", "\t", "|")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SNIFFED_ROWS = 30


class Delimited:
    """A delimited text file. Raises InvalidInput where no header with two columns or more can be found."""

    def __init__(self, source: Source, delimiter: str | None = None) -> None:
        self._source = source
        csv.field_size_limit(CELL_MAX)
        self._delimiter = delimiter or _sniff(source)
        with source.open() as stream:
            header = next((cells for _, cells in self._records(stream) if cells), None)
        if header is None:
            raise InvalidInput.field("file", f"{source.path} has blank lines only.")
        self.columns = check_columns(header)
        if len(self.columns) < 2:
            raise InvalidInput.field(
                "row 1", f"only one column is found ({self.columns[0][:60]!r}); name the delimiter with --delimiter."
            )

    @property
    def about(self) -> dict[str, str]:
        """Format, delimiter and packing."""
        packing = "gzip" if self._source.gzipped else "none"
        return {"format": "CSV", "delimiter": _NAMES.get(self._delimiter, self._delimiter), "packing": packing}

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        """All rows below the header; blank lines are counted and passed over."""
        places = {name: self.columns.index(name) for name in wanted}
        with self._source.open() as stream:
            records = ((row, cells) for row, cells in self._records(stream) if cells)
            next(records)
            while block := list(islice(records, CHUNK_ROWS)):
                yield self._chunk(block, places)

    def _chunk(self, block: list[tuple[int, list[str]]], places: dict[str, int]) -> Chunk:
        width = len(self.columns)
        whole = [record for record in block if len(record[1]) == width]
        return Chunk(
            rows=[row for row, _ in whole],
            cells={name: [cells[place] for _, cells in whole] for name, place in places.items()},
            misshapen=[(row, len(cells)) for row, cells in block if len(cells) != width],
        )

    def _records(self, stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
        row = 0
        try:
            with _decoded(stream, "strict") as text:
                for row, cells in enumerate(csv.reader(_lines(text), delimiter=self._delimiter, strict=True), 1):
                    yield row, cells
        except UnicodeDecodeError:
            raise self._encoding_problem() from None
        except csv.Error as problem:
            raise InvalidInput.field(f"row {row + 1}", _csv_sentence(str(problem))) from None

    def _encoding_problem(self) -> InvalidInput:
        with self._source.open() as stream, _decoded(stream, "surrogateescape") as text:
            header: list[str] = []
            for row, cells in enumerate(csv.reader(_lines(text), delimiter=self._delimiter), 1):
                header = header or cells
                wrong = next((place for place, cell in enumerate(cells) if _is_broken(cell)), None)
                if wrong is not None:
                    column = header[wrong] if row > 1 and wrong < len(header) else str(wrong + 1)
                    return InvalidInput.field(
                        f"row {row}, column {column}", "these bytes are not UTF-8. Save the file as UTF-8."
                    )
        return InvalidInput.field("file", f"{self._source.path} is not UTF-8. Save it as UTF-8.")


@contextmanager
def _decoded(stream: IO[bytes], errors: str) -> Iterator[io.TextIOWrapper]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors=errors, newline="")
    try:
        yield text
    finally:
        # The bytes belong to the caller: a wrapper that is thrown away with them would close them, and warn.
        with suppress(ValueError):
            text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    # readline with a limit: a file without line ends must not be read into memory whole.
    while line := text.readline(LINE_MAX):
        if len(line) == LINE_MAX and line[-1] not in "\r\n":
            raise csv.Error("line too long")
        yield line


def _is_broken(cell: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in cell)


def _csv_sentence(problem: str) -> str:
    if "line too long" in problem:
        return f"the line is longer than {LINE_MAX:,} characters; is this a text file with line ends?"
    if "field larger" in problem:
        return f"a cell is longer than {CELL_MAX:,} characters; is a quote left open?"
    if "unexpected end" in problem:
        return "the file ends within a quoted cell; a quote is left open here or above."
    if "expected after" in problem:
        return "text follows the closing quote of a cell; a quote inside a quoted cell must be doubled."
    return f"cannot be read as a row of cells ({problem})."


def _sniff(source: Source) -> str:
    with source.open() as stream:
        # A cut may fall within a letter of several bytes: those are left out here, and judged when the file is read.
        head = stream.read(256 * 1024).decode("utf-8-sig", errors="ignore")
    if "\0" in head[:4096]:
        raise InvalidInput.field("file", f"{source.path} is not a text file (it has NUL characters).")
    scores = {delimiter: _score(head, delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: scores[delimiter])


def _score(head: str, delimiter: str) -> tuple[float, int]:
    # How many of the first rows are as wide as the header, then how wide that is. The last row may be cut.
    widths: list[int] = []
    try:
        for cells in islice(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), _SNIFFED_ROWS):
            widths += [len(cells)] if cells else []
    except csv.Error:
        pass
    compared = widths[1:-1] if len(widths) > 2 else widths[1:]
    if not widths or widths[0] < 2:
        return 0.0, 0
    alike = sum(width == widths[0] for width in compared) / len(compared) if compared else 1.0
    return alike, widths[0]
