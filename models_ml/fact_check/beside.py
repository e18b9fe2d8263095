"""What stands beside a number and makes it a claim: a currency, `%`, a unit, a rating, a noun that is counted.

Number words and Chinese numerals idle in many idioms, so they need more than digits do: a unit, or from three on a
plural noun ("three prizes") or a measure word (`十双`). "Take two minutes" and "two people" stay figures of speech.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from models_ml.fact_check.money import currency_at
from models_ml.fact_check.numerals import Number
from models_ml.fact_check.promises import is_warranty
from models_ml.fact_check.units import Unit, unit_after

_PERCENT = re.compile(r"\s?(?:%|‰)|[\s-]?per\s?cent(?![a-z])|[\s-]?pct(?![a-z])|个百分点")
_OUT_OF = re.compile(
    r"\s?(?:/|out of)\s?(?:5|five|10|ten)(?![\d/%.a-z])(?:\s*stars?)?|分(?=好评|口碑|评分|高分|[,。!]|$)"
)
_SCORE = frozenset({"digits", "words"})
_PLUS = re.compile(r"\+|\s?(?:plus|or more|and more)(?![a-z])|余|多(?=[名位人个件条年天])")
_SPARE_TIME = re.compile(
    r"\b(?:take|spare|give yourself|need|got|have|find|for the next|spend)\s+(?:just\s+|only\s+|a\s+)*$"
)
_NUMERIC_SIZE = re.compile(r"(?:\b(?:eu|uk|us)?\s?size|\beu|\buk)\s*:?\s*$|尺码\s*:?\s*$")
_SOLD = re.compile(r"(?:售出|卖出|销量|销售|已售|热卖|售)(?:了|超|突破|超过|近|逾)*\s*$")
_OFF_HAN = re.compile(r"(?:立减|直降|立省|省下?|减|返|降)了?\s?$")
# "three design prizes": the noun is the plural within three words. Function words end the search.
_STOP = r"(?:and|or|of|to|the|in|for|with|is|a|an|on|at|from|by|more|less|as|that|off|per|out|times)"
_NOUN = re.compile(
    rf"(?:[\s-](?!{_STOP}[\s-])[a-z]{{3,12}}){{0,2}}[\s-](?!{_STOP}\b)([a-z]{{2,13}}[a-rt-z])s(?![a-z'])"
)
# "A thousand uses" is a manner of speaking; "a thousand customers" is not, for customers are a unit.
_ROUND = re.compile(r"(?:an?|one)?[\s-]?(?:hundred|thousand|million)|[百千万亿]")
_MEASURE_WORD = re.compile("[双盒瓶包支片只条张枚粒颗台把本套罐袋杯块根朵束箱桶款种件组层]")
_CLASSIFIED = frozenset({"people", "piece", "colour", "celsius", "sold"})
_MEASURES = frozenset({"volume", "mass", "length"})


class Beside(NamedTuple):
    """What a number counts or measures, and the span of the whole. `factor` brings it to the base unit."""

    kind: str
    subject: str
    factor: Decimal
    system: str
    start: int
    end: int


def beside(text: str, number: Number) -> Beside | None:
    """What stands beside a number of a folded text; None where nothing does."""
    if currency := currency_at(text, number.start, number.end):
        return Beside("price", currency[0], Decimal(1), "", currency[1], currency[2])
    if percent := _PERCENT.match(text, number.end):
        return Beside("percent", "", Decimal(1), "", number.start, percent.end())
    if (out_of := _OUT_OF.match(text, number.end)) and number.value <= 10 and number.form in _SCORE:
        return Beside("rating", "stars", Decimal(1), "", number.start, out_of.end())
    window = text[max(0, number.start - 12) : number.start]
    if number.form == "digits" and _NUMERIC_SIZE.search(window):
        return Beside("quantity", "size", Decimal(1), "", number.start, number.end)
    found = unit_after(text, number.end) or _unit_after_plus(text, number.end)
    if found and _counts(text, number, *found):
        return _with_unit(number, *found, sold=bool(_SOLD.search(window)))
    if not found and number.value >= 10 and _OFF_HAN.search(window):
        return Beside("price", "CNY", Decimal(1), "", number.start, number.end)
    return _counted(text, number)


def _unit_after_plus(text: str, end: int) -> tuple[Unit, int] | None:
    match = _PLUS.match(text, end)
    return unit_after(text, match.end()) if match else None


def _with_unit(number: Number, unit: Unit, end: int, *, sold: bool) -> Beside:
    kind, dimension = ("rating", "sold") if sold and unit.dimension == "piece" else (unit.kind, unit.dimension)
    return Beside(kind, dimension, unit.factor, unit.system, number.start, end)


def _counts(text: str, number: Number, unit: Unit, end: int) -> bool:
    """Whether number and unit belong together: not so in 40 x 60, 2026年, `两个人`, "take two minutes"."""
    if unit.dimension == "times" and re.match(r"\s?\d", text[end : end + 2]):
        return False
    if unit.dimension == "stars" and number.value > 10:
        return False
    if unit.dimension == "months" and unit.factor == 12 and number.form != "words" and 1900 <= number.value <= 2100:
        return False
    if number.form == "digits":
        return True
    if number.value < 2:
        return _counts_one(text, number, unit, end)
    if number.form == "han" and unit.dimension in _CLASSIFIED:
        named = unit.dimension in {"piece", "colour"} and end > number.end + 1
        return number.value >= 100 or named
    spare = _SPARE_TIME.search(text[max(0, number.start - 28) : number.start])
    return not (spare and unit.dimension == "time")


def _counts_one(text: str, number: Number, unit: Unit, end: int) -> bool:
    """One is mostly an article ("one day", `一天`); it counts in "one-year", "one star", `一升` and warranties."""
    hyphened = number.form == "words" and text[number.end : number.end + 1] == "-"
    return unit.dimension in _MEASURES or unit.dimension == "stars" or hyphened or is_warranty(text, end)


def _counted(text: str, number: Number) -> Beside | None:
    """A noun that is counted; digits count any, words from three on."""
    ordinal = number.form == "han" and text[max(0, number.start - 1) : number.start] == "第"
    if ordinal or (number.value < 3 and number.form != "digits") or _ROUND.fullmatch(number.raw):
        return None
    if number.form == "han":
        word = _MEASURE_WORD.match(text, number.end)
        return Beside("number", "", Decimal(1), "", number.start, word.end()) if word else None
    year = number.form == "digits" and 1800 <= number.value <= 2100 and len(number.raw) == 4
    noun = None if year else _NOUN.match(text, number.end)
    return Beside("number", noun[1], Decimal(1), "", number.start, noun.end()) if noun else None
