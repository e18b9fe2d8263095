"""Why a copy was rejected: a kind of reason and the approver's own words, kept together in one line of a review.

`Review.reason` holds "too_pushy: Shouts at the reader." The kind stands there by its code, so that a model can learn
from it in any language; a page shows it by its name. A reason without a kind (by script, from before) is words alone.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Kind(TextChoices):
    """What is wrong with a rejected copy."""

    OFF_BRAND = "off_brand", _("does not sound like the brand")
    WRONG_FACT = "wrong_fact", _("says something that is not true")
    CLUMSY = "clumsy", _("clumsy or wrong language")
    TOO_PUSHY = "too_pushy", _("too pushy")
    LEGAL = "legal", _("legally doubtful")
    OTHER = "other", _("something else")


class Reason(NamedTuple):
    """A kind, empty where none was given, and words."""

    kind: str
    words: str

    @property
    def label(self) -> str:
        """The kind as a person reads it."""
        return str(Kind(self.kind).label) if self.kind else ""


def join(kind: str, words: str) -> str:
    """One line to keep."""
    return ": ".join(part for part in (kind, words.strip()) if part)


def split(reason: str) -> Reason:
    """What `join` put together."""
    kind, colon, words = reason.partition(":")
    if kind not in Kind.values:
        return Reason("", reason)
    return Reason(kind, words.strip() if colon else "")
