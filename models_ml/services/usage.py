"""Keeping what calls to providers used: told as often as the caller likes, counted once by the caller's key."""

from __future__ import annotations

import math
import uuid
from decimal import Decimal

from core import errors
from models_ml.models import ProviderCall

LONGEST = {"provider": 40, "model": 500, "purpose": 40, "outcome": 40, "key": 200}


def record_usage(
    *,
    provider: str,
    model: str,
    purpose: str,
    prompt_tokens: int,
    completion_tokens: int,
    seconds: float,
    cost: Decimal | None,
    currency: str,
    attempts: int,
    outcome: str,
    key: str,
    job_id: uuid.UUID | str | None = None,
) -> ProviderCall:
    """The row of a call; a second telling under the same key changes nothing and returns the first.

    Raises InvalidInput for an empty or too long name, a negative figure, or a cost without a currency.
    """
    names = {"provider": provider, "model": model, "purpose": purpose, "outcome": outcome, "key": key}
    figures = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "attempts": attempts}
    _check_names(names)
    _check_figures({**figures, "seconds": seconds, "cost": cost or 0})
    if cost is not None and len(currency) != 3:
        raise errors.InvalidInput.field("currency", "a cost needs a currency of three letters, such as USD.")
    row, _made = ProviderCall.objects.get_or_create(
        key=key,
        defaults={
            **names,
            **figures,
            "seconds": seconds,
            "cost": cost,
            "currency": currency if cost is not None else "",
            "job_id": job_id,
        },
    )
    return row


def _check_names(names: dict[str, str]) -> None:
    for field, value in names.items():
        if not value or len(value) > LONGEST[field]:
            raise errors.InvalidInput.field(field, f"1 to {LONGEST[field]} characters are needed.")


def _check_figures(figures: dict[str, float | Decimal]) -> None:
    for field, value in figures.items():
        if not math.isfinite(value) or value < 0:
            raise errors.InvalidInput.field(field, "must be a number that is not negative.")
