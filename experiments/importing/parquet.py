"""Parquet through pyarrow, which is imported at the first use: the web process never needs it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from core.errors import InvalidInput
from experiments.importing.source import Source
from experiments.importing.tables import CHUNK_ROWS, Chunk, check_columns


class Parquet:
    """A Parquet file. Rows are counted from 1. Raises InvalidInput where it cannot be read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        with self._file() as file:
            self.columns = check_columns(file.schema_arrow.names)

    @property
    def about(self) -> dict[str, str]:
        """Format and packing."""
        return {"format": "Parquet", "packing": "gzip" if self._source.gzipped else "none"}

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        """All rows with the wanted columns as text."""
        row = 1
        with self._file() as file:
            # Blanks around a name are dropped in `columns`; the file knows it with them.
            names = dict(zip(self.columns, file.schema_arrow.names, strict=True))
            self._check_flat(file, [names[name] for name in wanted])
            for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=[names[name] for name in wanted]):
                cells = {name: _texts(batch.column(names[name]), name, row) for name in wanted}
                yield Chunk(rows=list(range(row, row + batch.num_rows)), cells=cells)
                row += batch.num_rows

    def _check_flat(self, file: Any, names: Sequence[str]) -> None:
        import pyarrow as pa  # noqa: PLC0415

        for name in names:
            kind = file.schema_arrow.field(name).type
            if pa.types.is_nested(kind):
                raise InvalidInput.field(f"column {name}", f"holds {kind}; only plain values can be read.")

    @contextmanager
    def _file(self) -> Iterator[Any]:
        with self._source.open_seekable() as stream, _sentences(self._source):
            yield _opened(stream)


def _opened(stream: IO[bytes]) -> Any:
    import pyarrow.parquet as pq  # noqa: PLC0415 - half a second that delimited files need not pay

    return pq.ParquetFile(stream)


@contextmanager
def _sentences(source: Source) -> Iterator[None]:
    import pyarrow as pa  # noqa: PLC0415

    try:
        yield
    except (pa.ArrowException, OSError) as problem:
        first = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise InvalidInput.field("file", f"{source.path} is a damaged or cut off Parquet file ({first})") from None


def _texts(column: Any, name: str, first: int) -> list[str]:
    try:
        return [_text(value, name, row) for row, value in enumerate(column.to_pylist(), first)]
    except UnicodeDecodeError:
        # Parquet's text is UTF-8 by its own rule; a writer that broke it is found row by row.
        return [_text(_value(item, name, row), name, row) for row, item in enumerate(column, first)]


def _value(item: Any, name: str, row: int) -> object:
    try:
        return item.as_py()
    except UnicodeDecodeError:
        raise _not_utf8(name, row) from None


def _text(value: object, name: str, row: int) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise _not_utf8(name, row) from None
    return str(value)


def _not_utf8(name: str, row: int) -> InvalidInput:
    return InvalidInput.field(f"row {row}, column {name}", "these bytes are not UTF-8.")
