"""Numbers as people read them: rounded, never cut; a missing one is a dash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.templatetags import copylift


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (copylift.share(0.02136), "2.14 %"),
        (copylift.share(0.9999, 1), "100.0 %"),
        (copylift.change(0.11567), "+11.6 %"),
        (copylift.change(0), "±0.0 %"),
        (copylift.change(-0.0004), "±0.0 %"),
        (copylift.change(-0.0006), "−0.1 %"),
        (copylift.signed(-0.004), "±0.00"),
        (copylift.points(0.00226), "+0.23 pp"),
        (copylift.decimal(1234.567), "1,234.57"),
        (copylift.signed(-1234.5, 0), "−1,234"),
        (copylift.signed(0.0424), "+0.04"),
        (copylift.count(1234567.6), "1,234,568"),
        (copylift.probability(0.00004), "under 0.0001"),
        (copylift.probability(0.04996), "0.0500"),
        (copylift.seconds(0.0424), "42 ms"),
        (copylift.seconds(timedelta(seconds=4.25)), "4.2 s"),
        (copylift.seconds(200), "3 min 20 s"),
    ],
)
def test_written(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize("value", [None, "", "text", float("nan"), float("inf"), True])
def test_what_is_no_number_is_a_dash(value: Any) -> None:
    filters = (
        copylift.share,
        copylift.change,
        copylift.points,
        copylift.decimal,
        copylift.count,
        copylift.probability,
        copylift.signed,
    )
    assert {each(value) for each in filters} == {"–"}


@pytest.mark.parametrize(("state", "tone"), [("running", "live"), ("rejected", "bad"), ("never heard of", "quiet")])
def test_tone(state: str, tone: str) -> None:
    assert copylift.tone(state) == tone
