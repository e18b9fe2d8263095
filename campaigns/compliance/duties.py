"""Predicates about what must stand beside a copy: the label of a text by a model, the sender's postal address."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.compliance.asking import Asked
from campaigns.compliance.findings import Hit


def ai_label(asked: Asked) -> Iterator[Hit]:
    """A text by a model that is shown without the label."""
    if asked.context.ai_written and not (asked.context.label and asked.context.label.text):
        yield Hit("body")


def postal_address(asked: Asked) -> Iterator[Hit]:
    """A commercial e-mail of a sender without a postal address. Where nobody asked, nothing is said."""
    if asked.context.postal_address is not None and not asked.context.postal_address.strip():
        yield Hit("body")
