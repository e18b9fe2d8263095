"""Reads a text into its claims: dates, offers, figures, words, ranks and names, each character at most once a sort.

The readers of figures run in an order (dates, then offers, then plain figures) and what one has taken the next leaves.
Words and figures may overlap only as "100% cotton" does, which is one claim about the material.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from models_ml.fact_check.brands import read_brands
from models_ml.fact_check.dates import read_dates
from models_ml.fact_check.figures import read_figures
from models_ml.fact_check.folding import Folded
from models_ml.fact_check.offers import read_offers
from models_ml.fact_check.places import HIDDEN
from models_ml.fact_check.ranks import read_ranks
from models_ml.fact_check.taken import Taken
from models_ml.fact_check.units import data
from models_ml.fact_check.values import Claim
from models_ml.fact_check.vocabulary import read_words

_NUMERIC = re.compile(
    r"[\d零〇一二两三四五六七八九十百千万亿半对双今明周月]|\b(?:half|third|quarter|fifth|bogo|one|two|three|four|five|six|seven|eight|nine"
    r"|ten|eleven|twel|thir|fif|twent|fort|hundred|thousand|million|dozen|today|tonight|tomorrow|midnight|week|month"
    r"|january|february|april|june|july|august|september|october|november|december"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday|sizes?\b|x+[sl]\b|twice|double|triple|full\b|may\b|march\b|whole\b|entire\b)|[sml]码"
)


def claims_of(text: str, *, sure: bool = False) -> list[Claim]:
    """Every claim of a text, in its order, with positions of the text as given.

    `sure` is for texts of the shop: there "glass" is a material and "coral" a colour without further signs.
    """
    return list(_claims(text, sure))


def forget() -> None:
    """Forget the texts read so far, for fair measurements of speed."""
    _claims.cache_clear()


@lru_cache(maxsize=4096)
def _claims(text: str, sure: bool) -> tuple[Claim, ...]:
    folded = Folded.of(text)
    words = [*read_words(folded.text, sure=sure), *read_ranks(folded.text)]
    found = [*words, *_figures(folded.text, words)] if _NUMERIC.search(folded.text) else words
    placed = (_placed(folded, claim) for claim in _longest(found))
    return tuple(sorted((*placed, *read_brands(text)), key=lambda claim: (claim.start, claim.end)))


def _placed(folded: Folded, claim: Claim) -> Claim:
    start, end = folded.place(claim.start, claim.end)
    return claim._replace(start=start, end=end)


def _figures(text: str, words: Iterable[Claim]) -> Iterator[Claim]:
    """Figures outside the words that hold one ("100% cotton", "No. 1")."""
    taken = Taken(len(text))
    for claim in words:
        if claim.amount is not None or claim.kind in {"superlative", "price_history"}:
            taken.take(claim)
    text = _idioms().sub(lambda match: HIDDEN * len(match[0]), text)
    for reader in (read_dates, read_offers, read_figures):
        yield from taken.claim(reader(text))


def _longest(claims: list[Claim]) -> Iterator[Claim]:
    """Claims without those inside a longer one of the same kind ("warranty" in "2-year warranty")."""
    last: dict[str, Claim] = {}
    for claim in sorted(claims, key=lambda claim: (claim.start, -claim.end)):
        other = last.get(claim.kind)
        mixed = claim.kind in {"material", "colour"} and other is not None and claim.start == other.start
        if other is None or claim.end > other.end or (mixed and claim.end == other.end):
            last[claim.kind] = claim
            yield claim


@cache
def _idioms() -> re.Pattern[str]:
    listed = data("phrases")["numbers"]
    return re.compile("|".join(f"(?:{pattern})" for pattern in (*listed["english"], *listed["chinese"])))
