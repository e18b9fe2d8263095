"""Words of letters and digits (codes, models, standards), letter sizes, and "24/7": read whole, never as numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models_ml.fact_check.units import unit_after
from models_ml.fact_check.values import Claim

_TOKEN = re.compile(r"(?<![a-z0-9])(?:[a-z]{1,12}-?\d{1,8}[a-z\d]{0,8}|\d{1,4}[a-z][a-z\d]{0,7})(?![a-z0-9])")
_ROUND_THE_CLOCK = re.compile(r"(?<!\d)24\s?/\s?7(?!\d)")
# What everybody calls so; no claim of the product.
FAMILIAR = frozenset({"2d", "3d", "mp3", "mp4", "h2o", "co2", "b2b", "b2c", "o2o", "1st", "2nd", "3rd"})
_SUFFIXES = frozenset("st nd rd th pm am k s usd eur gbp cny rmb percent x".split())  # noqa: SIM905 - reads better
_MONEY = re.compile(r"(?:usd|eur|gbp|cny|rmb|us|cn|hk)\d")
_DIMENSIONS = re.compile(r"\d*(?:x\d+)+[cm]*")
_LETTER_SIZE = re.compile(
    r"\bsizes?\s*:?\s+(?P<one>[2-5]?x{0,3}[sl]|m)(?![a-z'])"
    r"|(?<![a-z\d'])(?P<low>x{0,3}s|m)\s?(?:-|–|to|through|到|至)\s?(?P<high>[2-6]?x{0,3}l|m)(?![a-z])"
    r"|(?<![a-z\d])(?P<code>[2-6]?x{1,3}[sl]|[sml](?=码))码?(?![a-z])"
)


def read_codes(text: str) -> Iterator[Claim]:
    """Every code of a folded text; those in FAMILIAR too, for the caller to pass over."""
    for match in _ROUND_THE_CLOCK.finditer(text):
        yield Claim("number", "24/7", None, *match.span())
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word in FAMILIAR or not (_measured(text, match) or _MONEY.match(word)):
            yield Claim("code", word.replace("-", ""), None, *match.span())


def read_letter_sizes(text: str) -> Iterator[Claim]:
    """Every clothing size in letters: "size M", "XS to XL", `S码`."""
    for match in _LETTER_SIZE.finditer(text):
        for name in ("one", "low", "high", "code"):
            if match[name]:
                yield Claim("quantity", f"size {match[name]}", None, *match.span(name))


def _measured(text: str, match: re.Match[str]) -> bool:
    """Whether a word that begins with digits is a number and a unit: 500ml, 2nd, 40x60cm."""
    digits = re.match(r"\d+", match[0])
    if digits is None:
        return False
    unit = unit_after(text, match.start() + digits.end())
    rest = match[0][digits.end() :]
    return bool((unit and unit[1] >= match.end()) or rest in _SUFFIXES or _DIMENSIONS.fullmatch(rest))
