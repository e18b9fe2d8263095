"""The request id: taken from X-Request-ID where it is well formed, else made; in every log line and every answer."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("request_id", default="")

WELL_FORMED = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


def current_request_id() -> str:
    """The id of the request or task being served, or an empty string outside of one."""
    return _current.get()


def enter_request(given: str | None) -> str:
    """Set the id for this context; a malformed one from outside is replaced, so that logs cannot be forged."""
    request_id = given if given and WELL_FORMED.match(given) else uuid.uuid4().hex
    _current.set(request_id)
    return request_id
