"""Rules about form: every part is there, fits its channel, has its slots filled and is in the campaign's language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.compliance.findings import BLOCK, WARN, CheckContext, CopyParts, Finding, at, fact_spans, label
from models_ml.brief import SLOT_PATTERN
from models_ml.channels import CHANNELS, PARTS, violations
from models_ml.labelling import labelled

_HAN = re.compile(r"[\u3400-\u9fff]")
_UNITS = {
    "width": "columns wide (a Chinese character takes two)",
    "septets": "septets long (one message holds 160; a Chinese character takes more than two)",
}


def missing_parts(parts: CopyParts, context: CheckContext) -> Iterator[Finding]:
    """A headline, a text and a call to action are all needed."""
    for part in PARTS:
        if not parts.filled.get(part, "").strip():
            name = label(context.channel, part)
            yield Finding("form.missing", BLOCK, part, f"{name}: nothing is written.", "Write this part.")


def too_long(parts: CopyParts, context: CheckContext) -> Iterator[Finding]:
    """The shown text fits the channel, with the AI label where it will carry one."""
    for over in violations(context.channel, labelled(parts.filled, context.label)):
        unit = _UNITS[CHANNELS[context.channel].unit]
        text = f"{label(context.channel, over.part)}: {over.size} {unit}; the limit is {over.limit}."
        yield Finding("form.too_long", BLOCK, over.part, text, f"Shorten it by {over.size - over.limit}.")


def slots(parts: CopyParts, context: CheckContext) -> Iterator[Finding]:
    """No slot is left open, and all that the offer says is said."""
    for part in PARTS:
        shown, known = parts.filled.get(part, ""), fact_spans(parts, part, context.facts)
        for match in re.finditer(r"\{[a-z_]*\}?|\}", shown):
            if not any(span.start <= match.start() < span.end for span in known):
                yield at("form.open_slot", BLOCK, parts, (part, *match.span()), _open_slot(match[0]))
    used = {name for text in parts.written.values() for name in SLOT_PATTERN.findall(text)}
    for name in context.required_slots:
        fact = context.facts.get(name, "")
        if name not in used and fact not in " ".join(parts.filled.values()):
            text = f"The copy does not say the {name.replace('_', ' ')} ({fact})."
            yield Finding("form.left_out", WARN, "body", text, f"Put {{{name}}} where it should stand.")


def wrong_language(parts: CopyParts, context: CheckContext) -> Iterator[Finding]:
    """English copy holds no Chinese of its own, Chinese copy holds some."""
    own = " ".join(SLOT_PATTERN.sub(" ", text) for text in parts.written.values())
    if not own.strip():
        return
    chinese = bool(_HAN.search(own))
    if chinese != (context.language == "zh"):
        wanted = "Chinese" if context.language == "zh" else "English"
        yield Finding("form.language", WARN, "body", f"The campaign is in {wanted}; this text is not.", "Translate it.")


def _open_slot(text: str) -> tuple[str, str]:
    if SLOT_PATTERN.fullmatch(text):
        return f"There is no fact for {text} in this campaign.", "Use one of the slots listed in the brief."
    return "A curly bracket stands alone: a broken slot.", "Write the slot whole, such as {product}, or take it out."
