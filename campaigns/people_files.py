"""Reading files of shoppers: CSV with a heading line, or one JSON object a line. Pure.

Peculiar: of a CSV each column is given a place (a field, a consent, an attribute of its own name, or none), and a value
that reads as a number or as true or false becomes one only in an attribute. Rows are read one after the other, so a
large file needs no memory.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.people_records import FIELDS, RecordError, ShopperInput, read_shopper

ATTRIBUTE = "attribute"
IGNORED = ""
CONSENTS = {"consent_email": "email", "consent_sms": "sms", "consent_push": "push"}
PLACES = ("unit", *FIELDS, *CONSENTS, "consent_source", "consent_at", ATTRIBUTE)
MAX_COLUMNS = 100
_GUESSES = {
    "unit": "unit", "id": "unit", "customer_id": "unit", "user_id": "unit", "external_id": "unit", "shopper": "unit",
    "e-mail": "email", "mail": "email", "email_address": "email", "telephone": "phone", "mobile": "phone",
    "country_code": "country", "locale": "language", "timezone": "time_zone", "accepts_marketing": "consent_email",
    "email_consent": "consent_email", "sms_consent": "consent_sms", "push_consent": "consent_push",
    "consent_date": "consent_at", "consent_time": "consent_at",
}  # fmt: skip
# A heading that a list of addresses may have.
_HEADINGS = frozenset({"email", "e-mail", "phone", "address", "unit", "value"})
_YES = frozenset({"1", "true", "yes", "y", "on", "是", "subscribed"})
_NO = frozenset({"0", "false", "no", "n", "off", "否", "unsubscribed"})
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which column is what, and what is said of consents where no column says it."""

    places: Mapping[str, str]
    consent_source: str = ""
    consent_at: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that cannot be used: its number in the file (the heading is 1), the field and a code. Never the value."""

    line: int
    field: str
    code: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"line": self.line, "field": self.field, "code": self.code}


def is_lines(first: str) -> bool:
    """Whether the first line of a file is a JSON object."""
    return first.lstrip("\ufeff").lstrip().startswith("{")


def headings(lines: Iterable[str]) -> list[str]:
    """The names of the columns of a CSV. Raises RecordError where there are none, too many, or one twice."""
    try:
        found = [name.strip() for name in next(_reader(lines), [])]
    except csv.Error:
        raise RecordError("file", "csv") from None
    if not any(found) or len(found) > MAX_COLUMNS:
        raise RecordError("file", "headings")
    if len(set(found)) < len(found) or not all(found):
        raise RecordError("file", "heading_twice")
    return found


def guessed(columns: Sequence[str]) -> dict[str, str]:
    """A place for each column by its name; one whose place is taken, or that is not known, is an attribute."""
    found: dict[str, str] = {}
    for column in columns:
        name = column.strip().lower().replace(" ", "_")
        place = name if name in PLACES else _GUESSES.get(name, ATTRIBUTE)
        found[column] = ATTRIBUTE if place in found.values() else place
    return found


def check_places(places: Mapping[str, str]) -> None:
    """Raise RecordError where no column is the unit, or two are the same field."""
    chosen = [place for place in places.values() if place not in (ATTRIBUTE, IGNORED)]
    if "unit" not in chosen:
        raise RecordError("unit", "no_unit_column")
    if len(set(chosen)) < len(chosen):
        raise RecordError("places", "place_twice")


def read_csv(lines: Iterable[str], mapped: Mapped) -> Iterator[tuple[int, ShopperInput | Problem]]:
    """Each row with its line number: the shopper, or what is wrong."""
    reader = _reader(lines)
    columns = [name.strip() for name in next(reader, [])]
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, Problem(reader.line_num, "", "csv")
            continue
        if any(cell.strip() for cell in row):
            yield reader.line_num, _checked(reader.line_num, columns, row, mapped)


def read_lines(lines: Iterable[str]) -> Iterator[tuple[int, ShopperInput | Problem]]:
    """Each line of JSON with its number: the shopper, or what is wrong."""
    for number, line in enumerate(lines, start=1):
        if not (text := line.lstrip("\ufeff").strip()):
            continue
        try:
            yield number, read_shopper(json.loads(text))
        except RecordError as problem:
            yield number, Problem(number, problem.field, problem.code)
        except (ValueError, RecursionError):
            yield number, Problem(number, "", "json")


def _reader(lines: Iterable[str]) -> Any:
    return csv.reader((line.replace("\0", "") for line in _without_mark(lines)), strict=True)


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if number == 0 else line


def _checked(number: int, columns: Sequence[str], row: Sequence[str], mapped: Mapped) -> ShopperInput | Problem:
    if len(row) != len(columns):
        return Problem(number, "", "cells")
    try:
        return read_shopper(_record(dict(zip(columns, row, strict=True)), mapped))
    except RecordError as problem:
        return Problem(number, problem.field, problem.code)


def _record(cells: Mapping[str, str], mapped: Mapped) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {}, "consents": []}
    said: dict[str, str] = {}
    for column, cell in cells.items():
        place, text = mapped.places.get(column, IGNORED), cell.strip()
        if place == IGNORED or not text:
            continue
        if place == ATTRIBUTE:
            record["attributes"][column] = _typed(text)
        elif place in CONSENTS or place.startswith("consent_"):
            said[place] = text
        else:
            record[place] = text
    record["consents"] = [_consent(place, said, mapped) for place in CONSENTS if place in said]
    return record


def _consent(place: str, said: Mapping[str, str], mapped: Mapped) -> dict[str, Any]:
    word = said[place].lower()
    if word not in _YES | _NO:
        raise RecordError(place, "given")
    return {
        "channel": CONSENTS[place],
        "given": word in _YES,
        "source": said.get("consent_source", mapped.consent_source),
        "at": said.get("consent_at", mapped.consent_at),
    }


def _typed(text: str) -> Any:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    return json.loads(text) if _NUMBER.fullmatch(text) else text


def first_cells(content: bytes) -> list[str]:
    """The first cell of each line that has one, for lists of addresses. Raises RecordError."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
        cells = [row[0].strip() for row in _reader(lines) if row]
    except (UnicodeDecodeError, csv.Error):
        raise RecordError("file", "csv") from None
    return [cell for cell in cells if cell and cell.lower() not in _HEADINGS]
