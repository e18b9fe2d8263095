"""What a predicate is asked: a rule, a copy, and what the copy is held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from campaigns.compliance.findings import CheckContext, CopyParts, Hit
from campaigns.compliance.packs import Rule


class Asked(NamedTuple):
    """One rule about one copy."""

    rule: Rule
    parts: CopyParts
    context: CheckContext


Predicate = Callable[[Asked], Iterator[Hit]]
