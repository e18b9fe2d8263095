"""What tests of the model pages share: addresses, folded pages, and no broker."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import reverse


def no_broker(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Jobs that doors sent; no worker is woken."""
    kept: list[Any] = []
    monkeypatch.setattr("core.dispatch.send", kept.append)
    return kept


def shown(answer: HttpResponse | Any) -> str:
    """The page with its white space folded."""
    return " ".join(answer.content.decode().split())


def url(name: str, *args: Any) -> str:
    """An address of this app."""
    return reverse(f"models_ml:{name}", args=args)
