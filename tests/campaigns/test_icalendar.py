"""Campaigns as an iCalendar file: what RFC 5545 asks of lines, values and whole days."""

from __future__ import annotations

from datetime import UTC, date, datetime

from campaigns.icalendar import Event, written

AT = datetime(2026, 11, 25, 14, 5, 6, tzinfo=UTC)


def file(**fields: object) -> str:
    values = {
        "uid": "campaign-7@shop.test",
        "summary": "Autumn bags",
        "first": date(2026, 11, 25),
        "last": date(2026, 11, 30),
        "description": "running",
        "url": "https://shop.test/campaigns/autumn/",
        **fields,
    }
    return written([Event(**values)], name="Campaigns", at=AT)  # type: ignore[arg-type]


def lines(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def test_a_campaign_is_an_event_of_whole_days_that_ends_the_day_after() -> None:
    assert lines(file()) == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Copylift//Campaigns//EN",
        "CALSCALE:GREGORIAN",
        "X-WR-CALNAME:Campaigns",
        "BEGIN:VEVENT",
        "UID:campaign-7@shop.test",
        "DTSTAMP:20261125T140506Z",
        "DTSTART;VALUE=DATE:20261125",
        "DTEND;VALUE=DATE:20261201",
        "SUMMARY:Autumn bags",
        "DESCRIPTION:running",
        "URL:https://shop.test/campaigns/autumn/",
        "STATUS:CONFIRMED",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def test_one_without_an_end_is_its_first_day() -> None:
    assert "DTEND;VALUE=DATE:20261126" in lines(file(last=None))


def test_a_name_cannot_break_out_of_its_line() -> None:
    text = file(summary="A; B, C\\D\r\nEND:VEVENT\rX:1\x00\x1b")
    assert r"SUMMARY:A\; B\, C\\D\nEND:VEVENT\nX:1" in lines(text)
    assert lines(text).count("END:VEVENT") == 1


def test_lines_are_folded_at_75_bytes_and_never_inside_a_letter() -> None:
    name = "秋夜羊毛毯🧣" * 20
    raw = file(summary=name).encode()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 75
    assert f"SUMMARY:{name}" in lines(raw.decode())


def test_no_campaign_is_an_empty_calendar() -> None:
    assert "BEGIN:VEVENT" not in written([], name="Campaigns", at=AT)
