"""Reading rows: formats, columns, line numbers, previews, and files that cannot be rows."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from models_ml.data import DataError, Source, preview
from models_ml.data.reading import Broken, RawRow, columns_of, open_rows


def _rows(path: Path, **about: str) -> list[RawRow | Broken]:
    return list(open_rows(Source("catalogue", str(path), columns={"text": "title"}, **about)).rows)


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_rows_with_their_lines(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", 'sku,title\n1,Lamp\n\n2,"Two\nlines"\n3,"Last, one"\n')
    assert _rows(path) == [
        RawRow(2, {"sku": "1", "title": "Lamp"}),
        RawRow(4, {"sku": "2", "title": "Two\nlines"}),
        RawRow(6, {"sku": "3", "title": "Last, one"}),
    ]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_found_by_the_header(tmp_path: Path, delimiter: str) -> None:
    path = _write(tmp_path / "a.csv", f"sku{delimiter}title\n1{delimiter}Lamp, big\n")
    assert _rows(path) == [RawRow(2, {"sku": "1", "title": "Lamp, big"})]


def test_tsv(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tsv", "sku\ttitle\n1\tLamp, big\n")
    assert _rows(path) == [RawRow(2, {"sku": "1", "title": "Lamp, big"})]


def test_a_row_of_other_width_is_broken(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "sku,title\n1,Lamp\n2\n3,Cup\n")
    assert _rows(path)[1] == Broken(3, "other number of columns than the header", "2")


def test_json_lines(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", '{"title": "Lamp"}\n\n[1]\nnonsense\n{"title": "Cup", "n": 2}\n')
    assert _rows(path) == [
        RawRow(1, {"title": "Lamp"}),
        Broken(3, "not a JSON object", "[1]\n"),
        Broken(4, "not a JSON object", "nonsense\n"),
        RawRow(5, {"title": "Cup", "n": 2}),
    ]


def test_json_nested_too_deep_is_broken(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", '{"title": "Lamp"}\n' + "[" * 100_000 + "\n")
    row = _rows(path)[1]
    assert isinstance(row, Broken)
    assert row.reason == "not a JSON object"


def test_packed_files_whatever_their_name(tmp_path: Path) -> None:
    path = tmp_path / "kept-under-a-hash"
    path.write_bytes(gzip.compress(b"sku,title\n1,Lamp\n"))
    assert _rows(path, format="csv") == [RawRow(2, {"sku": "1", "title": "Lamp"})]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"sku": [1, 2], "title": ["Lamp", None], "other": [0, 0]}), path)
    assert _rows(path) == [RawRow(1, {"sku": 1, "title": "Lamp"}), RawRow(2, {"sku": 2, "title": None})]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_preview_shows_first_rows_and_all_columns(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    if ending == "csv":
        _write(path, "sku,title\n1,Lamp\n2,Cup\n3,Bag\n")
    elif ending == "jsonl":
        _write(path, '{"sku": "1", "title": "Lamp"}\n{"sku": "2", "title": "Cup"}\n{"sku": "3"}\n')
    else:
        parquet.write_table(pa.table({"sku": ["1", "2", "3"], "title": ["Lamp", "Cup", "Bag"]}), path)
    assert preview(Source("catalogue", str(path)), 2) == [
        {"sku": "1", "title": "Lamp"},
        {"sku": "2", "title": "Cup"},
    ]


def test_columns_are_found_joined_and_guessed(tmp_path: Path) -> None:
    source = Source("catalogue", "a.csv", columns={"text": "title + body", "label": "a + b"})
    assert columns_of(source, ["SKU", "title", "body", "a + b"]) == {
        "text": ("title", "body"),
        "label": ("a + b",),
        "group": ("SKU",),
    }


def test_a_missing_column_is_named_with_those_present() -> None:
    source = Source("catalogue", "a.csv", columns={"text": "title + txet"})
    with pytest.raises(DataError, match=r"a\.csv has no column 'txet'; it has: sku, title") as caught:
        columns_of(source, ["sku", "title"])
    assert caught.value.field == "source.columns.text"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "sku,title\n", "has no rows"),
        ("a.csv", "sku,sku\n1,2\n", "two columns named 'sku'"),
        ("a.jsonl", "\n\n", "has no rows"),
        ("a.parquet", "not parquet", "not a readable Parquet file"),
        ("a.parquet", "", "not a readable Parquet file"),
        ("a.xlsx", "x", "cannot be guessed from the name a.xlsx"),
        ("a", "x", "cannot be guessed from the name a"),
    ],
)
def test_files_without_rows_are_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        _rows(_write(tmp_path / name, text))


def test_an_empty_parquet_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"title": pa.array([], pa.string())}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="has no rows"):
        _rows(tmp_path / "a.parquet")


def test_a_parquet_damaged_inside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"title": [f"title {number}" for number in range(5000)]}), path)
    data = bytearray(path.read_bytes())
    data[100:3000] = bytes(2900)
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"a\.parquet"):
        _rows(path)


@pytest.mark.parametrize("text", ["sku,title\r1,Lamp\r2,Cup\r", "sku,title\n1,La\rmp\n"])
def test_line_ends_of_another_age_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    with pytest.raises(DataError, match=r"a\.csv, line \d: .*save it with line feeds"):
        _rows(path)


def test_an_open_quote_is_refused_with_its_line(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", 'sku,title\n1,Lamp\n2,"' + "never closed\n" * 400_000)
    with pytest.raises(DataError, match=r"line 3: field larger than field limit .*is a quote left open"):
        _rows(path)
