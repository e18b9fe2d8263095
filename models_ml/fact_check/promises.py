"""Lengths of time that belong to a promise: warranties and rights to return are guarantees, not mere durations."""

from __future__ import annotations

import re

from models_ml.fact_check.values import Claim

_WARRANTY = re.compile(
    r"[\s-]?(?:of\s+)?(?:limited\s+|full\s+|free\s+)?(?:warranty|guarantee)(?![a-z])|的?(?:质保|保修|联保|包换|保用|换新|只换不修)"
    r"|内(?:免费)?(?:坏了)?[就可]?(?:免费)?(?:换新|换|维修|保修)"
)
_WARRANTY_BEFORE = re.compile(
    r"(?:\b(?:(?:warranty|guaranteed?)(?:\s+(?:of|for))?|(?:covered|backed|insured) for)\s*:?|质保|保修|联保)\s*$"
)
_RETURNS = re.compile(
    r"[\s-]?(?:free\s+|easy\s+|no-quibble\s+)?(?:returns?|refunds?|money[\s-]back(?:\s+guarantee)?)(?![a-z])"
    r"|(?:内|之内)?(?:无理由退?换?货?|退换|包退)"
)
_RETURNS_BEFORE = re.compile(
    r"\b(?:send|return|bring|exchange|money back|refund)(?:ed|s)?\b[a-z\s]{0,24}$|退[换货款]?[^,。!]{0,6}$"
)
_RETURNS_LATER = re.compile(r"(?:之?内)[^。!]{0,10}退")
_WINDOW = 32


def promised(text: str, claim: Claim) -> Claim:
    """A duration of a folded text, as a guarantee where the words around make it one."""
    window = text[max(0, claim.start - _WINDOW) : claim.start]
    if (after := _WARRANTY.match(text, claim.end)) or _WARRANTY_BEFORE.search(window):
        subject = "warranty" if claim.subject == "months" else "warranty in minutes"
        return claim._replace(kind="guarantee", subject=subject, end=after.end() if after else claim.end)
    if after := _RETURNS.match(text, claim.end):
        return claim._replace(kind="guarantee", subject="returns", end=after.end())
    if _RETURNS_BEFORE.search(window) or _RETURNS_LATER.match(text, claim.end):
        return claim._replace(kind="guarantee", subject="returns")
    return claim


def is_warranty(text: str, position: int) -> bool:
    """Whether a warranty is named at `position` of a folded text."""
    return bool(_WARRANTY.match(text, position))
