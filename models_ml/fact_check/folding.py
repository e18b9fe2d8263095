"""A text brought into one form for searching, with the way back to its characters.

Full-width letters and digits become plain ones, case is folded, and characters that cannot be seen are left out, so
that neither `ＢＥＳＴ` nor a `best` with a zero-width space inside it slips through.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Folded:
    """`text` is the form to search in; `origin[i]` is the position in the first text of its character i."""

    text: str
    origin: Sequence[int]

    @classmethod
    def of(cls, text: str) -> Folded:
        """Fold a text."""
        if text.isascii():
            return cls(text.lower(), range(len(text) + 1))
        letters: list[str] = []
        origin: list[int] = []
        for position, character in enumerate(text):
            for letter in _fold(character):
                letters.append(letter)
                origin.append(position)
        return cls("".join(letters), (*origin, len(text)))

    def find(self, pattern: re.Pattern[str]) -> Iterator[tuple[int, int, re.Match[str]]]:
        """(start, end, match) of each match, in positions of the first text."""
        for match in pattern.finditer(self.text):
            if match.end() > match.start():
                yield *self.place(match.start(), match.end()), match

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where the folded characters [start, end) stand in the first text; `end` is over `start`."""
        return self.origin[start], self.origin[end - 1] + 1


@lru_cache(maxsize=8192)
def _fold(character: str) -> str:
    if character in "’‘":
        return "'"
    # Format characters (Cf) such as the zero-width space and joiner, and combining variation selectors.
    if unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return ""
    return unicodedata.normalize("NFKC", character).casefold()
