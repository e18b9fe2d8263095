"""When pages last asked for a placement, and which origin was turned away: for who wires it in. Kept in the cache.

Nothing hangs on it, so where the cache is away nothing is noted and the page says so.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import NamedTuple

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from campaigns.models import Placement
from campaigns.origins import OriginError, origin_of

log = logging.getLogger(__name__)
KEPT_SECONDS = 7 * 24 * 3600


class Note(NamedTuple):
    """One origin at one time."""

    at: datetime
    origin: str


def note_asked(placement: Placement, origin: str) -> None:
    """A page of the placement's asked just now."""
    _write("asked", placement, origin)


def note_refused(placement: Placement, origin: str) -> None:
    """A page of another origin asked; what is no origin is not noted."""
    try:
        _write("refused", placement, origin_of(origin))
    except OriginError:
        return


def notes_of(placement: Placement) -> dict[str, Note | None]:
    """The last of each kind within a week."""
    try:
        found = cache.get_many([_name(kind, placement) for kind in ("asked", "refused")])
    except (RedisError, OSError):
        found = {}
    return {kind: Note(*one) if (one := found.get(_name(kind, placement))) else None for kind in ("asked", "refused")}


def _write(kind: str, placement: Placement, origin: str) -> None:
    try:
        cache.set(_name(kind, placement), (timezone.now(), origin), KEPT_SECONDS)
    except (RedisError, OSError) as problem:
        log.warning("not noted that a placement was asked for: %s", type(problem).__name__)


def _name(kind: str, placement: Placement) -> str:
    return f"placement-{kind}:{placement.pk}"
