"""A feed as a file on disk: what it is, its columns, and its records from the first to the last.

Peculiar: the format is told by the content and never by the name of the file, and nothing is read whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from campaigns.feeds import delimited, json_stream, letters, merchant, shopify
from campaigns.feeds.errors import FeedError
from campaigns.feeds.records import MOST_COLUMNS, Record

CSV, JSON, LINES = "csv", "json", "jsonl"
SHOPIFY_CSV, SHOPIFY_JSON = "shopify_csv", "shopify_json"
MERCHANT_XML, MERCHANT_TSV = "merchant_xml", "merchant_tsv"
HEAD = 100_000
SAMPLED = 50


@dataclass(frozen=True, slots=True)
class Look:
    """What a file is."""

    format: str
    encoding: str
    columns: tuple[str, ...]


def look(path: Path) -> Look:
    """The format, the encoding and the columns of the first records. Raises FeedError."""
    encoding = letters.find(path)
    with _opened(path, encoding) as file:
        head = file.read(HEAD)
    found = _format(head)
    columns: dict[str, None] = {}
    for record in islice(records(path, found, encoding), SAMPLED):
        columns |= dict.fromkeys(name for name in record.values if name)
    if not columns:
        raise FeedError("no_rows")
    if any("\0" in name or not name.isprintable() for name in columns):
        raise FeedError("headings")
    return Look(found, encoding, tuple(columns)[:MOST_COLUMNS])


def records(path: Path, kind: str, encoding: str) -> Iterator[Record]:
    """Every record. Raises FeedError where the file breaks off or lies about what it is."""
    try:
        with _opened(path, encoding) as file:
            yield from _records(file, kind)
    except UnicodeError:
        raise FeedError("encoding") from None


def _records(file: TextIO, kind: str) -> Iterator[Record]:
    if kind == MERCHANT_XML:
        yield from merchant.records(file)
    elif kind == LINES:
        yield from json_stream.line_records(file)
    elif kind == JSON:
        yield from json_stream.records(file)
    elif kind == SHOPIFY_JSON:
        yield from shopify.json_records(json_stream.entries(file))
    else:
        _names, mark = delimited.headings(file.readline(HEAD))
        file.seek(0)
        rows = delimited.records(file, mark)
        yield from shopify.table_records(rows) if kind == SHOPIFY_CSV else rows


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[TextIO]:
    with path.open(encoding=encoding, newline="") as file:
        yield file


def _format(head: str) -> str:
    text = head.lstrip("\ufeff \t\r\n")
    if not text:
        raise FeedError("empty")
    if text[0] == "<":
        return MERCHANT_XML
    if text[0] in "[{":
        return _json_format(text)
    names, mark = delimited.headings(text.splitlines()[0])
    if shopify.is_table(names):
        return SHOPIFY_CSV
    lowered = {name.lower().removeprefix("g:") for name in names}
    return MERCHANT_TSV if mark == "\t" and {"id", "title"} <= lowered else CSV


def _json_format(text: str) -> str:
    first, _end, rest = text.partition("\n")
    if text[0] == "{" and _whole(first) and '"products"' not in first[:200]:
        return LINES
    if text[0] == "{" and _whole(first) and rest.lstrip().startswith("{"):
        return LINES
    return SHOPIFY_JSON if '"variants"' in text else JSON


def _whole(line: str) -> bool:
    return line.rstrip().endswith("}") and line.count("{") == line.count("}")
