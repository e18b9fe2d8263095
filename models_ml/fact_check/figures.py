"""Every number of a text as a claim: first the number, then what stands beside it says what it is.

A currency makes it a price, `%` a percentage, a unit a quantity, duration, rating or count. Digits with nothing beside
them are a plain number; number words and Chinese numerals with nothing beside them are no claim ("one of a kind",
`一心一意`). Two numbers joined by "to", a dash or `×` share the unit of the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from models_ml.fact_check.beside import Beside, beside
from models_ml.fact_check.money import role_at
from models_ml.fact_check.numerals import Number, find_numbers
from models_ml.fact_check.patterns import pattern
from models_ml.fact_check.promises import promised
from models_ml.fact_check.taken import Taken
from models_ml.fact_check.tokens import FAMILIAR, read_codes, read_letter_sizes
from models_ml.fact_check.units import unit_after
from models_ml.fact_check.values import Claim

_JOINT = re.compile(r"\s?(?:-|–|—|~|to|至|到|x|×|\*|or|或)\s?")
_MAXIMUM = re.compile(
    r"(?:\b(?:up to|as (?:much|many|long) as|at most|max(?:imum)?(?: of)?|no more than|under|below|within|as low as)"
    r"|最多|最高|最长|最久|最大|至多|高达|长达|可达|不到|以内|低至)(?:\s+(?:an?|for))?\s*$"
)
_MAXIMUM_AFTER = re.compile(r"(?:之内|以内|以下|不到)|\s?or (?:less|under)(?![a-z])")
_MINIMUM = re.compile(r"(?:\b(?:over|more than|at least|from|above|exceeding|beyond)|超过?|至少|逾|突破|不少于|近)\s*$")
_MINIMUM_AFTER = re.compile(r"\+|\s?(?:plus|or more|and more)(?![a-z])|余|多(?=[名位人个件条年天])|以上|及以上")
_YEAR_BEFORE = re.compile(
    r"\b(?:since|est\.?|established(?: in)?|founded(?: in)?|from)\s*$|(?:始于|自|创立于|创于)\s*$"
)
# "a full week", "half an hour", `半小时`: amounts without a numeral. A bare "a day" is an article and no claim.
_WHOLE = re.compile(
    r"\b(?P<half>half\s+)?(?:an?|one)\s+(?P<full>(?:full|whole|entire)\s+)?(?=[a-z])|(?P<han>半)(?=[个升公斤小年])"
)
_LASTING = re.compile(
    r"\b(?:runs?|lasts?|works?|good|stays?|keeps?|hot|cold|warm|charge|battery|light)\b[a-z\s]{0,16}$"
)


def read_figures(text: str) -> Iterator[Claim]:
    """Every number of a folded text that is a claim, and words made of letters and digits (codes, models)."""
    taken = Taken(len(text))
    yield from (claim for claim in taken.claim(read_codes(text)) if claim.subject not in FAMILIAR)
    numbers = [one for one in find_numbers(text) if taken.free(Claim("number", "", None, one.start, one.end))]
    besides = [beside(text, number) for number in numbers]
    _share_units(text, numbers, besides)
    claims = (_claim(text, number, found) for number, found in zip(numbers, besides, strict=True))
    yield from taken.claim(claim for claim in claims if claim is not None)
    yield from taken.claim(read_letter_sizes(text))
    yield from taken.claim(_wholes(text))
    yield from taken.claim(_multiples(text))


def _share_units(text: str, numbers: list[Number], besides: list[Beside | None]) -> None:
    """Give a number without a unit that of the number it is joined to: `10-20 hours`, `40 × 60 cm`, `$10-20`."""
    for index in range(len(numbers) - 2, -1, -1):
        left, right = besides[index], besides[index + 1]
        after, before = numbers[index].end, numbers[index + 1].start
        if after > before or not _JOINT.fullmatch(text, left.end if left and left.end <= before else after, before):
            continue
        if left is None and right is not None:
            besides[index] = right._replace(start=numbers[index].start, end=numbers[index].end)
        elif left is not None and right is None and left.kind == "price":
            besides[index + 1] = left._replace(start=numbers[index + 1].start, end=numbers[index + 1].end)


def _claim(text: str, number: Number, found: Beside | None) -> Claim | None:
    if found is None:
        return _bare(text, number)
    bound = _bound(text, number, found.start, found.end)
    claim = Claim(found.kind, found.subject, number.value * found.factor, found.start, found.end, found.system, bound)
    if found.kind == "duration":
        return promised(text, claim)
    if found.kind == "price":
        return claim._replace(role=role_at(text, found.start, found.end), bound=bound if bound == "max" else "")
    if found.kind == "percent":
        role = role_at(text, found.start, found.end)
        return claim._replace(role=role if role in {"off", "more"} else "")
    return claim


def _bare(text: str, number: Number) -> Claim | None:
    if number.form != "digits":
        return None
    window = text[max(0, number.start - 16) : number.start]
    year = 1800 <= number.value <= 2100 and number.value % 1 == 0 and len(number.raw) == 4
    if year and (_YEAR_BEFORE.search(window) or text[number.end : number.end + 1] == "年"):
        return Claim("date", number.raw, None, number.start, number.end)
    bound = _bound(text, number, number.start, number.end)
    return Claim("number", "", number.value, number.start, number.end, "", bound)


def _bound(text: str, number: Number, start: int, end: int) -> str:
    window = text[max(0, start - 20) : start]
    if _MAXIMUM.search(window) or _MAXIMUM_AFTER.match(text, end):
        return "max"
    after = _MINIMUM_AFTER.match(text, number.end) or _MINIMUM_AFTER.match(text, end)
    return "min" if _MINIMUM.search(window) or after else ""


def _multiples(text: str) -> Iterator[Claim]:
    """Multiples in words: “twice as warm”, “triple the light”."""
    for name, times in (("two", 2), ("three", 3)):
        for match in pattern("multiples", name).finditer(text):
            yield Claim("number", "times", Decimal(times), *match.span())


def _wholes(text: str) -> Iterator[Claim]:
    """Measures said without a numeral; lengths of time only where something is said to last."""
    for match in _WHOLE.finditer(text):
        found = unit_after(text, match.end())
        if found is None:
            continue
        unit, end = found
        half = bool(match["half"] or match["han"])
        lasting = bool(_LASTING.search(text[max(0, match.start() - 28) : match.start()]))
        short = unit.dimension == "time" and unit.factor <= 60
        meant = unit.kind == "quantity" or (half and short) or (lasting and (half or match["full"]))
        if meant and unit.kind in {"quantity", "duration"}:
            amount = unit.factor * (Decimal("0.5") if half else 1)
            claim = Claim(unit.kind, unit.dimension, amount, match.start(), end, unit.system)
            yield promised(text, claim) if unit.kind == "duration" else claim
