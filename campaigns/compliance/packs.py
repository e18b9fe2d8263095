"""What a rule pack is: rules of one jurisdiction with their article, days in force, exemptions, and texts in two
languages.

Peculiar: a rule and each of its exemptions have days of their own, so the same copy can pass on one day and fail on
another; and `verified` is true only where the official text has been read for this platform, never because a rule is
well known. A rule has the usual sentences and may have variants, which a place that it finds chooses by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

# The packs that count for every copy; the others are chosen by the jurisdictions of the brand.
EVERYWHERE = ("house", "brand", "channel")
ORDER = (*EVERYWHERE, "cn", "eu", "us")
MEMBERS = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
        "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Text:
    """One sentence in the two languages of the reader."""

    en: str
    zh: str

    def said(self, language: str) -> str:
        """The sentence for a reader of `en` or `zh`."""
        return self.zh if language == "zh" else self.en


NOTHING = Text("", "")


@dataclass(frozen=True)
class Days:
    """The days on which something is in force, both included; an open end is None."""

    first: date | None
    last: date | None

    def hold(self, day: date | None) -> bool:
        """Whether `day` lies within. Where no day is known, what has no end counts."""
        if day is None:
            return self.last is None
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True)
class Exemption:
    """What is let go, by which article and on which days. `terms` must cover the whole match."""

    title: Text
    article: Text
    days: Days
    terms: re.Pattern[str]
    verified: bool


@dataclass(frozen=True)
class Sentences:
    """What is said of a place: `{words}` is the excerpt, other names come from the predicate."""

    message: Text
    remedy: Text


@dataclass(frozen=True)
class Rule:
    """One rule. Its places are those of `terms` (over folded text, or as written if `as_written`) or of a `predicate`.

    A match of `terms` is let go inside an exemption, under an offer of `unless_offer`, with the slot `unless_fact`
    known, where the copy itself shows `unless_shown`, or, with `unless_supported`, where the shop's own text says the
    same. Of rules about one `topic` a law speaks before the house; Chinese words are left to a rule of `gives_way_to`.
    """

    id: str
    pack: str
    topic: str
    severity: str
    statute: Text
    article: Text
    source_url: str
    days: Days
    channels: frozenset[str]
    languages: frozenset[str]
    parts: frozenset[str]
    terms: re.Pattern[str] | None
    as_written: bool
    predicate: str
    options: Mapping[str, Any]
    exemptions: tuple[Exemption, ...]
    sentences: Mapping[str, Sentences]
    why: Text
    verified: bool
    unless_offer: frozenset[str]
    unless_fact: str
    unless_supported: bool
    unless_shown: re.Pattern[str] | None
    gives_way_to: frozenset[str]
    fails: tuple[str, ...]
    passes: tuple[str, ...]

    def applies(self, channel: str, language: str, day: date | None) -> bool:
        """Whether the rule is in force that day for this channel and language."""
        return (
            self.days.hold(day)
            and (not self.channels or channel in self.channels)
            and (not self.languages or language in self.languages)
        )

    def cited(self, language: str) -> str:
        """Statute and article in one line; empty for a rule of the house."""
        statute, article = self.statute.said(language), self.article.said(language)
        between = ", " if language == "en" else " " if article.isascii() else ""
        return between.join(part for part in (statute, article) if part)


@dataclass(frozen=True)
class Change:
    """What a version of a pack changed, and when."""

    version: str
    day: date
    what: Text


@dataclass(frozen=True)
class Pack:
    """A pack with its rules; `jurisdiction` is empty for what counts everywhere.

    `words` are values of sentences in Chinese; `patterns` are sentences that no single rule owns (the fact check's).
    """

    id: str
    jurisdiction: str
    version: str
    title: Text
    about: Text
    changes: tuple[Change, ...]
    rules: tuple[Rule, ...]
    words: Mapping[str, str]
    patterns: tuple[Text, ...]


def jurisdiction_of(code: str) -> str:
    """The jurisdiction whose pack a code stands for: a member state counts as the European Union."""
    upper = code.strip().upper()
    return "EU" if upper in MEMBERS else upper
