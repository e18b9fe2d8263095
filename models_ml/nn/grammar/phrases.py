"""The phrase books (data/en_*.toml, data/zh_*.toml) and how a phrase is spoken.

A phrase is a text with choices, `[a|b]` (one of them) and `[a|]` (an optional part), which may stand inside each other,
and with word classes, `<gain>`, which whoever speaks the phrase fills. Slots (`{product}`) pass through.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from models_ml.brief import SLOT_PATTERN

PARTS_OF_A_BOOK = ("traits", "scenes", "frames", "offers")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")  # an innermost one
_CLASS = re.compile(r"<([a-z]+)>")

Word = Callable[[str], str]


@dataclass(frozen=True)
class PhraseBook:
    """All phrases of one language. `sections` maps e.g. "offer" to "percent" to "say" to phrases."""

    language: str
    sections: Mapping[str, Any]

    def phrases(self, *path: str) -> Sequence[str]:
        """The phrases at `path` ("tone", "warm", "line"); empty where the book has none."""
        node: Any = self.sections
        for name in path:
            node = node.get(name, {}) if isinstance(node, Mapping) else {}
        return node if isinstance(node, list) else ()

    def categories(self) -> Mapping[str, Sequence[str]]:
        """The labels by which each known category goes."""
        return {key: value["labels"] for key, value in self.sections["category"].items()}


@cache
def phrase_book(language: str) -> PhraseBook:
    """The phrase book of "en" or "zh"."""
    folder = files("models_ml.nn.grammar").joinpath("data")
    sections: dict[str, Any] = {}
    for part in PARTS_OF_A_BOOK:
        sections |= tomllib.loads(folder.joinpath(f"{language}_{part}.toml").read_text(encoding="utf-8"))
    return PhraseBook(language, sections)


@cache
def needs(phrase: str) -> tuple[frozenset[str], frozenset[str]]:
    """The word classes and the slots that `phrase` may come to name."""
    return frozenset(_CLASS.findall(phrase)), frozenset(SLOT_PATTERN.findall(phrase))


def speak(phrase: str, rng: Random, word: Word | None = None) -> str:
    """`phrase` with each choice taken at random and each word class filled by `word`."""
    while match := _CHOICE.search(phrase):
        phrase = phrase[: match.start()] + rng.choice(match[1].split("|")) + phrase[match.end() :]
    return _CLASS.sub(lambda found: word(found[1]), phrase) if word else phrase


def variants(phrase: str) -> Iterator[str]:
    """Every text `phrase` can become, classes unfilled; some more than once where choices stand inside each other."""
    match = _CHOICE.search(phrase)
    if match is None:
        yield phrase
        return
    for option in match[1].split("|"):
        yield from variants(phrase[: match.start()] + option + phrase[match.end() :])


def every_phrase(language: str) -> Iterator[str]:
    """Every phrase of a language, choices unspoken (for tests and counts); the labels of categories are none."""
    for name, section in phrase_book(language).sections.items():
        for key, node in section.items():
            kept = {part: value for part, value in node.items() if part != "labels"} if name == "category" else node
            yield from _leaves({key: kept})


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
        return
    for child in node.values() if isinstance(node, Mapping) else node:
        yield from _leaves(child)
