"""The writer's desk: what lies ready for one draft, and how a phrase is chosen and spoken there.

It remembers what the draft has said, so that no phrase, no word of a class and no attribute comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from random import Random

from models_ml.brief import ATTRIBUTES, Brief, slots
from models_ml.nn.grammar.phrases import PhraseBook, needs, phrase_book, speak

_TELL_ONCE = {*ATTRIBUTES, "price", "brand"}  # facts that bore when repeated
_MENTIONS = {True: 3, False: 2}  # of the product in headline and body, by whether the channel is long
_SENTENCE_START = re.compile(r"(^|[.!?] )([a-z])")
_QUICK_TRIES = 4
_CLASSES = ("do", "base", "gain", "when", "who", "adj", "act", "place", "get", "lead")


@dataclass
class Desk:
    """One draft's brief, book, trait and generator, and what was said so far (shared by desks turned from it)."""

    brief: Brief
    book: PhraseBook
    rng: Random
    trait: str
    said: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def turned_to(self, trait: str) -> Desk:
        """The same desk with another trait's words."""
        return replace(self, trait=trait)

    @cached_property
    def category(self) -> str:
        """The key of the brief's category; empty when the book does not know it."""
        label = self.brief.product.category
        return next((key for key, labels in self.book.categories().items() if label in labels), "")

    @cached_property
    def classes(self) -> Mapping[str, Sequence[str]]:
        """The phrases of each word class that this brief lends."""
        return _classes(self.book.language, self.trait, self.brief.audience.key, self.category, self.brief.tone)

    def pick(self, *path: str) -> str:
        """A spoken phrase at `path` that fits the brief; empty when there is none."""
        return self.choose(self.book.phrases(*path))

    def choose(self, phrases: Sequence[str]) -> str:
        """A spoken phrase of `phrases` that fits the brief and is not said yet; empty when there is none."""
        phrase = next((phrase for phrase in self._in_any_order(phrases) if self._fits(phrase)), None)
        if phrase is None:
            return ""
        self.said.add(phrase)
        text = speak(phrase, self.rng, self._word)
        self.told += needs(text)[1]
        return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)

    def _in_any_order(self, phrases: Sequence[str]) -> Iterator[str]:
        """Some at random, which mostly suffices, then all in a random order."""
        if phrases:
            yield from (self.rng.choice(phrases) for _ in range(_QUICK_TRIES))
            yield from self.rng.sample(phrases, len(phrases))

    def _fits(self, phrase: str) -> bool:
        classes, named = needs(phrase)
        if phrase in self.said or not classes <= self.classes.keys() or not named <= self._offered:
            return False
        if "product" in named and self.told.count("product") >= self._mentions:
            return False
        return not named & _TELL_ONCE & set(self.told)

    @cached_property
    def _offered(self) -> set[str]:
        return set(slots(self.brief))

    @cached_property
    def _mentions(self) -> int:
        return _MENTIONS[self.brief.channel in ("email", "product_page")]

    def _word(self, name: str) -> str:
        """A phrase of a class, a fresh one while there are any."""
        phrases = self.classes[name]
        fresh = [phrase for phrase in phrases if phrase not in self.said] or phrases
        phrase = self.rng.choice(fresh)
        self.said.add(phrase)
        return speak(phrase, self.rng)


@lru_cache(maxsize=4096)
def _classes(language: str, trait: str, audience: str, category: str, tone: str) -> Mapping[str, Sequence[str]]:
    book = phrase_book(language)
    lenders = (("trait", trait), ("audience", audience), ("category", category), ("tone", tone))
    found = {name: [text for lender in lenders for text in book.phrases(*lender, name)] for name in _CLASSES}
    return {name: phrases for name, phrases in found.items() if phrases}


def offer_key(brief: Brief) -> str:
    """The section of the phrase book for the brief's offer."""
    return "free_shipping_over" if brief.offer.kind == "free_shipping" and brief.offer.value else brief.offer.kind
