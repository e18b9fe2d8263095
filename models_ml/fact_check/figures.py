"""Every number of a text as a claim: first the number, then what stands beside it says what it is.

A currency makes it a price, `%` a percentage, a unit a quantity, duration, rating or count. Digits with nothing beside
them are a plain number; number words and Chinese numerals with nothing beside them are no claim ("one of a kind",
`一心一意`). Two numbers joined by "to", a dash or `×` share the unit of the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from models_ml.fact_check.money import currency_at, role_at
from models_ml.fact_check.numerals import Number, find_numbers
from models_ml.fact_check.taken import Taken
from models_ml.fact_check.units import Unit, unit_after
from models_ml.fact_check.values import Claim

_PERCENT = re.compile(r"\s?(?:%|‰)|[\s-]?per\s?cent(?![a-z])|[\s-]?pct(?![a-z])|个百分点")
_JOINT = re.compile(r"\s?(?:-|–|—|~|to|至|到|x|×|\*|or|或)\s?")
_MAXIMUM = re.compile(
    r"(?:\b(?:up to|as (?:much|many|long) as|at most|max(?:imum)?(?: of)?|no more than|under|below|within|as low as)"
    r"|最多|最高|最长|最久|最大|至多|高达|长达|可达|不到|以内|低至)(?:\s+(?:an?|for))?\s*$"
)
_MINIMUM = re.compile(r"(?:\b(?:over|more than|at least|from|above|exceeding|beyond)|超过?|至少|逾|突破|不少于|近)\s*$")
_MINIMUM_AFTER = re.compile(r"\+|\s?(?:plus|or more|and more)(?![a-z])|余|多(?=[名位人个件条年天])|以上|及以上")
_OUT_OF = re.compile(
    r"\s?(?:/|out of)\s?(?:5|five|10|ten)(?![\d/%.])(?:\s*stars?)?|分(?=好评|口碑|评分|高分|[,。!]|$)"
)
_TOKEN = re.compile(r"(?<![a-z0-9])(?:[a-z]{1,12}-?\d{1,8}[a-z\d]{0,8}|\d{1,4}[a-z][a-z\d]{0,7})(?![a-z0-9])")
_ROUND_THE_CLOCK = re.compile(r"(?<!\d)24\s?/\s?7(?!\d)")
_FAMILIAR = frozenset({"2d", "3d", "mp3", "mp4", "h2o", "co2", "b2b", "b2c", "o2o", "1st", "2nd", "3rd"})
_WARRANTY = re.compile(
    r"[\s-]?(?:limited\s+|full\s+|free\s+)?(?:warranty|guarantee)(?![a-z])|(?:质保|保修|联保|包换|保用)"
)
_RETURNS = re.compile(
    r"[\s-]?(?:free\s+|easy\s+|no-quibble\s+)?(?:returns?|refunds?|money[\s-]back(?:\s+guarantee)?)(?![a-z])|(?:内)?(?:无理由退?换?货?|退换|包退)"
)
_WARRANTY_BEFORE = re.compile(r"(?:\b(?:warranty|guaranteed?)(?:\s+(?:of|for))?\s*:?|质保|保修|联保)\s*$")
_SPARE_TIME = re.compile(
    r"\b(?:take|spare|give yourself|need|got|have|find|for the next|spend)\s+(?:just\s+|only\s+|a\s+)*$"
)
_YEAR_BEFORE = re.compile(
    r"\b(?:since|est\.?|established(?: in)?|founded(?: in)?|from)\s*$|(?:始于|自|创立于|创于)\s*$"
)
_LETTER_SIZE = re.compile(
    r"\bsizes?\s*:?\s+(?P<one>[2-5]?x{0,3}[sl]|m)(?![a-z'])|(?<![a-z\d'])(?P<low>x{0,3}s|m)\s?(?:-|–|to|through|到|至)\s?"
    r"(?P<high>[2-6]?x{0,3}l|m)(?![a-z])|(?<![a-z\d])(?P<code>[2-6]?x{1,3}[sl]|[sml](?=码))码?(?![a-z])"
)
_NUMERIC_SIZE = re.compile(r"(?:\b(?:eu|uk|us)?\s?size|\beu|\buk)\s*:?\s*$|尺码\s*:?\s*$")


class _Beside(NamedTuple):
    """What stands beside a number: the unit or currency, and where the whole is."""

    kind: str
    subject: str
    factor: Decimal
    system: str
    start: int
    end: int


def read_figures(text: str) -> Iterator[Claim]:
    """Every number of a folded text that is a claim, and words made of letters and digits (codes, models)."""
    taken = Taken(len(text))
    yield from (claim for claim in taken.claim(_codes(text)) if claim.subject not in _FAMILIAR)
    numbers = [one for one in find_numbers(text) if taken.free(Claim("number", "", None, one.start, one.end))]
    besides = [_beside(text, number) for number in numbers]
    _share_units(text, numbers, besides)
    for number, beside in zip(numbers, besides, strict=True):
        if claim := _claim(text, number, beside):
            yield claim
    yield from _letter_sizes(text)


def _codes(text: str) -> Iterator[Claim]:
    for match in _ROUND_THE_CLOCK.finditer(text):
        yield Claim("number", "24/7", None, *match.span())
    for match in _TOKEN.finditer(text):
        word = match[0]
        digits = re.match(r"\d+", word)
        unit = unit_after(text, match.start() + digits.end()) if digits else None
        measured = (unit and unit[1] >= match.end()) or (digits and _suffix(word, digits.end()))
        if measured and word not in _FAMILIAR:
            continue
        if not re.match(r"(?:usd|eur|gbp|cny|rmb|us|cn|hk)\d", word):
            yield Claim("code", word.replace("-", ""), None, *match.span())


def _suffix(word: str, end: int) -> bool:
    return word[end:] in {
        "st",
        "nd",
        "rd",
        "th",
        "pm",
        "am",
        "k",
        "s",
        "usd",
        "eur",
        "gbp",
        "cny",
        "rmb",
        "percent",
        "x",
    } or ("x" in word[end:] and word[end:].replace("x", "").rstrip("cm").isdigit())


def _beside(text: str, number: Number) -> _Beside | None:
    if currency := currency_at(text, number.start, number.end):
        return _Beside("price", currency[0], Decimal(1), "", currency[1], currency[2])
    if percent := _PERCENT.match(text, number.end):
        return _Beside("percent", "", Decimal(1), "", number.start, percent.end())
    if out_of := _OUT_OF.match(text, number.end):
        if number.value <= 10 and number.form == "digits":
            return _Beside("rating", "stars", Decimal(1), "", number.start, out_of.end())
    if number.form == "digits" and _NUMERIC_SIZE.search(text[max(0, number.start - 10) : number.start]):
        return _Beside("quantity", "size", Decimal(1), "", number.start, number.end)
    found = unit_after(text, number.end) or _unit_after_plus(text, number.end)
    if found and found[0].dimension == "times" and re.match(r"\s?\d", text[found[1] : found[1] + 2]):
        return None  # the x of 40 x 60
    return _with_unit(number, *found) if found and _counts(text, number, found[0]) else None


def _unit_after_plus(text: str, end: int) -> tuple[Unit, int] | None:
    match = _MINIMUM_AFTER.match(text, end)
    return unit_after(text, match.end()) if match else None


def _with_unit(number: Number, unit: Unit, end: int) -> _Beside:
    return _Beside(unit.kind, unit.dimension, unit.factor, unit.system, number.start, end)


def _counts(text: str, number: Number, unit: Unit) -> bool:
    """Words count from two on, and not in "take two minutes"; `年` after four digits is a year, `一` an article."""
    if unit.dimension == "stars" and number.value > 10:
        return False
    if unit.dimension == "months" and unit.factor == 12 and number.form != "words" and 1900 <= number.value <= 2100:
        return False
    if number.form == "digits":
        return True
    if number.value < 2 and unit.dimension not in {"stars", "months"}:
        return False
    if number.value < 2 and not (number.form == "words" and text[number.end : number.end + 1] == "-"):
        return bool(_WARRANTY.match(text, _end_of_unit(text, number)))
    if number.form == "han" and unit.dimension in {"people", "piece", "colour", "celsius", "sold"}:
        return (
            number.value >= 100 or unit.dimension in {"piece", "colour"} and _end_of_unit(text, number) > number.end + 1
        )
    spare = _SPARE_TIME.search(text[max(0, number.start - 28) : number.start])
    return not (spare and unit.dimension == "time")


def _end_of_unit(text: str, number: Number) -> int:
    found = unit_after(text, number.end)
    return found[1] if found else number.end


def _share_units(text: str, numbers: list[Number], besides: list[_Beside | None]) -> None:
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


def _claim(text: str, number: Number, beside: _Beside | None) -> Claim | None:
    if beside is None:
        return _bare(text, number)
    bound = _bound(text, number, beside)
    claim = Claim(
        beside.kind, beside.subject, number.value * beside.factor, beside.start, beside.end, beside.system, bound
    )
    if beside.kind == "duration":
        return _promise(text, claim)
    if beside.kind in {"price", "percent"}:
        role = role_at(text, beside.start, beside.end)
        keep = role if beside.kind == "price" or role in {"off", "more"} else ""
        return claim._replace(role=keep, bound=bound if beside.kind == "percent" else "")
    return claim


def _bare(text: str, number: Number) -> Claim | None:
    if number.form != "digits":
        return None
    window = text[max(0, number.start - 16) : number.start]
    year = 1800 <= number.value <= 2100 and number.value % 1 == 0 and len(number.raw) == 4
    if year and (_YEAR_BEFORE.search(window) or text[number.end : number.end + 1] == "年"):
        return Claim("date", number.raw, None, number.start, number.end)
    return Claim("number", "", number.value, number.start, number.end, "", _bound(text, number, None))


def _bound(text: str, number: Number, beside: _Beside | None) -> str:
    start, end = (beside.start, beside.end) if beside else (number.start, number.end)
    window = text[max(0, start - 20) : start]
    if _MAXIMUM.search(window):
        return "max"
    after = _MINIMUM_AFTER.match(text, number.end) or _MINIMUM_AFTER.match(text, end)
    return "min" if _MINIMUM.search(window) or after else ""


def _promise(text: str, claim: Claim) -> Claim:
    """A duration that belongs to a warranty or a right to return is a guarantee."""
    window = text[max(0, claim.start - 18) : claim.start]
    if (after := _WARRANTY.match(text, claim.end)) or _WARRANTY_BEFORE.search(window):
        months = claim.amount if claim.subject == "months" else None
        amount = months if months is not None else claim.amount
        subject = "warranty" if months is not None else "warranty in minutes"
        return claim._replace(kind="guarantee", subject=subject, amount=amount, end=after.end() if after else claim.end)
    if after := _RETURNS.match(text, claim.end):
        return claim._replace(kind="guarantee", subject="returns", end=after.end())
    return claim


def _letter_sizes(text: str) -> Iterator[Claim]:
    for match in _LETTER_SIZE.finditer(text):
        for name in ("one", "low", "high", "code"):
            if match[name]:
                yield Claim("quantity", f"size {match[name]}", None, *match.span(name))
