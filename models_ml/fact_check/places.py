"""Where facts stand in a shown text: where their slots were, or where their own words are found whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from models_ml.brief import SLOT_PATTERN, fill
from models_ml.fact_check.values import FactSpan

# A character of no meaning that stands for each one of a name, so that nothing is read in it.
HIDDEN = "\ue000"


def filled(written: Mapping[str, str], facts: Mapping[str, str]) -> tuple[dict[str, str], dict[str, list[FactSpan]]]:
    """Written parts with their slots filled, and where the facts then stand. Raises FillError for an unknown slot."""
    shown = {part: fill(text, facts) for part, text in written.items()}
    return shown, {part: _slots(text, facts) for part, text in written.items()}


def _slots(written: str, facts: Mapping[str, str]) -> list[FactSpan]:
    spans: list[FactSpan] = []
    shift = 0
    for match in SLOT_PATTERN.finditer(written):
        start, shown = match.start() + shift, facts[match[1]]
        spans.append(FactSpan(start, start + len(shown), match[1]))
        shift += len(shown) - len(match[0])
    return spans


def located(text: str, facts: Mapping[str, str]) -> list[FactSpan]:
    """Where the facts' own texts stand in a shown text, whole: `$4` is not found in `$49`."""
    return [
        FactSpan(start, end, slot)
        for slot, shown in facts.items()
        if len(shown) > 1
        for start, end in places_of(text, shown)
    ]


def places_of(text: str, words: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each place where `words` stand whole, not as part of a longer word or number."""
    for match in _whole(words).finditer(text) if words in text else ():
        yield match.span()


@lru_cache(maxsize=4096)
def _whole(words: str) -> re.Pattern[str]:
    first, last = words[0], words[-1]
    before = r"(?<![A-Za-z0-9])(?<!\d[.,])" if first.isascii() and first.isalnum() else ""
    after = r"(?![A-Za-z0-9])(?![.,]\d)" if last.isascii() and last.isalnum() else ""
    return re.compile(before + re.escape(words) + after)


def hidden(text: str, places: Iterable[tuple[int, int]]) -> str:
    """The text with each place blanked, its length kept."""
    characters = list(text)
    for start, end in places:
        characters[start:end] = HIDDEN * (min(end, len(text)) - start)
    return "".join(characters)


def by_character(spans: Iterable[FactSpan]) -> dict[int, list[FactSpan]]:
    """For each character inside a span, the spans it is in."""
    owners: dict[int, list[FactSpan]] = {}
    for span in spans:
        for position in range(span.start, span.end):
            owners.setdefault(position, []).append(span)
    return owners
