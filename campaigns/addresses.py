"""Addresses in the one form in which they are stored and compared. Pure.

Peculiar: only A to Z become small letters. The database does the same under its "C" collation, so that both find the
same suppressions whatever the alphabet. A telephone number is written from its country code on, with a plus sign.
"""

from __future__ import annotations

import re

_SMALL = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_FILLING = re.compile(r"[\s().\-/]")
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


def small(text: str) -> str:
    """The text without spaces around it, A to Z as a to z."""
    return text.strip().translate(_SMALL)


def phone(text: str) -> str:
    """A telephone number as +491701234567: 00 in front is +, and what only helps the eye is left out."""
    digits = _FILLING.sub("", text.strip())
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def comparable(value: str) -> str:
    """An address or unit as suppressions hold it."""
    text = value.strip()
    return phone(text) if text.startswith(("+", "00")) and PHONE.fullmatch(phone(text)) else small(text)
