"""The made-up world that training briefs come from, and its split into a seen and an unseen part.

Unseen are: the words of product names and brands, the values of attributes, offers and codes, the slugs a shop makes
up for its audiences, a list of categories, one in five of the sets of traits, and one in ten of the combinations of
audience, traits, offer, tone and channel. Training draws from the seen part only. A brief for evaluation has unseen
names and values, an unseen combination and, where it departs from the ready ones, an unseen slug and category.
"""

from __future__ import annotations

import tomllib
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from models_ml.brief import (
    ATTRIBUTES,
    AUDIENCES,
    GOALS,
    LANGUAGES,
    OFFER_KINDS,
    TONES,
    TRAITS,
    Audience,
    Brief,
    Offer,
    Product,
)
from models_ml.channels import CHANNELS, width
from models_ml.nn.grammar.phrases import phrase_book

# The longest product name (display width) for which a channel still has room for an offer, a code and a date.
_NAME_ROOM = {"search_ad": 30, "banner": 32, "sms": 36, "push": 40, "email": 56, "product_page": 60}
_UNSEEN_SHARE = 10  # one combination in this many is kept for evaluation
_UNSEEN_TRAITS = 5  # and one set of several traits in this many, in any order, unless a ready audience has it


@cache
def words(language: str) -> Mapping[str, Any]:
    """The word lists of "en" or "zh", each split into "seen" and "unseen"."""
    text = files("models_ml.nn.grammar").joinpath("data", f"world_{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def sample_brief(rng: Random, *, unseen: bool, language: str | None = None, channel: str | None = None) -> Brief:
    """A random brief of the seen or the unseen part of the world."""
    while True:
        brief = _draw(rng, unseen, language or rng.choice(LANGUAGES), channel or rng.choice(tuple(CHANNELS)))
        if is_unseen_combination(brief) == unseen and width(brief.product.name) <= _NAME_ROOM[brief.channel]:
            return brief


def is_unseen_combination(brief: Brief) -> bool:
    """Whether the brief's combination of audience, traits, offer, tone and channel is kept out of training."""
    key = "/".join((*brief.audience.leanings, brief.audience.key, brief.offer.kind, brief.tone, brief.channel))
    return zlib.crc32(key.encode()) % _UNSEEN_SHARE == 0 or has_unseen_traits(brief.audience)


def has_unseen_traits(audience: Audience) -> bool:
    """Whether no audience of the training text has this set of traits."""
    own = frozenset(audience.leanings)
    if len(own) < 2 or own in {frozenset(ready) for ready in AUDIENCES.values()}:
        return False
    return zlib.crc32("/".join(sorted(own)).encode()) % _UNSEEN_TRAITS == 0


def _draw(rng: Random, unseen: bool, language: str, channel: str) -> Brief:
    part = words(language)["unseen" if unseen else "seen"]
    offer = _offer(rng, part)
    return Brief(
        language=language,
        channel=channel,
        product=Product(_name(rng, part, language), _category(rng, part, language), _attributes(rng, part)),
        tone=rng.choice(TONES),
        goal=rng.choice(GOALS),
        offer=offer,
        audience=_audience(rng, part),
        deadline=rng.random() < (0.5 if offer.kind != "none" else 0.15),
        brand=rng.choice(part["brand"]) if rng.random() < 0.4 else "",
        price=rng.choice(part["price"]) if rng.random() < 0.35 else "",
        code=rng.choice(part["code"]) if offer.kind != "none" and rng.random() < 0.3 else "",
    )


def _name(rng: Random, part: Mapping[str, Any], language: str) -> str:
    pieces = [rng.choice(part["name_first"]), rng.choice(part["name_noun"])]
    if rng.random() < 0.5:
        pieces.insert(1, rng.choice(part["name_middle"]))
    if rng.random() < 0.2:
        pieces.insert(1, rng.choice(part["name_extra"]))
    return (" " if language == "en" else "").join(pieces)


def _category(rng: Random, part: Mapping[str, Any], language: str) -> str:
    """A known category, none, or (often, so that the model learns to leave it alone) one without lines of its own."""
    draw = rng.random()
    if draw < 0.05:
        return ""
    if draw < (0.55 if part["held_out"] else 0.45):
        return _foreign_category(rng, part["category"], language)
    return rng.choice(rng.choice(list(phrase_book(language).categories().values())))


def _foreign_category(rng: Random, known: Sequence[str], language: str) -> str:
    if rng.random() < 0.8:
        return rng.choice(known)
    return (" & " if language == "en" else "").join(rng.sample(known, 2))


def _attributes(rng: Random, part: Mapping[str, Any]) -> dict[str, str]:
    return {key: rng.choice(part[key]) for key in ATTRIBUTES if rng.random() < 0.35}


def _offer(rng: Random, part: Mapping[str, Any]) -> Offer:
    kind = rng.choice(OFFER_KINDS)
    if kind == "none" or (kind == "free_shipping" and rng.random() < 0.5):
        return Offer(kind)
    return Offer(kind, rng.choice(part["offer"][kind]))


def _audience(rng: Random, part: Mapping[str, Any]) -> Audience:
    if rng.random() < 0.6:
        return Audience(rng.choice(tuple(AUDIENCES)))
    traits = tuple(rng.sample(TRAITS, rng.choice((0, 1, 1, 2, 2, 3))))
    return Audience(rng.choice((*AUDIENCES, *part["audience"], *part["audience"])), traits=traits)
