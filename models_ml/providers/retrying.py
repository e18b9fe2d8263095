"""When a failed call is made again, and how long is waited before: exponential backoff with full jitter, bounded.

Pure. Full jitter (a uniform draw from 0 to the bound) spreads the retries of many clients best: Brooker 2015,
"Exponential Backoff and Jitter", AWS Architecture Blog. Copy is safe to ask for again: nothing is changed by it on the
other side, and each attempt of a draw bears the same idempotency key.
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

RETRIED_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True)
class Backoff:
    """At most `attempts` calls; the n-th wait is drawn from 0 to `base` * 2**n seconds, at most `cap`.

    A server that asks for a longer wait than `longest_asked` is not waited for.
    """

    attempts: int = 4
    base: float = 0.5
    cap: float = 20.0
    longest_asked: float = 60.0

    def wait(self, attempt: int, uniform: Callable[[float, float], float], asked: float | None = None) -> float | None:
        """Seconds to wait after the `attempt`-th call (1 is the first) failed; None: give up.

        `asked` is what the server's Retry-After says; it is waited for, plus jitter, so that not all come back at once.
        """
        if attempt >= self.attempts or (asked is not None and asked > self.longest_asked):
            return None
        drawn = uniform(0.0, min(self.cap, self.base * 2 ** (attempt - 1)))
        return drawn if asked is None else asked + drawn


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: a number or a date); None where it says nothing."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        when = email.utils.parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
