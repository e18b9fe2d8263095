"""The label that tells a reader, and a machine, that a text was written by AI: where a law asks for it, and since when.

Pure. Not legal advice; each rule names its article, and `verified` says whether its official text has been read for
this platform. Peculiar: the visible label is part of the copy, so it counts against the channel's limits (`labelled`).

- China: Measures for Labelling AI-Generated Synthetic Content, in force 2025-09-01, with GB 45438-2025. A visible label
  at the start, in the middle or at the end of a text; implicit metadata with the AI attribute, the provider and an id.
- European Union: AI Act (Regulation 2024/1689) Art. 50(2), machine-readable marking, applying since 2026-08-02 (systems
  on the market before: 2026-12-02). The visible duty of Art. 50(4) is for texts on matters of public interest, and not
  for those a person reviewed and answers for: advertising copy after review carries the marking alone.
- Republic of Korea: AI Basic Act Art. 31, in force 2026-01-22: a notice that content was made by generative AI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from models_ml.channels import PARTS

CHINA, EUROPE, KOREA = "CN", "EU", "KR"
_MEMBERS = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
        "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip
_TEXTS = {"en": "AI-generated", "zh": "AI生成"}
_BRACKETS = {"en": "[{}]", "zh": "【{}】"}
# Where a column counts, the label stands without brackets' full width.
_NARROW = {"search_ad", "push", "sms", "banner"}


@dataclass(frozen=True)
class LabelRule:
    """A duty to label: since when, for whom, in which form. `verified`: its official text was read."""

    jurisdiction: str
    statute: str
    article: str
    effective_from: date
    visible: bool
    metadata: bool
    verified: bool


RULES: tuple[LabelRule, ...] = (
    LabelRule(
        CHINA,
        "人工智能生成合成内容标识办法; GB 45438-2025",
        "Art. 4 and 5",
        date(2025, 9, 1),
        True,
        True,
        verified=True,
    ),
    LabelRule(KOREA, "AI Basic Act", "Art. 31", date(2026, 1, 22), True, False, verified=False),
    LabelRule(EUROPE, "Regulation (EU) 2024/1689", "Art. 50(2)", date(2026, 8, 2), False, True, verified=False),
)


@dataclass(frozen=True)
class AiLabel:
    """What to show and what to mark. `text` is "" where only metadata is asked for.

    `placement` is the part at whose end the text stands. `metadata` belongs to the message, page or feed entry.
    """

    text: str
    placement: str
    metadata: Mapping[str, object]
    rules: tuple[LabelRule, ...]


def ai_label(jurisdictions: Sequence[str], on: date, language: str, channel: str) -> AiLabel | None:
    """The label for a copy shown on a day to people in `jurisdictions` (CN, EU, DE ...); None where no law asks.

    The strictest rule wins: one visible duty makes the label visible to all. Unknown codes ask for nothing.
    """
    asked = {EUROPE if code.upper() in _MEMBERS else code.upper() for code in jurisdictions}
    rules = tuple(rule for rule in RULES if rule.jurisdiction in asked and rule.effective_from <= on)
    if not rules:
        return None
    text = _shown(language, channel) if any(rule.visible for rule in rules) else ""
    marked = [rule for rule in rules if rule.metadata]
    return AiLabel(text, "body", _metadata(marked), rules)


def with_origin(label: AiLabel, *, producer: str, content_id: str) -> dict[str, object]:
    """The metadata of one copy: who made it, by which id it can be found again (a copy's key or provenance hash)."""
    known: dict[str, object] = dict(label.metadata)
    if "AIGC" in known:
        known["AIGC"] = {"Label": "1", "ContentProducer": producer, "ProduceID": content_id}
    return {**known, "producer": producer, "content_id": content_id}


def labelled(parts: Mapping[str, str], label: AiLabel | None) -> dict[str, str]:
    """The filled parts as a shopper sees them: the label's text at the end of its part, after a space."""
    shown = dict(parts)
    if label is not None and label.text:
        shown[label.placement] = f"{shown.get(label.placement, '')} {label.text}".strip()
    return {part: shown[part] for part in (*PARTS, *shown) if part in shown}


def is_labelled(parts: Mapping[str, str], label: AiLabel | None) -> bool:
    """Whether the filled parts carry the visible label that is asked for (nothing asked for: yes)."""
    return label is None or label.text in parts.get(label.placement, "")


def _shown(language: str, channel: str) -> str:
    text = _TEXTS[language]
    return text if channel in _NARROW else _BRACKETS[language].format(text)


def _metadata(rules: Sequence[LabelRule]) -> dict[str, object]:
    """The fields that do not depend on the copy. AIGC is the key of GB 45438-2025; Label 1 means "is AI-generated".

    `digitalSourceType` is the IPTC term that C2PA and schema.org use for machine-readable marking.
    """
    if not rules:
        return {}
    found: dict[str, object] = {"ai_generated": True, "digitalSourceType": "trainedAlgorithmicMedia"}
    if any(rule.jurisdiction == CHINA for rule in rules):
        found["AIGC"] = {"Label": "1"}
    return found
