"""A copy as the lines of the frame its channel shows it in: an advert, a lock screen, a bubble, an inbox row.

Pure. A line's runs are cut from the text as shown where findings begin and end. The label that says "written by AI"
stands behind its part but is kept apart from its text, since findings count characters there. Sizes are of what is
sent, so with the label, as the check before review measures them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from models_ml.channels import (
    PARTS,
    PREHEADER,
    SMS_TEXT,
    SmsSize,
    channel_of,
    measure,
    message_text,
    preheader_text,
    sms_size,
)
from models_ml.labelling import AiLabel, labelled

RANK = {"block": 0, "warn": 1, "info": 2}
_PSEUDO = {SMS_TEXT: message_text, PREHEADER: preheader_text}


class Mark(Protocol):
    """What a finding must tell: its part and its characters [start, end) there."""

    @property
    def part(self) -> str:
        """The part that it is about."""

    @property
    def severity(self) -> str:
        """How much it weighs: block, warn or info."""

    @property
    def start(self) -> int:
        """The first character."""

    @property
    def end(self) -> int:
        """Behind the last character."""


class Run(NamedTuple):
    """A run of shown text and the heaviest thing said of it; an empty severity is plain text."""

    text: str
    severity: str


class Line(NamedTuple):
    """One part in the frame; `label` is the AI label that is shown behind it, mostly empty."""

    runs: tuple[Run, ...]
    label: str


class Size(NamedTuple):
    """A part, or the pseudo part of a channel, against its limit."""

    part: str
    size: int
    limit: int

    @property
    def is_over(self) -> bool:
        """Longer than the channel takes."""
        return self.size > self.limit


@dataclass(frozen=True)
class Frame:
    """What `campaigns/_frame.html` draws. `sms` is there for an SMS only."""

    channel: str
    headline: Line
    body: Line
    call_to_action: Line
    sizes: tuple[Size, ...]
    sms: SmsSize | None
    sender: str
    address: str
    language: str


def frame_of(
    *,
    channel: str,
    parts: Mapping[str, str],
    marks: Iterable[Mark] = (),
    label: AiLabel | None = None,
    sender: str = "",
    address: str = "",
    language: str = "",
) -> Frame:
    """The filled `parts` in the frame of `channel`; `sender` is the brand. Raises KeyError for an unknown channel."""
    found = list(marks)
    shown = labelled(parts, label)
    lines = {part: _line(part, parts.get(part, ""), found, label) for part in PARTS}
    return Frame(
        channel=channel,
        headline=lines["headline"],
        body=lines["body"],
        call_to_action=lines["call_to_action"],
        sizes=tuple(_sizes(channel, shown)),
        sms=sms_size(message_text(shown)) if channel == "sms" else None,
        sender=sender,
        address=address,
        language=language,
    )


def runs(text: str, marks: Iterable[Mark]) -> tuple[Run, ...]:
    """The text cut where marks begin and end; where two overlap the heavier one shows."""
    weights = [""] * len(text)
    for one in sorted(marks, key=lambda one: -RANK[one.severity]):
        end = min(one.end, len(text))
        start = min(one.start, end)
        weights[start:end] = [one.severity] * (end - start)
    found: list[Run] = []
    for character, weight in zip(text, weights, strict=True):
        if found and found[-1].severity == weight:
            found[-1] = Run(found[-1].text + character, weight)
        else:
            found.append(Run(character, weight))
    return tuple(found)


def _line(part: str, text: str, marks: list[Mark], label: AiLabel | None) -> Line:
    shown = label.text if label is not None and label.placement == part else ""
    return Line(runs(text, [one for one in marks if one.part == part]), shown)


def _sizes(channel: str, parts: Mapping[str, str]) -> Iterable[Size]:
    for part, limit in channel_of(channel).limits.items():
        text = _PSEUDO[part](parts) if part in _PSEUDO else parts.get(part, "")
        yield Size(part, measure(channel, part, text), limit)
