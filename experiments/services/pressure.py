"""Back-pressure: a batch of events is turned away, whole and early, before memory or disk run out.

A sender that hears 429 keeps its events and comes again after Retry-After; one whose batch fills the disk takes the
database down for everybody. What is looked at costs a query and a system call, so a process looks once a second.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from core import errors

LOOK_SECONDS = 1.0
MEGABYTE = 1024 * 1024
# Seconds after which a sender should come again: the fold catches up by itself, a disk is cleared by a person.
BUSY_SECONDS, BACKLOG_SECONDS, DISK_SECONDS = 1, 30, 60
_BACKLOG = """
select sequence.last_value - coalesce((select sequence from experiments_foldcursor), 0)
from experiments_event_sequence as sequence
"""


class Pressure:
    """What one process knows of the load: the batches it has in hand, and its last look at backlog and disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_hand = 0
        self._looked_at = float("-inf")
        self._found: errors.TooManyRequests | None = None

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Around taking in one batch, from before its body is read. Raises TooManyRequests with `retry_after`."""
        self._enter()
        try:
            if (found := self._look()) is not None:
                raise errors.TooManyRequests(found.message, code=found.code, **found.data)
            yield
        finally:
            with self._lock:
                self._in_hand -= 1

    def _enter(self) -> None:
        with self._lock:
            if self._in_hand >= settings.COPYLIFT_INGEST_AT_ONCE:
                raise errors.TooManyRequests(
                    f"{self._in_hand} batches are being taken in already. Nothing of this one was stored.",
                    code="busy",
                    retry_after=BUSY_SECONDS,
                )
            self._in_hand += 1

    def _look(self) -> errors.TooManyRequests | None:
        # Two threads may look at once: then both find the same.
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._found = shortage()
            self._looked_at = time.monotonic()
        return self._found


PRESSURE = Pressure()


def shortage() -> errors.TooManyRequests | None:
    """Why no batch can be taken at the moment; None where all is well."""
    if settings.COPYLIFT_INGEST_BACKLOG and (waiting := backlog()) > settings.COPYLIFT_INGEST_BACKLOG:
        return errors.TooManyRequests(
            f"{waiting:,} events wait to be counted; more are taken when that falls to "
            f"{settings.COPYLIFT_INGEST_BACKLOG:,}. Nothing of this batch was stored.",
            code="backlog",
            retry_after=BACKLOG_SECONDS,
        )
    if (free := free_megabytes(settings.DATA_FOLDER)) is not None and free < settings.COPYLIFT_INGEST_FREE_MB:
        return errors.TooManyRequests(
            f"The disk that holds the database has {free} MB free; events are taken from "
            f"{settings.COPYLIFT_INGEST_FREE_MB} MB on. Nothing of this batch was stored.",
            code="disk_nearly_full",
            retry_after=DISK_SECONDS,
        )
    return None


def backlog() -> int:
    """How many sequence numbers the fold's cursor is behind. Numbers of refused duplicates count until it passes."""
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def free_megabytes(folder: Path | None) -> int | None:
    """What is free where the database lies; None where that is another machine's, or cannot be asked."""
    if folder is None:
        return None
    try:
        return shutil.disk_usage(folder).free // MEGABYTE
    except OSError:
        return None
