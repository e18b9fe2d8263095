"""The channels a copy can be written for, and the hard limit each sets on each part.

Limits apply to the FILLED text (slots replaced), since that is what a shopper receives. Two ways of counting: display
width, where an East Asian wide character takes two columns (search engines count so), and SMS septets. An SMS holds 140
octets: 160 septets in GSM-7 or 70 UTF-16 units in UCS-2. Both are measured here in septets (a UTF-16 unit is 16/7 of
one), so one limit of 160 holds for both. Character set: 3GPP TS 23.038, default alphabet and extension table.

Two pseudo parts are measured though nobody writes them: an SMS as a whole ("message"), and an e-mail's preheader,
which is the opening sentence of its body: inboxes show it behind the subject.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PARTS = ("headline", "body", "call_to_action")
SMS_TEXT = "message"  # the pseudo part under which an SMS is measured as a whole
PREHEADER = "preheader"  # the pseudo part of an e-mail that inboxes show behind the subject
SMS_SEPTETS = 160
# A concatenated SMS spends 6 octets of each 140 on its header (3GPP TS 23.040, 9.2.3.24.1).
SMS_UNITS: Mapping[str, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}

_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|(?<=[。！？])")

Unit = Literal["width", "septets"]
Encoding = Literal["GSM-7", "UCS-2"]


@dataclass(frozen=True)
class Channel:
    """One way to reach a shopper. `limits` maps a part (or pseudo part) to its largest measure in `unit`."""

    key: str
    name: str
    unit: Unit
    limits: Mapping[str, int]
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Violation:
    """A part over its limit: `size` and `limit` in the channel's unit."""

    part: str
    size: int
    limit: int

    def __str__(self) -> str:
        return f"{self.part} is {self.size} long, the limit is {self.limit}"


@dataclass(frozen=True)
class SmsSize:
    """What a text costs by SMS. `units` are septets (GSM-7) or UTF-16 units (UCS-2), `room` those `parts` can hold."""

    encoding: Encoding
    units: int
    parts: int
    room: int


def _width_channel(key: str, name: str, limits: tuple[int, int, int], labels: tuple[str, str, str]) -> Channel:
    return Channel(key, name, "width", dict(zip(PARTS, limits, strict=True)), dict(zip(PARTS, labels, strict=True)))


_ALL = (
    _width_channel("search_ad", "Search ad", (30, 90, 25), ("Headline", "Description", "Sitelink")),
    _width_channel("push", "Push notification", (50, 120, 20), ("Title", "Text", "Action")),
    Channel(
        "sms",
        "SMS",
        "septets",
        {SMS_TEXT: SMS_SEPTETS},
        {"headline": "Opening", "body": "Text", "call_to_action": "Closing", SMS_TEXT: "Whole message"},
    ),
    Channel(
        "email",
        "E-mail",
        "width",
        {"headline": 60, PREHEADER: 100, "body": 250, "call_to_action": 25},
        {"headline": "Subject", PREHEADER: "Preheader", "body": "Opening and text", "call_to_action": "Button"},
    ),
    _width_channel("banner", "Web banner", (40, 70, 20), ("Headline", "Line below", "Button")),
    _width_channel("product_page", "Product page", (70, 400, 25), ("Headline", "Text", "Button")),
)
CHANNELS: Mapping[str, Channel] = {channel.key: channel for channel in _ALL}


def width(text: str) -> int:
    """Columns `text` takes: 2 for East Asian wide and full-width characters, 0 for combining marks, else 1."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def is_gsm7(text: str) -> bool:
    """Whether every character of `text` has a GSM-7 code (3GPP TS 23.038, default alphabet and extension)."""
    return all(char in _GSM_BASIC or char in _GSM_EXTENSION for char in text)


def septets(text: str) -> int:
    """Septets that `text` takes in one SMS: GSM-7 where possible (extension characters take 2), else UCS-2."""
    if is_gsm7(text):
        return sum(2 if char in _GSM_EXTENSION else 1 for char in text)
    octets = len(text.encode("utf-16-be", errors="surrogatepass"))
    return -(-octets * 8 // 7)


def sms_size(text: str) -> SmsSize:
    """How many SMS `text` goes out as, as information: 160 or 70 units alone, 153 or 67 each in several.

    A character of two units (GSM-7 extension, surrogate pair) is never cut by the border between two messages.
    """
    encoding: Encoding = "GSM-7" if is_gsm7(text) else "UCS-2"
    sizes = [_units(char, encoding) for char in text]
    alone, each = SMS_UNITS[encoding]
    if sum(sizes) <= alone:
        return SmsSize(encoding, sum(sizes), 1 if sizes else 0, alone)
    parts, used = 1, 0
    for size in sizes:
        if used + size > each:
            parts, used = parts + 1, 0
        used += size
    return SmsSize(encoding, sum(sizes), parts, parts * each)


def _units(char: str, encoding: Encoding) -> int:
    if encoding == "GSM-7":
        return 2 if char in _GSM_EXTENSION else 1
    return 2 if ord(char) > 0xFFFF else 1


def message_text(parts: Mapping[str, str]) -> str:
    """The parts as one running text, as an SMS sends them: joined by a space, empty parts left out."""
    return " ".join(text for part in PARTS if (text := parts.get(part, "").strip()))


def preheader_text(parts: Mapping[str, str]) -> str:
    """What an inbox shows behind the subject: the opening sentence of the body."""
    return _SENTENCE_END.split(parts.get("body", "").strip(), maxsplit=1)[0].strip()


def channel_of(key: str) -> Channel:
    """The channel named `key`. Raises KeyError with the known names."""
    try:
        return CHANNELS[key]
    except KeyError:
        raise KeyError(f"unknown channel {key!r}; known: {', '.join(CHANNELS)}") from None


def measure(channel: str, part: str, text: str) -> int:
    """Size of `text` in the unit of `channel`. Raises KeyError for an unknown channel or part."""
    if part not in (*PARTS, SMS_TEXT, PREHEADER):
        raise KeyError(f"unknown part {part!r}; known: {', '.join(PARTS)}, {SMS_TEXT}, {PREHEADER}")
    return septets(text) if channel_of(channel).unit == "septets" else width(text)


def violations(channel: str, parts: Mapping[str, str]) -> list[Violation]:
    """The parts of a filled copy that are over their limit, in the channel's order; empty when it fits.

    `parts` maps "headline", "body" and "call_to_action" to text; a missing part counts as empty.
    """
    pseudo = {SMS_TEXT: message_text, PREHEADER: preheader_text}
    found = []
    for part, limit in channel_of(channel).limits.items():
        text = pseudo[part](parts) if part in pseudo else parts.get(part, "")
        size = measure(channel, part, text)
        if size > limit:
            found.append(Violation(part, size, limit))
    return found
