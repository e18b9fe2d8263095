"""Words that claim: materials, colours, ranks, promises, offers; found in one pass, with their broader terms.

The rule of support: a claim is supported by the same word, a synonym in either language, or a NARROWER fact. "Linen"
supports "natural fibre" and `navy` supports `蓝色`; "cotton" does not support "organic cotton", nor `皮革` `头层牛皮`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from models_ml.fact_check.lexicon import Found, Lexicon
from models_ml.fact_check.units import data
from models_ml.fact_check.values import Claim

_PHRASES = ("superlative", "guarantee", "rating", "price_history", "offer")
_ADJECTIVES = (
    r"(?:(?:soft|pure|real|solid|genuine|fine|warm|deep|light|dark|pale|bright|classic|natural|brushed|smooth|recycled"
    r"|woven|a|the)\s+){0,3}"
)
_MADE = re.compile(
    rf"\b(?:made|crafted|built|cut|woven|cast|wrapped|lined|finished|filled)\s+(?:of|from|in|with)\s+{_ADJECTIVES}$"
    rf"|\b(?:material|pure|solid|real|genuine|cast|blown|brushed|wool)\s*:?\s*$|%\s*{_ADJECTIVES}$"
)
_THING = re.compile(
    r"[\s-](?:body|lid|base|frame|handle|sole|lining|upper|shell|case|fabric|cover|filled|filling|strap|finish|bottle|jug|jar"
    r"|mug|cup|bowl|vase|pan|tray|bag|tote|table|top|inlay|plated|jacket|coat|necklace|ring|bracelet|earrings|chain|stopper|insole)(?:s|es)?(?![a-z])"
)
_COLOUR_BEFORE = re.compile(
    rf"(?:\b(?:in|colou?rs?|shades?(?: of)?|hues? of|tones? of|choose|available in|comes? in)\s*:?\s+{_ADJECTIVES}$)"
)
_COLOUR_AFTER = re.compile(r"[\s-](?:colou?rs?|colou?red|shade|hue|tone|edition|colourway|version)(?![a-z])")
_COLOUR_HAN = re.compile(r"(?:颜色|配色|色号)\s*[:：]?\s*$")
_NEXT_COLOUR = re.compile(r"\s?(?:,|and|or|&|/)\s?")
_PURE = re.compile(r"(?:\b(?:pure|all)[\s-]|\b100\s?(?:%|per\s?cent)\s*(?:pure\s+)?|纯)$")
_SHARE = re.compile(
    r"(?P<share>\d{1,3}(?:\.\d)?)\s?(?:%|per\s?cent)\s*(?:(?:pure|fine|soft|natural|genuine|organic|recycled)\s+){0,2}的?$"
)
_SHARE_AFTER = re.compile(r"\s?(?:含量)?(?P<share>\d{1,3}(?:\.\d)?)\s?%")


class Term(NamedTuple):
    """What a term claims. `doubtful` terms count only where the words around speak of make or colour."""

    kind: str
    key: str
    doubtful: bool = False
    pure: bool = False


@cache
def lexicon() -> Lexicon[tuple[Term, ...]]:
    """All terms of the data files; a word may be a material and a colour ("gold")."""
    meanings: dict[str, list[Term]] = {}
    for term, meaning in _terms():
        meanings.setdefault(term, []).append(meaning)
    passed_over = [
        (phrase, None) for name in ("materials", "colours", "phrases") for phrase in data(name)["figurative"]["phrases"]
    ]
    return Lexicon([*((term, tuple(found)) for term, found in meanings.items()), *passed_over])


def _terms() -> Iterator[tuple[str, Term]]:
    for kind, name in (("material", "materials"), ("colour", "colours")):
        file = data(name)
        pure = {term for terms in file.get("pure", {}).values() for term in terms}
        for section in ("terms", "doubtful", "doubtful_han"):
            for key, terms in file.get(section, {}).items():
                yield from ((term, Term(kind, key, section != "terms", term in pure)) for term in terms)
    phrases = data("phrases")
    for kind in _PHRASES:
        for key, terms in phrases[kind].items():
            yield from ((term, Term(kind, key)) for term in terms)


@cache
def broader(kind: str) -> Mapping[str, frozenset[str]]:
    """Each material or colour with itself and all that is broader."""
    above: Mapping[str, list[str]] = data({"material": "materials", "colour": "colours"}[kind])["broader"]

    def closure(key: str) -> frozenset[str]:
        return frozenset({key}).union(*(closure(parent) for parent in above.get(key, ())))

    return {key: closure(key) for key in {*above, *(parent for parents in above.values() for parent in parents)}}


def read_words(text: str, *, sure: bool = False) -> Iterator[Claim]:
    """Every word of the vocabulary that claims something in a folded text; with `sure`, doubtful words too."""
    colour_end = -1
    for found in lexicon().find(text):
        made = False
        for term in found.meaning:
            if term.kind == "material" and (
                claim := _material(text, found.start, found.end, term._replace(doubtful=term.doubtful and not sure))
            ):
                made = True
                yield claim
            elif term.kind == "colour" and (sure or not made) and (sure or _is_colour(text, found, term, colour_end)):
                colour_end = found.end
                yield Claim("colour", term.key, None, found.start, found.end)
            elif term.kind in _PHRASES:
                yield Claim(term.kind, term.key, None, found.start, found.end)


def _is_colour(text: str, found: Found[tuple[Term, ...]], term: Term, colour_end: int) -> bool:
    """Whether a word is meant as a colour: it can be nothing else, goes on a list of colours, or is said to be one."""
    listed = 0 <= colour_end <= found.start and _NEXT_COLOUR.fullmatch(text, colour_end, found.start)
    return bool(not term.doubtful or listed or _colour_meant(text, found.start, found.end))


def _material(text: str, start: int, end: int, term: Term) -> Claim | None:
    left = text[max(0, start - 40) : start]
    share = _SHARE.search(left)
    after = _SHARE_AFTER.match(text, end)
    if term.doubtful and not (share or _MADE.search(left) or _THING.match(text, end)):
        return None
    if share:
        return Claim("material", term.key, Decimal(share["share"]), start - len(left) + share.start(), end)
    if after:
        return Claim("material", term.key, Decimal(after["share"]), start, after.end())
    pure = _PURE.search(left)
    if term.pure or pure:
        return Claim("material", term.key, Decimal(100), start - len(pure[0]) if pure else start, end)
    return Claim("material", term.key, None, start, end)


def _colour_meant(text: str, start: int, end: int) -> bool:
    left = text[max(0, start - 40) : start]
    return bool(_COLOUR_BEFORE.search(left) or _COLOUR_AFTER.match(text, end) or _COLOUR_HAN.search(left))
