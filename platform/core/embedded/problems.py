"""What can go wrong with the embedded servers, as sentences a person can act on. Never a traceback."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import Unavailable

# What PostgreSQL, Valkey, initdb and Python write when a disk or a quota is full.
FULL_DISK_WORDS = ("No space left on device", "Disk quota exceeded", "Check free disk space")


class ServiceProblem(Unavailable):
    """An embedded server could not be started, or the folder it needs cannot be used."""

    code = "service_unavailable"
    title = "An embedded server is not available."


class AlreadyRunning(ServiceProblem):
    """Another process holds this checkout's lock."""

    code = "already_running"


class DiskFull(ServiceProblem):
    """There is no room for the data."""

    code = "disk_full"


def disk_full(place: Path) -> DiskFull:
    """The one sentence for a full disk."""
    return DiskFull(f"The disk that holds {place} is full. Free some space there and start again; nothing was lost.")


@contextmanager
def plain_sentences(place: Path) -> Iterator[None]:
    """Turn the operating system's refusals around `place` into sentences."""
    try:
        yield
    except OSError as problem:
        if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise disk_full(place) from problem
        named = problem.filename or place
        if isinstance(problem, PermissionError):
            raise ServiceProblem(
                f"{named} cannot be used: permission denied. It was probably made by another user; "
                f"start as that user, or remove {place} to begin anew (that deletes its data)."
            ) from problem
        if problem.errno == errno.EROFS:
            raise ServiceProblem(f"{named} cannot be written: the file system is read-only.") from problem
        raise
