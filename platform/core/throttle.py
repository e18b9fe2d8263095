"""Slowing down who guesses passwords: growing waits, counted in the cache, never a locked account.

What waits is an account *from one address*, and an address as a whole. An account that is guessed at from many
addresses leaves each of them one try before it waits; its owner, elsewhere, still gets in with the right password.
Without the cache nobody is held up: signing in must not hang on it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
P = ParamSpec("P")

COUNTED_SECONDS = 3600
FREE_TRIES = 5
# A whole office may stand behind one address.
FREE_TRIES_OF_ADDRESS = 50
# From here on an account is under attack from everywhere.
MANY_TRIES_OF_ACCOUNT = 50
FIRST_WAIT_SECONDS = 15
LONGEST_WAIT_SECONDS = 900


def without_cache(default: int) -> Callable[[Callable[P, int]], Callable[P, int]]:
    """Give `default` where the cache does not answer."""

    def decorate(function: Callable[P, int]) -> Callable[P, int]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> int:
            try:
                return function(*args, **kwargs)
            except (RedisError, OSError) as error:
                log.warning("nobody is slowed down: the cache does not answer (%s)", type(error).__name__)
                return default

        return call

    return decorate


@without_cache(0)
def seconds_to_wait(account: str, address: str) -> int:
    """How long this address must wait before it may try this account; 0 where it may now."""
    ends = cache.get_many([waits(name) for name in (pair(account, address), address)])
    return max(0, *(int(end - time.time()) + 1 for end in ends.values())) if ends else 0


@without_cache(0)
def count_try(account: str, address: str) -> int:
    """Count one try, before the password is looked at; the wait in seconds that begins with it, or 0."""
    of_account = counted(account)
    free = 1 if of_account > MANY_TRIES_OF_ACCOUNT else FREE_TRIES
    wait = begin_wait(pair(account, address), counted(pair(account, address)) - free)
    return max(wait, begin_wait(address, counted(address) - FREE_TRIES_OF_ADDRESS))


@without_cache(0)
def forget_tries(account: str, address: str) -> int:
    """The right password was given: this account starts afresh from this address, and the try counts for nothing."""
    name = pair(account, address)
    cache.delete_many([tries(name), waits(name)])
    for shared in (account, address):
        if cache.get(tries(shared), 0) > 0:
            cache.decr(tries(shared))
    return 0


def begin_wait(name: str, over: int) -> int:
    """Let a name wait where it is at or over its free tries, twice as long each time."""
    if over < 0:
        return 0
    seconds = min(FIRST_WAIT_SECONDS << min(over, 10), LONGEST_WAIT_SECONDS)
    cache.set(waits(name), time.time() + seconds, seconds)
    return seconds


def counted(name: str) -> int:
    """One more for a name, and how many that makes within the hour."""
    return one_more(tries(name), COUNTED_SECONDS)


def one_more(key: str, seconds: int) -> int:
    """Count one more under a key that is kept for so long, and how many that makes."""
    cache.add(key, 0, seconds)
    try:
        return int(cache.incr(key))
    except ValueError:
        # A full cache, or somebody who empties it, may drop the key in between: the count begins anew.
        cache.set(key, 1, seconds)
        return 1


def pair(account: str, address: str) -> str:
    """An account from one address."""
    return f"{account}\n{address}"


def tries(name: str) -> str:
    """The key of a count; a digest, so that no address lies in the cache."""
    return "sign-in-tries:" + hashlib.sha256(name.encode()).hexdigest()


def waits(name: str) -> str:
    """The key of a wait's end."""
    return "sign-in-waits:" + hashlib.sha256(name.encode()).hexdigest()


def address_of(request: HttpRequest) -> str:
    """Who calls. Behind the proxy that COPYLIFT_HTTPS tells of: what that proxy saw, which is the last entry."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.HTTPS else ""
    return forwarded.split(",")[-1].strip() or str(request.META.get("REMOTE_ADDR", ""))
