"""Which encoding a file has, and the files that are refused."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from models_ml.data.encoding import LONGEST_LINE, detect_encoding, opened, text_lines
from models_ml.data.errors import DataError

CHINESE = "货号,标题\n1,轻柔的亚麻衬衫\n2,联通充值卡\n"
FRENCH = "sku,title\n1,Chemise légère été\n2,Crème à la rose\n"


def _lines(path: Path) -> list[str]:
    encoding = detect_encoding(str(path))
    with opened(str(path)) as stream:
        return list(text_lines(stream, path.name, encoding))


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        ("a,b\n1,2\n", "ascii", "utf-8-sig"),
        (CHINESE, "utf-8", "utf-8-sig"),
        (CHINESE, "utf-8-sig", "utf-8-sig"),
        (CHINESE, "gb18030", "gb18030"),
        (FRENCH, "utf-8", "utf-8-sig"),
        (FRENCH, "latin-1", "cp1252"),
        ("price\n10 €\n", "cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_finds_the_encoding_and_reads_by_it(tmp_path: Path, text: str, written: str, found: str, packed: bool) -> None:
    path = tmp_path / "file.csv"
    data = text.encode(written)
    path.write_bytes(gzip.compress(data) if packed else data)
    assert detect_encoding(str(path)) == found
    assert "".join(_lines(path)) == text


def test_mixed_encodings_are_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_bytes(b"sku,title\n" + "1,亚麻衬衫\n".encode() + b"2,plain\n" + "3,亚麻衬衫\n".encode("gb18030"))
    with pytest.raises(DataError, match=r"mixed\.csv mixes encodings: line 2 is UTF-8, line 4 is not") as caught:
        detect_encoding(str(path))
    assert caught.value.field == "source.path"


def test_latin_accents_in_a_file_of_utf8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_bytes("café\n".encode() + "été\n".encode("latin-1"))
    with pytest.raises(DataError, match="line 1 is UTF-8, line 2 is not"):
        detect_encoding(str(path))


def test_gb18030_lines_that_happen_to_be_utf8_do_not_confuse(tmp_path: Path) -> None:
    path = tmp_path / "telecom.csv"  # the famous two characters whose GBK bytes are valid UTF-8
    path.write_bytes("联通\n轻柔的亚麻衬衫\n".encode("gb18030"))
    assert _lines(path) == ["联通\n", "轻柔的亚麻衬衫\n"]


def test_a_line_of_100_mb_is_refused_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as stream:
        stream.write(b'{"text": "fine"}\n{"text": "')
        for _ in range(100):
            stream.write(b"x" * 1_000_000)
        stream.write(b'"}\n')
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"long\.jsonl, line 2 is longer than 4 MB"):
            detect_encoding(str(path))
        assert tracemalloc.get_traced_memory()[1] < 4 * LONGEST_LINE
    finally:
        tracemalloc.stop()


def test_a_small_archive_that_unpacks_to_one_endless_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"x" * 50_000_000))
    with pytest.raises(DataError, match="line 1 is longer"):
        detect_encoding(str(path))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"a,b\n1,\x00\n", "line 2 holds a zero byte"),
        ("a,b\n".encode("utf-16"), "line 1 holds a zero byte"),
        (gzip.compress(b"a,b\n" * 9999, mtime=0)[:-20], "cannot be read to its end"),
        (b"\x1f\x8bnonsense", "cannot be read to its end"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=told):
        detect_encoding(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file gone\.csv"):
        detect_encoding(str(tmp_path / "gone.csv"))
