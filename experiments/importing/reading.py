"""From a path and a request to experiments: the pure half of an import, with all that its report needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InvalidInput
from experiments.importing.build import Built, ImportedExperiment, build, metric_definitions
from experiments.importing.collect import collect
from experiments.importing.delimited import Delimited
from experiments.importing.parquet import Parquet
from experiments.importing.request import ImportRequest, nearest
from experiments.importing.rows import Rows
from experiments.importing.source import find
from experiments.importing.tables import Table


@dataclass(frozen=True, slots=True)
class Import:
    """What a file holds as the request understands it. `uncleaned` is None unless asked for."""

    path: Path
    digest: str
    request: ImportRequest
    columns: tuple[str, ...]
    about: dict[str, str]
    rows: Rows
    metrics: list[dict[str, Any]]
    cleaned: Built
    uncleaned: Built | None

    @property
    def file_name(self) -> str:
        """The file's name, whatever bytes the file system has for it."""
        return self.path.name.encode("utf-8", "replace").decode()

    @property
    def experiments(self) -> list[ImportedExperiment]:
        """All that will be stored."""
        return [*self.cleaned.experiments, *(self.uncleaned.experiments if self.uncleaned else [])]


def read(path: Path, request: ImportRequest) -> Import:
    """Read a file whole. Raises InvalidInput, with row and column, for what cannot be used."""
    table = open_table(path, request)
    rows = collect(table, request)
    return Import(
        path=path,
        digest=_digest(path),
        request=request,
        columns=table.columns,
        about=table.about,
        rows=rows,
        metrics=metric_definitions(request, rows.kinds),
        cleaned=build(rows, request),
        uncleaned=build(rows, request, uncleaned=True) if request.uncleaned else None,
    )


def open_table(path: Path, request: ImportRequest) -> Table:
    """The file as a table that has every column the request names."""
    source = find(path)
    table: Table = Parquet(source) if source.parquet else Delimited(source, request.delimiter)
    for asked, column in request.columns().items():
        if column not in table.columns:
            named = ", ".join(table.columns[:30])
            raise InvalidInput.field(
                asked, f"the file has no column {column!r}{nearest(column, table.columns)} It has: {named}."
            )
    return table


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
