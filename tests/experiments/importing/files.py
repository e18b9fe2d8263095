"""Small files for the tests, and the short way to a request."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.importing.reading import Import, read
from experiments.importing.request import ImportRequest, metric_of, request_of, rule_of

UNITS = "unit,arm,converted,revenue\nu1,a,1,10.5\nu2,a,0,0\nu3,b,1,7\nu4,b,1,3\n"


def written(folder: Path, content: str | bytes, name: str = "file.csv", *, packed: bool = False) -> Path:
    """A file with this content."""
    data = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def parquet(folder: Path, columns: dict[str, Any], name: str = "file.parquet", *, packed: bool = False) -> Path:
    """A Parquet file with these columns."""
    path = folder / name
    pq.write_table(pa.table(columns), path)
    return written(folder, path.read_bytes(), name, packed=True) if packed else path


def request(*metrics: str, rules: tuple[str, ...] = (), **options: Any) -> ImportRequest:
    """A request; with nothing said, unit-level with `arm` and the metric `converted`."""
    defaults: dict[str, Any] = {"key": "test", "name": "Test", "arm": "arm"}
    asked = tuple(metric_of(text) for text in metrics or ("converted=converted",))
    return request_of({**defaults, "metrics": asked, "rules": tuple(rule_of(text) for text in rules), **options})


def imported(folder: Path, content: str | bytes, *metrics: str, **options: Any) -> Import:
    """A file of this content, read."""
    return read(written(folder, content), request(*metrics, **options))
