"""A copy in the frame of its channel: marks, label, sizes, and text that nobody may trust."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from django.template.loader import render_to_string

from campaigns.frames import Frame, Run, frame_of, runs
from models_ml.channels import CHANNELS, septets, violations
from models_ml.labelling import AiLabel, labelled

PARTS = {"headline": "Warm socks", "body": "Knit in Leeds. Ships today.", "call_to_action": "Buy now"}
LABEL = AiLabel("[Written by AI]", "body", {}, ())


class Said(NamedTuple):
    """A finding as far as a frame needs it."""

    part: str
    severity: str
    start: int
    end: int


def drawn(frame: Frame) -> str:
    return render_to_string("campaigns/_frame.html", {"frame": frame})


def test_where_two_findings_overlap_the_heavier_one_shows() -> None:
    marks = [Said("body", "block", 2, 4), Said("body", "warn", 0, 3)]
    assert runs("abcdef", marks) == (Run("ab", "warn"), Run("cd", "block"), Run("ef", ""))


def test_a_finding_behind_the_end_of_the_text_marks_nothing() -> None:
    assert runs("abc", [Said("body", "block", 7, 9)]) == (Run("abc", ""),)


def test_a_finding_marks_its_own_part_only() -> None:
    frame = frame_of(channel="push", parts=PARTS, marks=[Said("headline", "block", 0, 4)])
    assert frame.headline.runs == (Run("Warm", "block"), Run(" socks", ""))
    assert frame.body.runs == (Run(PARTS["body"], ""),)


def test_the_label_stands_behind_its_part_and_counts_in_what_an_sms_costs() -> None:
    plain, marked = (frame_of(channel="sms", parts=PARTS, label=label) for label in (None, LABEL))
    assert marked.body.label == LABEL.text
    assert marked.headline.label == ""
    assert plain.sms is not None
    assert marked.sms is not None
    assert marked.sms.units == plain.sms.units + septets(f" {LABEL.text}")  # a bracket takes two


@pytest.mark.parametrize("channel", list(CHANNELS))
def test_what_is_over_its_limit_is_what_the_check_finds_with_the_label(channel: str) -> None:
    for length in range(1, 420):
        parts = {**PARTS, "body": "x" * length}
        over = [
            (one.part, one.size) for one in frame_of(channel=channel, parts=parts, label=LABEL).sizes if one.is_over
        ]
        assert over == [(one.part, one.size) for one in violations(channel, labelled(parts, LABEL))]


def test_an_sms_names_its_alphabet_and_the_messages_it_goes_out_as() -> None:
    page = drawn(frame_of(channel="sms", parts={"body": "袜" * 71}))
    assert "UCS-2, 71 of 134 units, 2 SMS" in page
    assert "too long" in page


def test_an_unknown_channel_has_no_frame() -> None:
    with pytest.raises(KeyError, match="unknown channel"):
        frame_of(channel="fax", parts=PARTS)


@pytest.mark.parametrize("channel", list(CHANNELS))
def test_every_channel_shows_every_part_its_label_and_its_limits(channel: str) -> None:
    page = drawn(frame_of(channel=channel, parts=PARTS, label=LABEL, sender="Loom"))
    assert all(text in page for text in (*PARTS.values(), LABEL.text))
    assert all(f"/{limit}<" in page for limit in CHANNELS[channel].limits.values())


@pytest.mark.parametrize("channel", list(CHANNELS))
def test_text_that_nobody_may_trust_stays_text(channel: str) -> None:
    bad = '<img src=x onerror="alert(1)">'
    frame = frame_of(
        channel=channel,
        parts=dict.fromkeys(PARTS, bad),
        marks=[Said("body", "warn", 0, 4)],
        sender=bad,
        address=bad,
        language='"><img',
    )
    assert "<img" not in drawn(frame)


def test_a_mark_is_said_and_not_only_coloured() -> None:
    page = drawn(frame_of(channel="banner", parts=PARTS, marks=[Said("headline", "block", 0, 4)]))
    assert 'class="bad"><span class="visually-hidden">Must be changed: </span>Warm</mark>' in page
