"""Runs every rule over a copy, in an order that does not change, so that equal input gives equal findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from campaigns.compliance import facts, form, words
from campaigns.compliance.findings import CheckContext, CopyParts, Finding

Rule = Callable[[CopyParts, CheckContext], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    form.missing_parts,
    form.too_long,
    form.slots,
    form.wrong_language,
    words.banned,
    words.listed,
    facts.unsupported,
)


def check(parts: CopyParts, context: CheckContext) -> list[Finding]:
    """All findings, rule by rule; empty for a copy nothing can be said against."""
    return [finding for rule in RULES for finding in rule(parts, context)]
