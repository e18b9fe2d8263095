"""Calls to providers are counted once under the caller's key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core import errors
from models_ml.models import ProviderCall
from models_ml.services import record_usage

pytestmark = pytest.mark.django_db

CALL: dict[str, Any] = {
    "provider": "openai",
    "model": "small",
    "purpose": "copy",
    "prompt_tokens": 120,
    "completion_tokens": 40,
    "seconds": 0.8,
    "cost": Decimal("0.000320"),
    "currency": "USD",
    "attempts": 2,
    "outcome": "ok",
    "key": "job-1:batch-0",
}


def test_a_call_told_twice_counts_once() -> None:
    first = record_usage(**CALL)
    again = record_usage(**CALL | {"completion_tokens": 99})
    kept = ProviderCall.objects.get()
    assert first.pk == again.pk == kept.pk
    assert (kept.completion_tokens, kept.cost, kept.currency, kept.attempts) == (40, Decimal("0.000320"), "USD", 2)


def test_a_call_without_a_price_has_no_currency() -> None:
    row = record_usage(**CALL | {"cost": None})
    assert (row.cost, row.currency) == (None, "")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider": ""}, "provider"),
        ({"key": "k" * 201}, "key"),
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"seconds": float("nan")}, "seconds"),
        ({"cost": Decimal(-1)}, "cost"),
        ({"currency": ""}, "currency"),
    ],
)
def test_what_cannot_be_counted_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.InvalidInput) as problem:
        record_usage(**CALL | change)
    assert [one.field for one in problem.value.problems] == [field]
    assert ProviderCall.objects.count() == 0
