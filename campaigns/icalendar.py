"""Campaigns as an iCalendar file (RFC 5545), for the calendar program a team uses already. Pure.

Each campaign is one event of whole days; its last day stands in the file as the day after it, as the standard asks. A
campaign without an end is an event of its first day that says so. Lines are folded at 75 bytes, never inside a letter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

LONGEST_LINE = 75


@dataclass(frozen=True)
class Event:
    """One campaign: `uid` stays the same when its days change, so that an import again moves the event."""

    uid: str
    summary: str
    first: date
    last: date | None
    description: str
    url: str
    is_certain: bool = True


def written(events: Iterable[Event], *, name: str, at: datetime) -> str:
    """The file. `at` is when it was made, in UTC."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Copylift//Campaigns//EN", "CALSCALE:GREGORIAN"]
    lines.append(f"X-WR-CALNAME:{_text(name)}")
    for event in events:
        lines += _event(event, at)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _event(event: Event, at: datetime) -> list[str]:
    last = event.last or event.first
    return [
        "BEGIN:VEVENT",
        f"UID:{_text(event.uid)}",
        f"DTSTAMP:{at:%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{event.first:%Y%m%d}",
        f"DTEND;VALUE=DATE:{last + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_text(event.summary)}",
        f"DESCRIPTION:{_text(event.description)}",
        f"URL:{event.url}",
        f"STATUS:{'CONFIRMED' if event.is_certain else 'TENTATIVE'}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]


def _text(value: str) -> str:
    """A value of the type TEXT: what would end it or begin another is escaped, control characters are left out."""
    escaped = value.replace("\\", "\\\\").replace(";", r"\;").replace(",", r"\,")
    broken = escaped.replace("\r\n", "\n").replace("\r", "\n").replace("\n", r"\n")
    return "".join(letter for letter in broken if ord(letter) >= 32 and letter != "\x7f")


def _folded(line: str) -> Iterator[str]:
    """The line in parts of at most 75 bytes; all but the first begin with a blank, which counts."""
    part, size = "", 0
    for letter in line:
        width = len(letter.encode())
        if size + width > LONGEST_LINE:
            yield part
            part, size = " ", 1
        part, size = part + letter, size + width
    yield part
