"""Streams of training and evaluation examples, seeded: the same seed gives the same texts on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from models_ml.brief import Brief, messages
from models_ml.nn.grammar.world import sample_brief
from models_ml.nn.grammar.writer import render, write


@dataclass(frozen=True)
class Example:
    """A brief and a copy that follows it. `answer` is the text the model is to write."""

    brief: Brief
    answer: str

    def chat(self) -> list[dict[str, str]]:
        """The example as chat messages, the answer last."""
        return [*messages(self.brief), {"role": "assistant", "content": self.answer}]


def examples(count: int, seed: int, *, unseen: bool = False) -> Iterator[Example]:
    """`count` examples of the seen (or unseen) part of the world. Briefs no draft can serve are drawn again."""
    rng = Random(f"{seed}/{'unseen' if unseen else 'seen'}")  # noqa: S311 - text, not secrets
    made = 0
    while made < count:
        brief = sample_brief(rng, unseen=unseen)
        candidate = write(brief, rng)
        if candidate is not None:
            made += 1
            yield Example(brief, render(candidate))


def unseen_briefs(count: int, seed: int) -> list[Brief]:
    """`count` briefs of the unseen part, English and Chinese by turns, not filtered by what the grammar can serve."""
    rng = Random(f"{seed}/briefs")  # noqa: S311 - text, not secrets
    return [sample_brief(rng, unseen=True, language=("en", "zh")[index % 2]) for index in range(count)]


def dataset_hash(items: Iterable[Example]) -> str:
    """SHA-256 over prompts and answers in order."""
    digest = hashlib.sha256()
    for item in items:
        for message in item.chat():
            digest.update(message["content"].encode() + b"\0")
    return digest.hexdigest()
