"""Names that a text gives as maker or origin: "by Norrland", "made in Portugal", `来自意大利`, `榆树工坊出品`.

English: capitalised words after by, from, made by and the like. In a headline set in title case only "by" counts, and
days, months and pronouns never do. Chinese has no capitals: after `来自` a name is what stands in quotes or Latin
letters, a country, or a short word that ends the clause and is no common noun (`来自大自然`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from models_ml.fact_check.units import data
from models_ml.fact_check.values import Claim

_NAME = r"[A-Z][\w&'’.-]{1,24}(?:\s(?:&\s|of\s)?[A-Z][\w&'’-]{0,24}){0,3}"
_MARKED = re.compile(r"(?<![\w])(?P<name>[A-Za-z][\w&'-]{1,24})\s?[®™]")
_HAN = "[\u3400-\u9fffA-Za-z&]"
_COMES_FROM = re.compile(
    rf"(?:来自|出自|源自|产自)(?P<quote>[“「《\"]?)(?P<name>{_HAN}{{2,14}}?)(?P<after>[”」》\"]|的|之手|[，。！？、；,.!?;\s]|$)"
)
_ISSUED = re.compile(rf"(?:^|[，。！？、；：,.!?;:\s])(?P<name>{_HAN}{{2,8}}?)(?:出品|制造(?=[，。！]|$)|联名)")
_HAN_TEXT = re.compile("[\u4e00-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")


@cache
def _words() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    file = data("brands")
    return (
        frozenset(file["no_brand"]["english"]),
        frozenset(file["no_brand"]["chinese"]),
        frozenset(file["places"]["chinese"]),
    )


@cache
def _made_by() -> re.Pattern[str]:
    """A maker or place after “by”, “from” or a word of making: “sewn by hand in Mexico”."""
    done = "|".join(f"[{word[0].upper()}{word[0]}]{word[1:]}" for word in data("brands")["makers"]["done"])
    making = rf"(?:{done})(?:\s(?:by\s)?[a-z]{{2,10}}){{0,2}}\s+in"
    return re.compile(rf"\b(?P<word>[Bb]y|[Ff]rom|{making})\s+(?P<name>{_NAME})")


@cache
def _adjective() -> re.Pattern[str]:
    """“Italian leather”, “Swiss-made”: an adjective of origin before what is made there."""
    makers = data("brands")["makers"]
    return re.compile(
        rf"\b(?P<name>{'|'.join(makers['adjectives'])})[\s-](?:{'|'.join(makers['things'])})\b", re.IGNORECASE
    )


def read_brands(text: str) -> Iterator[Claim]:
    """Every maker or origin a text names. Needs the text as written, for its capitals; positions are of that text."""
    english, _, _ = _words()
    if "y " in text or "om " in text or "in " in text:
        titled = _is_titled(text)
        for match in _made_by().finditer(text):
            first = re.split(r"[\s'’]", match["name"].lower())[0].strip(".-&")
            if first not in english and not (titled and match["word"].lower() == "from"):
                start, end = match.span("name")
                yield Claim("brand", match["name"].rstrip(".-").lower(), None, start, end - _tail(match["name"]))
    for match in _adjective().finditer(text):
        yield Claim("brand", match["name"].lower(), None, *match.span("name"))
    for match in _MARKED.finditer(text):
        yield Claim("brand", match["name"].lower(), None, *match.span("name"))
    yield from _chinese(text)


def _tail(name: str) -> int:
    return len(name) - len(name.rstrip(".-"))


def _chinese(text: str) -> Iterator[Claim]:
    _, common, places = _words()
    for match in _COMES_FROM.finditer(text) if re.search("[来出源产]自", text) else ():
        name = match["name"]
        if place := next((place for place in places if name.startswith(place)), None):
            yield Claim("brand", place, None, match.start("name"), match.start("name") + len(place))
        elif (
            match["quote"]
            or _LATIN.match(name)
            or (match["after"] != "的" and len(name) <= 6 and not _common(name, common))
        ):
            yield Claim("brand", name.lower(), None, *match.span("name"))
    for match in _made_in().finditer(text) if _HAN_TEXT.search(text) else ():
        yield Claim("brand", match["name"], None, *match.span("name"))
    for match in _ISSUED.finditer(text) if re.search("出品|制造|联名", text) else ():
        if not _common(match["name"], common):
            yield Claim("brand", match["name"].lower(), None, *match.span("name"))


@cache
def _made_in() -> re.Pattern[str]:
    """A place before what says that something was made there; the import itself is a claim too."""
    places = "|".join(sorted(_words()[2], key=len, reverse=True))
    made = "|".join(data("brands")["makers"]["things_chinese"])
    return re.compile(rf"(?P<name>{places})(?={made})")


def _common(name: str, common: frozenset[str]) -> bool:
    return any(word in name for word in common)


def _is_titled(text: str) -> bool:
    """Whether a text is a headline with capitals throughout."""
    words: list[str] = re.findall(r"[A-Za-z]{4,}", text)
    return len(words) >= 3 and sum(word[0].isupper() for word in words) >= 0.75 * len(words)
