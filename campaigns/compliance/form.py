"""Predicates about form: every part is there, fits its channel, has its slots filled, is in the right language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.compliance.asking import Asked
from campaigns.compliance.findings import Hit, fact_spans, label
from models_ml.brief import SLOT_PATTERN
from models_ml.channels import CHANNELS, PARTS, violations
from models_ml.labelling import labelled

_HAN = re.compile(r"[\u3400-\u9fff]")


def missing_parts(asked: Asked) -> Iterator[Hit]:
    """A headline, a text and a call to action are all needed."""
    for part in PARTS:
        if not asked.parts.filled.get(part, "").strip():
            yield Hit(part, values={"label": label(asked.context.channel, part)})


def too_long(asked: Asked) -> Iterator[Hit]:
    """The shown text fits the channel, with the AI label where it will carry one."""
    for over in violations(asked.context.channel, labelled(asked.parts.filled, asked.context.label)):
        values = {"size": str(over.size), "limit": str(over.limit), "over": str(over.size - over.limit)}
        unit = CHANNELS[asked.context.channel].unit
        yield Hit(over.part, values={"label": label(asked.context.channel, over.part), **values}, variant=unit)


def open_slots(asked: Asked) -> Iterator[Hit]:
    """No slot is left open."""
    for part in PARTS:
        shown, known = asked.parts.filled.get(part, ""), fact_spans(asked.parts, part, asked.context.facts)
        for match in re.finditer(r"\{[a-z_]*\}?|\}", shown):
            if not any(span.start <= match.start() < span.end for span in known):
                yield Hit(part, *match.span(), variant="" if SLOT_PATTERN.fullmatch(match[0]) else "broken")


def left_out(asked: Asked) -> Iterator[Hit]:
    """All that the offer says is said."""
    used = {name for text in asked.parts.written.values() for name in SLOT_PATTERN.findall(text)}
    for name in asked.context.required_slots:
        fact = asked.context.facts.get(name, "")
        if name not in used and fact not in " ".join(asked.parts.filled.values()):
            yield Hit("body", values={"name": name.replace("_", " "), "fact": fact, "slot": f"{{{name}}}"})


def wrong_language(asked: Asked) -> Iterator[Hit]:
    """English copy holds no Chinese of its own, Chinese copy holds some."""
    own = " ".join(SLOT_PATTERN.sub(" ", text) for text in asked.parts.written.values())
    if own.strip() and bool(_HAN.search(own)) != (asked.context.language == "zh"):
        yield Hit("body", variant=asked.context.language)
