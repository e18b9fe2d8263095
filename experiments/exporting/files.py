"""The formats of an export: bytes and their type. A file says what it is of by its name.

Text that a spreadsheet would run as a formula gets an apostrophe before it: names of arms come from outside.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.files import formula_safe
from experiments.exporting import details, notebook, table


@dataclass(frozen=True, slots=True)
class Export:
    """All of one analysis: what it is of, its results, the moments they came from, and what needs rows."""

    key: str
    name: str
    created_at: str
    results: Mapping[str, Any]
    moments: Mapping[str, Any]
    settings: Mapping[str, Any]
    details: Mapping[str, Any] | None
    inputs_hash: str

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "experiment": self.key,
            "name": self.name,
            "created_at": self.created_at,
            "inputs_hash": self.inputs_hash,
            "settings": self.settings,
            "results": self.results,
            "moments": self.moments,
            "details": self.details,
        }


@dataclass(frozen=True, slots=True)
class Format:
    """How an export is written."""

    suffix: str
    media_type: str
    write: Callable[[Export], bytes]
    # Behind the experiment's key in the file's name.
    part: str = ""


def as_json(export: Export) -> bytes:
    """The whole analysis."""
    return (json.dumps(export.to_dict(), ensure_ascii=False, indent=2) + "\n").encode()


def as_csv(export: Export) -> bytes:
    """The tidy table, UTF-8 with a mark at the beginning so that spreadsheets read it as such."""
    return _csv(table.COLUMNS, table.rows(export.key, export.results))


def as_parquet(export: Export) -> bytes:
    """The tidy table with fixed types; the moments and settings lie in the file's metadata under `copylift`."""
    about = {name: value for name, value in export.to_dict().items() if name != "results"}
    return _parquet(table.COLUMNS, table.rows(export.key, export.results), about)


def details_as_csv(export: Export) -> bytes:
    """Groups, days and checks of health, as the tidy table is written."""
    return _csv(details.COLUMNS, details.rows(export.key, export.results, export.details))


def details_as_parquet(export: Export) -> bytes:
    """Groups, days and checks of health, with fixed types."""
    found = details.rows(export.key, export.results, export.details)
    return _parquet(details.COLUMNS, found, {"experiment": export.key, "inputs_hash": export.inputs_hash})


def as_notebook(export: Export) -> bytes:
    """A Jupyter notebook with the data in it."""
    return (json.dumps(notebook.build(export.to_dict()), ensure_ascii=False, indent=1) + "\n").encode()


FORMATS: dict[str, Format] = {
    "json": Format("json", "application/json", as_json),
    "csv": Format("csv", "text/csv; charset=utf-8", as_csv),
    "parquet": Format("parquet", "application/vnd.apache.parquet", as_parquet),
    "notebook": Format("ipynb", "application/x-ipynb+json", as_notebook),
    "details_csv": Format("csv", "text/csv; charset=utf-8", details_as_csv, "-details"),
    "details_parquet": Format("parquet", "application/vnd.apache.parquet", details_as_parquet, "-details"),
}


def _csv(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({column: _cell(value) for column, value in row.items()})
    return text.getvalue().encode("utf-8-sig")


def _parquet(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and only an export needs it
    import pyarrow.parquet as pq  # noqa: PLC0415

    fields = [(name, pa.type_for_alias(kind)) for name, kind in columns.items()]
    schema = pa.schema(fields, metadata={"copylift": json.dumps(about)})
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), buffer)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    return formula_safe(value) if isinstance(value, str) else value


def formats() -> Sequence[str]:
    """The names of the formats."""
    return list(FORMATS)
