"""Dates of a text: ISO and worded, with or without a year, in both languages; and days named from today.

A day is `2026-9-30` where the year is said and `9-30` where not; `same_day` compares the two. "Today only" and
`仅限今日` need to know what day it is; "order today" names no last day and is no claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from models_ml.fact_check.numerals import value_of
from models_ml.fact_check.patterns import pattern
from models_ml.fact_check.values import Claim

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH = "|".join((*_MONTHS, *(name[:3] for name in _MONTHS), "sept"))
_HAN = "[一二三四五六七八九十]"
_YEAR = r"(?:\.?,?\s+(?P<year>(?:19|20)\d\d)\b)?"
_PATTERNS = tuple(
    re.compile(written)
    for written in (
        (
            r"(?:(?P<year>(?:19|20)\d\d)年)?"
            rf"(?P<month>1[0-2]|0?[1-9]|{_HAN}{{1,2}})月(?P<day>\d{{1,2}}|{_HAN}{{1,3}})[日号]?"
        ),
        r"(?<!\d)(?P<year>(?:19|20)\d\d)[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\b{_YEAR}",
        rf"\b(?P<month>{_MONTH})\b\.?\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s?%){_YEAR}",
        r"(?<![\d/])(?P<day>\d{1,2})[/.](?P<month>\d{1,2})[/.](?P<year>20\d\d)(?!\d)",
        r"(?:\b(?:until|till|by|through|before|on|ends)\s+|[到至])(?P<either>\d{1,2}/\d{1,2})(?![/\d])",
        rf"\b(?:until|till|by|before|throughout|through)\s+(?:the\s+end\s+of\s+)?(?P<whole>{_MONTH})\b(?!\.?\s+\d)",
        rf"\bend of (?P<last>{_MONTH})\b",
        rf"(?P<han>1[0-2]|[1-9]|{_HAN}{{1,2}})月(?:底|末|内)",
        r"双(?P<twice>11|12|十一|十二)(?![\d月])",
        r"(?<!\d)(?P<festival>618)(?=大促|年中|狂欢|购物|提前|来)",
    )
)
_GATE = re.compile(rf"[月双]|618|[/]|\d[-.]\d|\b(?:{_MONTH})\b")
_TIME = re.compile(
    r"\b(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?\s?(?P<half>[ap])\.?m\b\.?|\b(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)\b"
)
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_RELATIVE = ("today", "tomorrow", "weekend", "week", "month", "weekday")
_RELATIVE_GATE = re.compile(
    rf"\b(?:today|tonight|midnight|tomorrow|one day only|week(?:end)?|month|{_DAYS})\b|今|明[天日]|周|星期|月"
)


def read_dates(text: str) -> Iterator[Claim]:
    """Every calendar day, time of day and relative last day of a folded text."""
    if _GATE.search(text):
        for written in _PATTERNS:
            for match in written.finditer(text):
                if day := _day(match.groupdict()):
                    yield Claim("date", day, None, *_span(match))
    for match in _TIME.finditer(text):
        yield Claim("date", _clock(match), None, *match.span())
    if _RELATIVE_GATE.search(text):
        for name in _RELATIVE:
            for match in pattern("relative", name).finditer(text):
                yield Claim("date", _relative(name, match), None, *match.span(), role="relative")


def days_meant(relative: str, today: date) -> list[date]:
    """The last days that a relative day may mean: "today" is one, "weekend" Saturday or Sunday, "week" what is left."""
    name, _, weekday = relative.partition(" ")
    monday = today - timedelta(days=today.weekday())
    if name == "month":
        following = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
        return [today + timedelta(days=day) for day in range((following - today).days)]
    within = {
        "today": [today],
        "tomorrow": [today + timedelta(days=1)],
        "weekend": [monday + timedelta(days=day) for day in (5, 6)],
        "week": [monday + timedelta(days=day) for day in range(today.weekday(), 7)],
    }
    if name in within:
        return within[name]
    return [today + timedelta(days=(int(weekday) - today.weekday()) % 7)]


def same_day(claimed: str, known: str) -> bool:
    """Whether two days are the same. The year counts only where both say it; `9/30` and `30/9` are one day."""
    if claimed.startswith("month ") or known.startswith("month "):
        return claimed in {known, f"month {known.split('-')[-2:][0]}"}
    if "/" in claimed or "/" in known:
        return sorted(re.split("[/-]", claimed)[-2:]) == sorted(re.split("[/-]", known)[-2:])
    if claimed.count("-") != known.count("-"):
        return claimed.split("-")[-2:] == known.split("-")[-2:]
    return claimed == known


def _span(match: re.Match[str]) -> tuple[int, int]:
    return match.span("either") if match.groupdict().get("either") else match.span()


def _day(found: dict[str, str | None]) -> str | None:
    if twice := found.get("twice"):
        number = {"十一": "11", "十二": "12"}.get(twice, twice)
        return f"{number}-{number}"
    if found.get("festival"):
        return "6-18"
    if whole := found.get("whole") or found.get("last") or found.get("han"):
        return f"month {_number(whole)}"
    if either := found.get("either"):
        return "/".join(plain.lstrip("0") or "0" for plain in either.split("/"))
    month, day = _number(found["month"] or ""), _number(found["day"] or "")
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    return f"{found['year']}-{month}-{day}" if found.get("year") else f"{month}-{day}"


def _number(text: str) -> int:
    if text[:1].isalpha() and text.isascii():
        return next(index for index, name in enumerate(_MONTHS, 1) if name.startswith(text[:3]))
    value = value_of(text)
    return int(value) if value is not None else 0


def _clock(match: re.Match[str]) -> str:
    if match["h"]:
        return f"{int(match['h']):02}:{match['m']}"
    hour = int(match["hour"]) % 12 + (12 if match["half"] == "p" else 0)
    return f"{hour:02}:{match['minute'] or '00'}"


def _relative(name: str, match: re.Match[str]) -> str:
    if name != "weekday":
        return name
    found = match.groupdict()
    han = found.get("han") or found.get("last")
    number = (
        min("一二三四五六日天".index(han), 6)
        if han
        else _DAYS.split("|").index(found["weekday"] or found["only"] or "monday")
    )
    return f"weekday {number}"
