"""Predicates about the brand's own rules: words it never uses, words it says otherwise, texts it must show."""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.compliance.asking import Asked
from campaigns.compliance.findings import CheckContext, Disclaimer, Hit
from campaigns.compliance.packs import jurisdiction_of
from campaigns.compliance.words import places, word_pattern
from models_ml.fact_check.folding import Folded

# "bag > tote" in the list of preferred words: the brand says tote and not bag.
_INSTEAD = re.compile(r"\s*(?:->|[>＞→])\s*")


def banned(asked: Asked) -> Iterator[Hit]:
    """Words the brand never uses."""
    for word in asked.context.banned_words:
        if folded := Folded.of(word).text.strip():
            for hit in places(asked.parts, asked.context, word_pattern(folded)):
                yield hit._replace(values={"word": word})


def preferred(asked: Asked) -> Iterator[Hit]:
    """Words for which the brand has another one; a preferred word alone forbids nothing."""
    for entry in asked.context.preferred_words:
        pair = [side.strip() for side in _INSTEAD.split(entry, maxsplit=1)]
        if len(pair) == 2 and all(pair) and (folded := Folded.of(pair[0]).text.strip()):
            for hit in places(asked.parts, asked.context, word_pattern(folded)):
                yield hit._replace(values={"better": pair[1]})


def disclaimers(asked: Asked) -> Iterator[Hit]:
    """Texts that must be shown, whatever the spaces, letters' case or width."""
    shown = _plain(" ".join(asked.parts.filled.values()))
    for one in asked.context.disclaimers:
        if _asked(one, asked.context) and (wanted := _plain(one.text)) and wanted not in shown:
            yield Hit("body", values={"text": one.text})


def _asked(one: Disclaimer, context: CheckContext) -> bool:
    places_of_copy = {jurisdiction_of(code) for code in context.jurisdictions}
    return (
        one.language in {"", context.language}
        and (not one.channels or context.channel in one.channels)
        and (not one.jurisdictions or bool(places_of_copy & {jurisdiction_of(code) for code in one.jurisdictions}))
    )


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", Folded.of(text).text)
