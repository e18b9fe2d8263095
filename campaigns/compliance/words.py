"""Rules that are lists of patterns, with what is exempt from them.

Both languages' lists read every copy, since an English `No.1` in a Chinese text is as much a claim. The product's and
the brand's own names are never held against the copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.compliance.asking import Asked
from campaigns.compliance.findings import CheckContext, CopyParts, Hit, fact_spans
from models_ml.channels import PARTS
from models_ml.fact_check.folding import Folded

# Names and codes are not claims of the copy (China's enforcement guide, SAMR notice 2023 no. 6, Art. 6(4)).
NAME_SLOTS = frozenset({"product", "brand", "code"})


def matches(asked: Asked) -> Iterator[Hit]:
    """The places of a rule's patterns that no exemption of the day, offer, fact or text of the shop lets go."""
    if asked.rule.terms is None or _let_go(asked):
        return
    exempt = [one.terms for one in asked.rule.exemptions if one.days.hold(asked.context.rules_of)]
    supported = [Folded.of(text).text for text in asked.context.supported] if asked.rule.unless_supported else []
    for hit in places(asked.parts, asked.context, asked.rule.terms, exempt, as_written=asked.rule.as_written):
        said = Folded.of(asked.parts.filled[hit.part][hit.start : hit.end]).text
        if (not asked.rule.parts or hit.part in asked.rule.parts) and not any(said in text for text in supported):
            yield hit


def places(
    parts: CopyParts,
    context: CheckContext,
    terms: re.Pattern[str],
    exempt: list[re.Pattern[str]] | None = None,
    *,
    as_written: bool = False,
) -> Iterator[Hit]:
    """Where a pattern stands in the shown parts, outside names and outside what is exempt."""
    for part in PARTS:
        text = parts.filled.get(part, "")
        folded = Folded(text, range(len(text) + 1)) if as_written else Folded.of(text)
        found = list(folded.find(terms))
        if not found:
            continue
        free = names(parts, part, context)
        free += [place[:2] for pattern in exempt or () for place in folded.find(pattern)]
        for start, end, _match in found:
            if not any(low <= start and end <= high for low, high in free):
                yield Hit(part, start, end)


def names(parts: CopyParts, part: str, context: CheckContext) -> list[tuple[int, int]]:
    """Where a shown part bears a name or a code, which no rule reads."""
    spans = fact_spans(parts, part, context.facts)
    return [(span.start, span.end) for span in spans if span.slot in NAME_SLOTS]


def word_pattern(word: str) -> re.Pattern[str]:
    """The folded word by itself: `cheap` is not in `cheapskate`; Chinese has no such borders."""
    before = r"(?<![a-z0-9])" if word[0].isascii() else ""
    after = r"(?![a-z0-9])" if word[-1].isascii() else ""
    return re.compile(before + re.escape(word).replace(r"\ ", r"\s+") + after)


def _let_go(asked: Asked) -> bool:
    rule, parts, context = asked
    if context.offer_kind in rule.unless_offer or context.facts.get(rule.unless_fact):
        return True
    if rule.unless_shown is None:
        return False
    shown = Folded.of("\n".join(parts.filled.get(part, "") for part in PARTS)).text
    return rule.unless_shown.search(shown) is not None
