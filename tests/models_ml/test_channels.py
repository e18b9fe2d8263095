"""Known answers for widths and septets, and the limits at their edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.channels import (
    CHANNELS,
    PREHEADER,
    SmsSize,
    Violation,
    is_gsm7,
    measure,
    message_text,
    preheader_text,
    septets,
    sms_size,
    violations,
    width,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("Mug", 3), ("保温杯", 6), ("A杯b", 4), ("，。", 4), ("e\u0301", 1), ("ｍ", 2), ("€5", 2)],
)
def test_width_counts_wide_characters_twice(text: str, expected: int) -> None:
    assert width(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("a" * 160, 160),
        ("@£$¥èéùìòÇ", 10),
        ("€", 2),  # extension table: escape and code
        ("[]{}\\^~|", 16),
        ("100 € off", 10),
        ("杯" * 70, 160),  # the 70 units of a UCS-2 message fill the same 140 octets
        ("杯" * 71, 163),
        ("’", 3),  # one typographic apostrophe turns the message to UCS-2
        ("a" * 69 + "’", 160),
        ("😀" * 35, 160),  # a surrogate pair is two units
    ],
)
def test_septets_of_gsm7_and_ucs2(text: str, expected: int) -> None:
    assert septets(text) == expected


def test_the_default_alphabet_has_127_printed_or_line_codes_and_the_extension_ten() -> None:
    every = [chr(code) for code in range(0x10000) if is_gsm7(chr(code))]
    assert len(every) == 127 + 10  # 128 codes of TS 23.038 less the escape itself; nine signs and a page break
    assert sum(septets(char) == 2 for char in every) == 10


def test_an_sms_is_measured_whole() -> None:
    parts = {"headline": "a" * 79, "body": "b" * 79, "call_to_action": ""}
    assert message_text(parts) == "a" * 79 + " " + "b" * 79
    assert violations("sms", parts) == []
    assert violations("sms", {**parts, "call_to_action": "c"}) == [Violation("message", 161, 160)]


def in_sentences(length: int, char: str = "a") -> str:
    """A text of `length` columns in which no sentence is longer than 50."""
    full, rest = divmod(length, 51)
    return " ".join([char * (49 // width(char)) + "." for _ in range(full)] + ["a" * rest])


@pytest.mark.parametrize("channel", [key for key in CHANNELS if key != "sms"])
def test_each_limit_holds_at_its_edge(channel: str) -> None:
    for part, limit in CHANNELS[channel].limits.items():
        if part == PREHEADER:
            continue
        assert violations(channel, {part: in_sentences(limit)}) == []
        assert violations(channel, {part: in_sentences(limit + 1)}) == [Violation(part, limit + 1, limit)]
        assert violations(channel, {part: "杯" * (limit // 2 + 1)})[-1].limit == limit


@pytest.mark.parametrize(
    ("body", "preheader"),
    [
        ("Now at $4.50. More below.", "Now at $4.50."),
        ("现在享8折。快来看看！", "现在享8折。"),
        ("Is it you? Yes.", "Is it you?"),
        ("no end at all", "no end at all"),
        ("", ""),
    ],
)
def test_an_inbox_shows_the_opening_sentence_behind_the_subject(body: str, preheader: str) -> None:
    assert preheader_text({"headline": "Hello", "body": body}) == preheader


def test_a_preheader_has_a_limit_of_its_own() -> None:
    limit = CHANNELS["email"].limits[PREHEADER]
    assert limit == 100
    rest = " And then a second sentence that nobody cuts."
    assert violations("email", {"body": "a" * (limit - 1) + "." + rest}) == []
    assert violations("email", {"body": "a" * limit + "." + rest}) == [Violation(PREHEADER, 101, 100)]
    assert violations("email", {"body": "杯" * 50 + "。" + rest}) == [Violation(PREHEADER, 102, 100)]
    assert measure("email", PREHEADER, "杯") == 2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", SmsSize("GSM-7", 0, 0, 160)),
        ("a" * 160, SmsSize("GSM-7", 160, 1, 160)),
        ("a" * 161, SmsSize("GSM-7", 161, 2, 306)),
        ("a" * 306, SmsSize("GSM-7", 306, 2, 306)),
        ("a" * 307, SmsSize("GSM-7", 307, 3, 459)),
        ("杯" * 70, SmsSize("UCS-2", 70, 1, 70)),
        ("杯" * 71, SmsSize("UCS-2", 71, 2, 134)),
        ("杯" * 135, SmsSize("UCS-2", 135, 3, 201)),
        ("a" * 152 + "€" + "a" * 152, SmsSize("GSM-7", 306, 3, 459)),  # the sign does not fit into septet 153 alone
        ("杯" * 66 + "😀" + "杯" * 66, SmsSize("UCS-2", 134, 3, 201)),  # nor is a surrogate pair cut
    ],
)
def test_a_long_sms_goes_out_in_parts(text: str, size: SmsSize) -> None:
    assert sms_size(text) == size


@given(st.text(max_size=400))
def test_the_parts_of_an_sms_hold_it(text: str) -> None:
    size = sms_size(text)
    assert size.units <= size.room
    assert (size.parts == 1) == (0 < septets(text) <= 160)


def test_search_ads_hold_fifteen_chinese_characters() -> None:
    assert measure("search_ad", "headline", "保" * 15) == CHANNELS["search_ad"].limits["headline"] == 30


def test_unknown_channel_and_part_name_the_known_ones() -> None:
    with pytest.raises(KeyError, match="unknown channel 'fax'; known: search_ad"):
        violations("fax", {})
    with pytest.raises(
        KeyError, match="unknown part 'footer'; known: headline, body, call_to_action, message, preheader"
    ):
        measure("push", "footer", "x")


def test_a_violation_reads_as_a_sentence() -> None:
    assert str(Violation("headline", 31, 30)) == "headline is 31 long, the limit is 30"


@given(st.text(), st.text())
def test_width_is_additive_and_septets_never_shrink(one: str, other: str) -> None:
    assert width(one + other) == width(one) + width(other)
    assert septets(one + other) >= septets(one)
