"""How often something may be asked for by one address: counted in the cache, in windows of fixed length.

For open doors, where nobody is signed in. Without the cache nobody is held up.
"""

from __future__ import annotations

import hashlib
import time

from core.throttle import one_more, without_cache


@without_cache(0)
def seconds_to_wait(name: str, *, most: int, seconds: int) -> int:
    """Count one more for the name: 0 up to the `most`th of its window, then the seconds until the next window."""
    now = time.time()
    window = int(now // seconds)
    # A digest, so that no address lies in the cache.
    key = f"rate:{hashlib.sha256(name.encode()).hexdigest()}:{window}"
    if one_more(key, 2 * seconds) <= most:
        return 0
    return max(1, int((window + 1) * seconds - now))
