"""From a request's bytes to a list of raw events: JSON or lines of JSON, plain or gzip, bounded at each step."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from core import errors

MAX_EVENTS = 1000
JSON_TYPES = frozenset({"application/json"})
LINE_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is no JSON, in the place of the event it should have been."""

    message: str


def read_events(request: HttpRequest) -> list[Any]:
    """The raw events of a request, not checked yet; an unreadable line is an `Unreadable` in its place.

    Raises UnsupportedMedia, TooLarge, InvalidInput, or status 400 for a body that cannot be read at all.
    """
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        # WSGI gives Django no body without a length; "empty" would send the reader the wrong way.
        problem = errors.CopyliftError("Send Content-Length: a chunked body is not read.", code="length_required")
        problem.status = 411
        raise problem
    if not request.body:
        raise unreadable("the body is empty.")
    content_type = (request.content_type or "").lower()
    if content_type not in JSON_TYPES | LINE_TYPES:
        raise errors.UnsupportedMedia(
            f"Content-Type must be application/json or application/x-ndjson, not {content_type!r}."
        )
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if charset not in {"utf-8", "utf8"}:
        raise errors.UnsupportedMedia(f"The body must be UTF-8, not {charset!r}.")
    text = decode(unpack(request))
    raw = read_lines(text) if content_type in LINE_TYPES else read_json(text)
    if not raw:
        raise errors.InvalidInput.field("events", "at least one event is needed.")
    if len(raw) > MAX_EVENTS:
        raise errors.TooLarge(f"events: {len(raw)} were sent; at most {MAX_EVENTS} fit into one request.")
    return raw


def unpack(request: HttpRequest) -> bytes:
    """The body, decompressed where it says so; never more than the limit for a plain one."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    match coding:
        case "identity" | "":
            return request.body
        case "gzip" | "x-gzip":
            return gunzip(request.body, limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        case _:
            raise errors.UnsupportedMedia(f"Content-Encoding must be gzip or nothing, not {coding!r}.")


def gunzip(data: bytes, *, limit: int) -> bytes:
    """Decompress gzip members until the limit. A bomb stops there: nothing beyond it is ever made."""
    parts: list[bytes] = []
    left = limit
    while data:
        inflater = zlib.decompressobj(wbits=31)
        try:
            part = inflater.decompress(data, left + 1)
        except zlib.error:
            raise unreadable("the body is not gzip, as Content-Encoding says.") from None
        if len(part) > left:
            raise errors.TooLarge(f"The body is larger than {limit} bytes when decompressed.")
        if not inflater.eof:
            raise unreadable("the gzip body is cut off.")
        parts.append(part)
        left -= len(part)
        data = inflater.unused_data
    return b"".join(parts)


def decode(body: bytes) -> str:
    """The body as text, without a byte order mark."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise unreadable(f"the body is not UTF-8 (byte {problem.start}).") from None
    if not text.strip():
        raise unreadable("the body is empty.")
    return text


def read_json(text: str) -> list[Any]:
    """One event, or the list under `events`."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as problem:
        raise unreadable(f"the body is not JSON ({problem}).") from None
    except (ValueError, RecursionError):
        raise unreadable("the body holds a number or a nesting beyond all limits.") from None
    if not isinstance(data, dict):
        raise errors.InvalidInput.field("body", 'must be an event or {"events": [...]}.')
    if "events" not in data:
        return [data]
    if unknown := sorted(data.keys() - {"events"}):
        raise errors.InvalidInput.field(printable(unknown[0]), "is not known here; only events is.", "extra_forbidden")
    if not isinstance(data["events"], list):
        raise errors.InvalidInput.field("events", "must be a list.")
    return data["events"]


def read_lines(text: str) -> list[Any]:
    """One event a line; empty lines are passed over. Only a line feed ends a line, as NDJSON says."""
    return [_read_line(line) for line in text.split("\n") if line.strip()]


def _read_line(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as problem:
        return Unreadable(f"this line is not JSON ({problem.msg} at column {problem.colno}).")
    except (ValueError, RecursionError):
        return Unreadable("this line holds a number or a nesting beyond all limits.")


def printable(name: str) -> str:
    """A name from outside, fit to be said back: short, and without what UTF-8 cannot write."""
    return name.encode("utf-8", "backslashreplace").decode()[:80]


def unreadable(message: str) -> errors.CopyliftError:
    """Status 400: not even a request that could be wrong in a field."""
    problem = errors.FieldProblem("body", "unreadable", message)
    return errors.CopyliftError(f"body: {message}", code="bad_request", problems=[problem])
