"""The values that pass in and out of the checks, and which parts of a shown text are facts.

Rules read the FILLED text, since that is what a shopper sees; but a word inside a product's own name, or a price that
came through a slot, is not the writer's claim. `fact_spans` says where such facts stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from models_ml.brief import SLOT_PATTERN, fill
from models_ml.channels import CHANNELS, PARTS
from models_ml.fact_check import FactSpan, PricePoint
from models_ml.labelling import AiLabel

BLOCK, WARN, INFO = "block", "warn", "info"
EXCERPT = 80


@dataclass(frozen=True)
class Finding:
    """What a rule says. `start` and `end` are positions in the shown part; both 0 where the whole part is meant."""

    rule: str
    severity: str
    part: str
    message: str
    remedy: str = ""
    start: int = 0
    end: int = 0
    excerpt: str = ""
    # --- which rule of which pack, so that a person can look it up ---
    pack: str = ""
    pack_version: str = ""
    jurisdiction: str = ""
    article: str = ""
    source_url: str = ""
    why: str = ""
    verified: bool = False


@dataclass(frozen=True)
class Disclaimer:
    """A text the brand must show: in one language or (empty) both, on these channels and in these places or all."""

    text: str
    language: str = ""
    channels: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()


class Hit(NamedTuple):
    """A place that a rule has found, which of its sentences fits, and what they say beside `{words}`.

    `start` and `end` are both 0 where the whole part is meant.
    """

    part: str
    start: int = 0
    end: int = 0
    values: Mapping[str, str] = {}
    variant: str = ""


@dataclass(frozen=True)
class CopyParts:
    """A copy as written (with slots) and as shown (filled), each by part: headline, body, call_to_action."""

    written: Mapping[str, str]
    filled: Mapping[str, str]

    @classmethod
    def of(cls, written: Mapping[str, str], facts: Mapping[str, str]) -> CopyParts:
        """Fill what can be filled; an unknown slot stays as it is, for a rule to find."""
        kept = {part: written.get(part, "") for part in PARTS}
        return cls(kept, {part: fill_leniently(text, facts) for part, text in kept.items()})


@dataclass(frozen=True)
class CheckContext:
    """What a copy is held against: `facts` maps slots to shown text, `supported` are other texts with true figures.

    `today` gives "today only" its meaning, `price_history` proves earlier prices; without them both are findings.
    `label` is what will be shown with a text by a model, which takes room.

    `jurisdictions` (CN, EU, DE, US) choose the rule packs; `as_of` is the day whose rules count: None means `today`,
    and without either the newest state of the rules. `postal_address` is None where nobody asked for it.
    """

    channel: str
    language: str
    facts: Mapping[str, str]
    banned_words: tuple[str, ...] = ()
    required_slots: tuple[str, ...] = ()
    supported: tuple[str, ...] = field(default=())
    offer_kind: str = "none"
    today: date | None = None
    price_history: tuple[PricePoint, ...] = ()
    label: AiLabel | None = None
    jurisdictions: tuple[str, ...] = ()
    as_of: date | None = None
    disclaimers: tuple[Disclaimer, ...] = ()
    preferred_words: tuple[str, ...] = ()
    ai_written: bool = False
    postal_address: str | None = None

    @property
    def rules_of(self) -> date | None:
        """The day whose rules count."""
        return self.as_of or self.today


def fill_leniently(text: str, facts: Mapping[str, str]) -> str:
    """`text` with its known slots filled and the unknown ones left as they are."""
    unknown = {name: f"{{{name}}}" for name in SLOT_PATTERN.findall(text) if name not in facts}
    return fill(text, {**facts, **unknown})


def fact_spans(parts: CopyParts, part: str, facts: Mapping[str, str]) -> list[FactSpan]:
    """Where facts stand in a shown part; empty where the shown text is not this filling of the written one."""
    written, shift = parts.written.get(part, ""), 0
    spans: list[FactSpan] = []
    for match in SLOT_PATTERN.finditer(written):
        shown = facts.get(match[1])
        if shown is not None:
            start = match.start() + shift
            spans.append(FactSpan(start, start + len(shown), match[1]))
            shift += len(shown) - len(match[0])
    return spans if fill_leniently(written, facts) == parts.filled.get(part, "") else []


def blocks(findings: Iterable[Finding]) -> bool:
    """Whether any of the findings forbids approval."""
    return any(finding.severity == BLOCK for finding in findings)


def label(channel: str, part: str) -> str:
    """What a channel calls a part: Subject, Title, Text."""
    return CHANNELS[channel].labels.get(part, part.replace("_", " "))
