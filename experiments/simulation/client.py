"""A shop's side of the REST interface: decide and send events over kept-alive connections, retried where that is safe.

Both calls may be repeated (decide reads, events carry ids), so a dropped connection, 429 and 502 to 504 are tried
again with growing pauses until `patience` seconds are over. Pure Python over httpx; knows no table. Thread-safe.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from core import errors

Item = TypeVar("Item")

AGAIN = frozenset({429, 502, 503, 504})
EVENTS_PER_POST = 500
UNITS_PER_DECIDE = 1000
LONGEST_PAUSE = 5.0


class Stopped(Exception):
    """The caller's `should_stop` said so while a call waited to be repeated."""


class Shop:
    """One shop with its address and API key (scopes decide, events, read). A context manager.

    Raises `errors.Unavailable` where nothing answers for `patience` seconds, and the error of the tree that the
    answer's status stands for otherwise (wrong key: Unauthenticated, unknown experiment: NotFound).
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        patience: float = 60.0,
        should_stop: Callable[[], bool] = lambda: False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.patience = patience
        self.should_stop = should_stop
        self.retries = 0
        self._count = threading.Lock()
        try:
            self._http = httpx.Client(
                base_url=f"{self.base_url}/api/v1/",
                headers={"Authorization": f"Bearer {api_key}", "User-Agent": "copylift-shop/1"},
                timeout=httpx.Timeout(30.0, connect=5.0),
                transport=transport,
                trust_env=False,
            )
        except (httpx.InvalidURL, UnicodeEncodeError, ValueError):
            raise errors.InvalidInput.field("base_url", f"{base_url!r} with this key makes no valid request.") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self._http.close()

    def experiment(self, key: str) -> dict[str, Any]:
        """The experiment with its arms and state, as `GET /experiments/{key}` gives it."""
        return self._call("GET", f"experiments/{quote(key, safe='')}")

    def decide(self, experiment: str, unit: str, attributes: dict[str, object] | None = None) -> dict[str, Any]:
        """The decision for one shopper."""
        return self._call("POST", "decide", {"experiment": experiment, "unit": unit, "attributes": attributes or {}})

    def decide_many(self, experiment: str, units: Sequence[str]) -> list[dict[str, Any]]:
        """Decisions for many shoppers in their order; asked for a thousand at a time."""
        return [
            decision
            for part in _parts(units, UNITS_PER_DECIDE)
            for decision in self._call("POST", "decide", {"experiment": experiment, "units": list(part)})["decisions"]
        ]

    def decide_campaign(self, campaign: str, unit: str, attributes: dict[str, object]) -> dict[str, Any]:
        """The decision of a campaign: the platform picks the shopper's audience and its experiment."""
        return self._call(
            "POST", f"campaigns/{quote(campaign, safe='')}/decide", {"unit": unit, "attributes": attributes}
        )

    def send(self, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Send events; answers the sums of `accepted` and `duplicates` and the list `rejected` over all posts."""
        total: dict[str, Any] = {"accepted": 0, "duplicates": 0, "rejected": []}
        for part in _parts(events, EVENTS_PER_POST):
            answer = self._call("POST", "events", {"events": list(part)})
            total["accepted"] += answer["accepted"]
            total["duplicates"] += answer["duplicates"]
            total["rejected"] += answer["rejected"]
        return total

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        until = time.monotonic() + self.patience
        pause = 0.1
        while True:
            answer, trouble = self._try(method, path, body)
            if answer is not None and answer.status_code not in AGAIN:
                return _content(answer, f"{self.base_url}/api/v1/{path}")
            wait = max(pause, _retry_after(answer))
            if time.monotonic() + wait > until:
                raise errors.Unavailable(
                    f"{self.base_url} does not answer ({trouble}), and was asked for {self.patience:.0f} seconds. "
                    "Is the server running, and is this its address?"
                )
            self._wait(wait)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _try(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[httpx.Response | None, str]:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.UnsupportedProtocol:
            raise errors.InvalidInput.field("base_url", f"{self.base_url!r} must begin with http://.") from None
        except httpx.TransportError as problem:
            return None, str(problem) or type(problem).__name__
        return answer, f"status {answer.status_code}"

    def _wait(self, seconds: float) -> None:
        with self._count:
            self.retries += 1
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.should_stop():
                raise Stopped
            time.sleep(min(left, 0.1))


_BY_STATUS: dict[int, type[errors.CopyliftError]] = {
    kind.status: kind
    for kind in (
        errors.Unauthenticated,
        errors.Forbidden,
        errors.NotFound,
        errors.Conflict,
        errors.TooLarge,
        errors.UnsupportedMedia,
        errors.InvalidInput,
    )
}


def _content(answer: httpx.Response, address: str) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if isinstance(content, dict) and answer.is_success:
        return content
    # A post of which no event could be used says which and why, beside its error.
    if isinstance(content, dict) and "rejected" in (data := content.get("data") or {}):
        return dict(data)
    if answer.is_success or not isinstance(content, dict) or "detail" not in content:
        raise errors.Unavailable(
            f"{address} answered with status {answer.status_code} and not as Copylift does. Is this its address?"
        )
    kind = _BY_STATUS.get(answer.status_code, errors.CopyliftError)
    raise kind(str(content["detail"]), code=str(content.get("code", kind.code)))


def _retry_after(answer: httpx.Response | None) -> float:
    value = "" if answer is None else answer.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
