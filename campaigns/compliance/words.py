"""Rules about words: the brand's own list, and the lists in `data/` (ranks, promises, health, reviews, offers).

A list is a table of patterns with what is exempt from them. Both languages' lists read every copy, since an English
`No.1` in a Chinese text is as much a claim. The product's and the brand's own names are never held against the copy.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from campaigns.compliance.findings import BLOCK, CheckContext, CopyParts, Finding, at, fact_spans
from models_ml.channels import PARTS
from models_ml.fact_check.folding import Folded

DATA = Path(__file__).parent / "data"
# Names and codes are not claims of the copy (China's enforcement guide, SAMR notice 2023 no. 6, Art. 6(4)).
NAME_SLOTS = frozenset({"product", "brand", "code"})


@dataclass(frozen=True)
class WordRule:
    """One list. A match is let go inside an exemption, under an offer of `unless_offer`, with the slot `unless_fact`
    known, or, with `unless_supported`, where the shop's own text about the product says the same.
    """

    id: str
    severity: str
    message: str
    remedy: str
    terms: re.Pattern[str]
    exempt: re.Pattern[str] | None
    unless_offer: frozenset[str]
    unless_fact: str
    unless_supported: bool

    def applies(self, context: CheckContext) -> bool:
        """Whether the campaign's offer and facts leave the rule in force."""
        return context.offer_kind not in self.unless_offer and not context.facts.get(self.unless_fact)


def banned(parts: CopyParts, context: CheckContext) -> Iterator[Finding]:
    """Words the brand never uses."""
    for word in context.banned_words:
        if folded := Folded.of(word).text.strip():
            words = (f"The brand does not use the word “{word}”.", "Say it in other words.")
            for part, start, end in _places(parts, context, (_word_pattern(folded), None)):
                yield at("words.banned", BLOCK, parts, (part, start, end), words)


def listed(parts: CopyParts, context: CheckContext) -> Iterator[Finding]:
    """Words of the lists, with their exemptions."""
    supported = [Folded.of(text).text for text in context.supported]
    for rule in word_rules():
        if not rule.applies(context):
            continue
        for part, start, end in _places(parts, context, (rule.terms, rule.exempt)):
            excerpt = parts.filled[part][start:end]
            said = Folded.of(excerpt).text
            if not (rule.unless_supported and any(said in text for text in supported)):
                message = rule.message.replace("{words}", excerpt)
                yield at(rule.id, rule.severity, parts, (part, start, end), (message, rule.remedy))


@cache
def word_rules() -> tuple[WordRule, ...]:
    """The lists of both languages, read once. Raises ValueError naming a rule that cannot be read."""
    return tuple(
        _word_rule(entry)
        for path in sorted(DATA.glob("*.toml"))
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["rule"]
    )


def _word_rule(entry: Mapping[str, Any]) -> WordRule:
    try:
        return WordRule(
            id=entry["id"],
            severity=entry["severity"],
            message=entry["message"],
            remedy=entry["remedy"],
            terms=_any_of(entry["terms"]),
            exempt=_any_of(entry["exempt"]) if entry.get("exempt") else None,
            unless_offer=frozenset(entry.get("unless_offer", ())),
            unless_fact=entry.get("unless_fact", ""),
            unless_supported=entry.get("unless_supported", False),
        )
    except (KeyError, re.error) as problem:
        raise ValueError(f"the rule {entry.get('id')!r} cannot be read: {problem}") from problem


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


def _word_pattern(word: str) -> re.Pattern[str]:
    """The word by itself: `cheap` is not in `cheapskate`; Chinese has no such borders."""
    before = r"(?<![a-z0-9])" if word[0].isascii() else ""
    after = r"(?![a-z0-9])" if word[-1].isascii() else ""
    return re.compile(before + re.escape(word).replace(r"\ ", r"\s+") + after)


def _places(
    parts: CopyParts, context: CheckContext, patterns: tuple[re.Pattern[str], re.Pattern[str] | None]
) -> Iterator[tuple[str, int, int]]:
    terms, exempt = patterns
    for part in PARTS:
        folded = Folded.of(parts.filled.get(part, ""))
        free = [(span.start, span.end) for span in fact_spans(parts, part, context.facts) if span.slot in NAME_SLOTS]
        free += [place[:2] for place in folded.find(exempt)] if exempt else []
        for start, end, _match in folded.find(terms):
            if not any(low <= start and end <= high for low, high in free):
                yield part, start, end
