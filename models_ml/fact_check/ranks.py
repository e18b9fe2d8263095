"""Ranks that no list of words can hold: "the softest towel", "the most comfortable chair", `最舒服的`; low prices.

A word ending in -est is a rank unless it is none ("forest") or speaks of time, place or wishes ("latest", "nearest",
"deepest thanks"). `最` likewise (`最后`, `最近`). Exempt uses follow the SAMR notice 2023 no. 6, Art. 5 and 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from models_ml.fact_check.numerals import value_of
from models_ml.fact_check.patterns import pattern
from models_ml.fact_check.units import data
from models_ml.fact_check.values import Claim

_UNIT = {"day": 1, "week": 7, "month": 30, "year": 365, "天": 1, "周": 7, "个月": 30, "年": 365}


def read_ranks(text: str) -> Iterator[Claim]:
    """Every rank of a folded text that is not in the vocabulary, vague praise by many, and lowest prices."""
    yield from _words_in_est(text)
    for match in pattern("ranks", "most").finditer(text) if "most" in text else ():
        yield Claim("superlative", match["said"], None, *match.span("said"))
    for match in pattern("ranks", "number_one").finditer(text) if "1" in text else ():
        yield Claim("superlative", "number one", None, *match.span())
    for match in pattern("ranks", "compared").finditer(text):
        yield Claim("superlative", match[0], None, *match.span())
    for match in pattern("ratings", "vague").finditer(text):
        yield Claim("rating", match[0], None, *match.span())
    yield from _lowest_prices(text)
    for match in pattern("ranks", "zui").finditer(text) if "最" in text else ():
        window = text[max(0, match.start() - 9) : match.start()]
        if not pattern("ranks", "zui_no_rank").match(text, match.start()) and not pattern("ranks", "wish").search(
            window
        ):
            yield Claim("superlative", match[0], None, *match.span())


def _words_in_est(text: str) -> Iterator[Claim]:
    for match in pattern("ranks", "est").finditer(text) if "est" in text else ():
        if match[0] not in _no_rank() and not pattern("ranks", "est_no_rank").match(text, match.end()):
            yield Claim("superlative", match[0], None, *match.span())


@cache
def _no_rank() -> frozenset[str]:
    return frozenset(data("patterns")["ranks"]["no_rank"].split())


def _lowest_prices(text: str) -> Iterator[Claim]:
    if "lowest" not in text and "低" not in text:
        return
    for match in pattern("ranks", "lowest_in").finditer(text):
        count = value_of(match["count"] or match["days"]) or 1
        days = int(count) * _UNIT[match["unit"] or match["han"]]
        yield Claim("price_history", f"lowest price in {days} days", None, *match.span())
    for match in pattern("ranks", "lowest").finditer(text):
        yield Claim("superlative", "lowest price", None, *match.span())
