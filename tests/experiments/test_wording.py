"""Amounts in sentences."""

from __future__ import annotations

import math

import pytest

from experiments import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123, "+1.23 percentage points"),
        (-0.5, "−50.00 percentage points"),
        (1.7253, "+100.00 percentage points"),
        (-math.inf, "−100.00 percentage points"),
    ],
)
def test_two_shares_never_differ_by_more_than_all(value: float, text: str) -> None:
    assert wording.amount(value, "share", "USD") == text
