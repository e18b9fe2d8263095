"""Writing files that other programs open. Pure."""

from __future__ import annotations


def formula_safe(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula: one that begins like one gets an apostrophe before it.

    Source: OWASP, CSV Injection (the characters = + - @, tab and line ends). Spaces before one do not hide it.
    """
    begins = text[:1] in {"\t", "\r", "\n"} or text.lstrip()[:1] in {"=", "+", "-", "@"}
    return f"'{text}" if begins else text
