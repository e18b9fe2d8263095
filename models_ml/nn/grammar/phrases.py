"""The phrase books (data/en.toml, data/zh.toml) and how a phrase is spoken.

A phrase is a text with choices: `[a|b]` is one of them, `[a|]` an optional part. Slots (`{product}`) pass through.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

_CHOICE = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Idea:
    """A theme with headlines and lines that belong together; `trait` says whom it suits ("any" for all)."""

    trait: str
    theme: tuple[str, ...]
    headline: tuple[str, ...]
    line: tuple[str, ...]


@dataclass(frozen=True)
class PhraseBook:
    """All phrases of one language. `sections` maps e.g. "offer" to "percent" to "say" to phrases."""

    language: str
    ideas: tuple[Idea, ...]
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
    text = files("models_ml.nn.grammar").joinpath("data", f"{language}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    ideas = tuple(
        Idea(item["trait"], tuple(item["theme"]), tuple(item["headline"]), tuple(item["line"]))
        for item in data.pop("idea")
    )
    return PhraseBook(language, ideas, data)


def speak(phrase: str, rng: Random) -> str:
    """`phrase` with each choice taken at random."""
    return _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), phrase)


def variants(phrase: str) -> Iterator[str]:
    """Every text `phrase` can become."""
    pieces = _CHOICE.split(phrase)
    choices = [piece.split("|") if index % 2 else [piece] for index, piece in enumerate(pieces)]
    return ("".join(combination) for combination in itertools.product(*choices))


def every_phrase(language: str) -> Iterator[str]:
    """Every phrase of a language, choices unspoken (for tests and counts)."""
    book = phrase_book(language)
    for idea in book.ideas:
        yield from (*idea.theme, *idea.headline, *idea.line)
    yield from _leaves({key: value for key, value in book.sections.items() if key != "category"})
    for category in book.sections["category"].values():
        yield from category["line"]


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
        return
    for child in node.values() if isinstance(node, Mapping) else node:
        yield from _leaves(child)
