"""Finds the terms of a vocabulary in a text: leftmost first, the longest at each place, in one pass.

A longer phrase may be given no meaning, so that the words inside it are passed over: "silver lining" is no silver,
`玻璃心` no glass. English terms match whole words, with a space or a hyphen between them; Chinese ones any characters.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

Meaning = TypeVar("Meaning")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_HAN = re.compile(r"[\u3400-\u9fff]")


class Found(NamedTuple, Generic[Meaning]):
    """A term at [start, end) and what it means."""

    start: int
    end: int
    meaning: Meaning


class Lexicon(Generic[Meaning]):
    """Terms and their meanings; None is the meaning of a phrase to be passed over."""

    def __init__(self, terms: Iterable[tuple[str, Meaning | None]]) -> None:
        self._words: dict[str, list[tuple[tuple[str, ...], Meaning | None]]] = defaultdict(list)
        self._characters: dict[str, list[tuple[str, Meaning | None]]] = defaultdict(list)
        for term, meaning in terms:
            if _HAN.search(term):
                self._characters[term[0]].append((term, meaning))
                continue
            words = tuple(_WORD.findall(term.lower()))
            self._words[words[0]].append((words, meaning))
            if meaning is None:  # "white lies" is as little white as "a white lie"
                self._words[words[0]].append(((*words[:-1], words[-1] + "s"), None))
        for listed in self._words.values():
            listed.sort(key=lambda entry: -len(entry[0]))
        for written in self._characters.values():
            written.sort(key=lambda entry: -len(entry[0]))

    def find(self, text: str) -> Iterator[Found[Meaning]]:
        """Every term of a folded text that has a meaning; English ones first."""
        yield from self._find_words(text)
        if _HAN.search(text):
            yield from self._find_characters(text)

    def _find_words(self, text: str) -> Iterator[Found[Meaning]]:
        tokens = list(_WORD.finditer(text))
        position = 0
        while position < len(tokens):
            size, meaning = self._at(text, tokens, position)
            if meaning is not None:
                yield Found(tokens[position].start(), tokens[position + size - 1].end(), meaning)
            position += size

    def _at(self, text: str, tokens: list[re.Match[str]], position: int) -> tuple[int, Meaning | None]:
        for words, meaning in self._words.get(tokens[position][0], ()):
            part = tokens[position : position + len(words)]
            if len(part) == len(words) and all(token[0] == word for token, word in zip(part, words, strict=True)):
                gaps = itertools.pairwise(part)
                if all(text[one.end() : two.start()] in {" ", "-", "  "} for one, two in gaps):
                    return len(words), meaning
        return 1, None

    def _find_characters(self, text: str) -> Iterator[Found[Meaning]]:
        position = 0
        while position < len(text):
            size = 1
            for term, meaning in self._characters.get(text[position], ()):
                if text.startswith(term, position):
                    size = len(term)
                    if meaning is not None:
                        yield Found(position, position + size, meaning)
                    break
            position += size
