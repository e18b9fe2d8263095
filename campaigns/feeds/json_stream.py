"""JSON read one entry at a time: a list, the list under "products" of an object, or one object a line.

Peculiar: the standard decoder reads a whole value, so the file is offered to it in a window that grows until one entry
is complete and then moves on; only an entry above `MOST_ENTRY` characters is refused. Numbers stay as they are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from campaigns.feeds.errors import FeedError
from campaigns.feeds.records import Record, flat

WINDOW = 1 << 16
MOST_ENTRY = 4_000_000
_SPACE = re.compile(r"[\s\ufeff]*")
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


class Window:
    """The part of the file in memory, and where in it we are."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.text = ""
        self.place = 0
        self._ended = False

    def more(self) -> bool:
        """Drop what is read and take as much again as is held. False at the end of the file."""
        if self._ended:
            return False
        piece = self._file.read(max(WINDOW, len(self.text) - self.place))
        self._ended = not piece
        self.text, self.place = self.text[self.place :] + piece, 0
        return not self._ended

    def peek(self) -> str:
        """The next character that is no space, or nothing at the end."""
        while True:
            match = _SPACE.match(self.text, self.place)
            self.place = match.end() if match else self.place
            if self.place < len(self.text):
                return self.text[self.place]
            if not self.more():
                return ""

    def take(self, character: str) -> None:
        """Go past one character. Raises FeedError where another stands there."""
        if self.peek() != character:
            raise FeedError("json_broken")
        self.place += 1

    def value(self) -> Any:
        """The next value. Raises FeedError where it is broken or too large."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.place)
                if end < len(self.text) or not self.more():
                    self.place = min(end, len(self.text))
                    return value
                continue  # the window has moved: decode again, the value may go on
            except (ValueError, RecursionError):
                if len(self.text) - self.place > MOST_ENTRY:
                    raise FeedError("entry_large") from None
                if not self.more():
                    raise FeedError("json_broken") from None


def entries(file: TextIO) -> Iterator[Any]:
    """The entries of a list, or of the list under "products"."""
    window = Window(file)
    if window.peek() == "{":
        _find_products(window)
    window.take("[")
    if window.peek() == "]":
        return
    while True:
        yield window.value()
        if window.peek() == "]":
            return
        window.take(",")


def _find_products(window: Window) -> None:
    """Stop before the list under the key "products"."""
    window.take("{")
    while window.peek() == '"':
        key = window.value()
        window.take(":")
        if key == "products" and window.peek() == "[":
            return
        window.value()
        if window.peek() == "}":
            break
        window.take(",")
    raise FeedError("json_products")


def records(file: TextIO) -> Iterator[Record]:
    """Each entry as a record; one that is no object is broken."""
    for number, entry in enumerate(entries(file), start=1):
        yield record(number, entry)


def line_records(file: TextIO) -> Iterator[Record]:
    """Each line as a record."""
    number = 0
    while line := file.readline(MOST_ENTRY):
        number += 1
        if not (text := line.strip("\ufeff \t\r\n")):
            continue
        try:
            yield record(number, _DECODER.decode(text))
        except (ValueError, RecursionError):
            yield Record(number, {}, "row_broken")


def as_written(value: Any) -> Any:
    """A decoded value with its numbers as texts, as the readers here give them."""
    return _DECODER.decode(json.dumps(value))


def record(number: int, entry: Any) -> Record:
    """An entry as columns."""
    return Record(number, flat(entry)) if isinstance(entry, Mapping) else Record(number, {}, "row_no_object")
