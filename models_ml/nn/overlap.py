"""How much of a text stands in another: n-grams and whole sentences of bodies, to tell writing from reciting. Pure.

A slot counts as one item, since the model writes it as one; else items are words in English and characters, punctuation
with them, in Chinese. N-grams run across sentences, within one body.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from models_ml.brief import ParseFailure, parse

SIZES = (8, 12)
SENTENCES = "sentences"
_ITEM = {"en": re.compile(r"\S+"), "zh": re.compile(r"\{[a-z_]+\}|\S")}
_SENTENCE = re.compile(r"[^.!?。！？]+[.!?。！？]?")


@dataclass
class KnownText:
    """What a set of copies holds, in one language: hashes of its n-grams by size, and of its sentences."""

    language: str
    held: dict[str, set[int]] = field(default_factory=dict)

    def add(self, text: str) -> None:
        """Take in one copy (four lines, slots unfilled)."""
        for name, pieces in _pieces(self.language, text).items():
            self.held.setdefault(name, set()).update(map(hash, pieces))

    def shares(self, texts: Iterable[str]) -> dict[str, float]:
        """By "8-grams", "12-grams" and "sentences": the share of the texts' own pieces that is known, 0 to 1."""
        counts: dict[str, list[bool]] = {}
        for text in texts:
            for name, pieces in _pieces(self.language, text).items():
                held = self.held.get(name, set())
                counts.setdefault(name, []).extend(hash(piece) in held for piece in pieces)
        return {name: sum(found) / max(1, len(found)) for name, found in counts.items()}


def items(language: str, text: str) -> tuple[str, ...]:
    """The items that are counted in a text of "en" or "zh"."""
    return tuple(_ITEM[language].findall(text))


def sentences(body: str) -> list[str]:
    """The sentences of a body, each with its stop."""
    return [found.strip() for found in _SENTENCE.findall(body) if found.strip()]


def _pieces(language: str, text: str) -> Mapping[str, list[object]]:
    candidate = parse(text)
    if isinstance(candidate, ParseFailure):
        return {}
    found: dict[str, list[object]] = {f"{size}-grams": [*_grams(language, candidate.body, size)] for size in SIZES}
    return found | {SENTENCES: [*sentences(candidate.body)]}


def _grams(language: str, body: str, size: int) -> Iterator[tuple[str, ...]]:
    own = items(language, body)
    return (own[start : start + size] for start in range(len(own) - size + 1))
