"""Who serves a checkout: one process holds `var/lock` and owns the servers; others hold a share of `var/attached`.

Both are `flock`s: the kernel drops them when their process dies in any way, so there is no stale lock to clean.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True)
class Owner:
    """The process that serves a checkout: its id, what it was started as, and the web address where it has one."""

    pid: int
    purpose: str
    address: str = ""

    def sentence(self) -> str:
        """What to tell someone who wanted the same."""
        where = f" at {self.address}" if self.address else ""
        return f"Copylift is already running in this checkout{where} ({self.purpose}, pid {self.pid})."


class Lock:
    """An exclusive, self-cleaning lock on one `var/` folder."""

    def __init__(self, var: Path) -> None:
        self.file = var / "lock"
        self._held: TextIO | None = None

    def acquire(self, owner: Owner) -> bool:
        """Take the lock and leave our name in it. False where another process has it."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        handle = self.file.open("a+", encoding="utf-8")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return False
        handle.truncate(0)
        handle.write(json.dumps(asdict(owner)))
        handle.flush()
        self._held = handle
        return True

    def owner(self) -> Owner:
        """Whoever wrote the name in the lock last; a nameless one in the instant before it is written."""
        try:
            return Owner(**json.loads(self.file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Owner(pid=0, purpose="a process that is just starting")

    def release(self) -> None:
        """Let go. The file stays, empty: removing it would let two processes lock two files of one name."""
        if self._held is not None:
            self._held.truncate(0)
            self._held.close()
            self._held = None


class Attachment:
    """A share in servers that another process owns. A command that owns them waits until all shares are given back."""

    def __init__(self, var: Path) -> None:
        self.file = var / "attached"
        self._held: int | None = None

    def take(self) -> None:
        """Hold a share until this process ends."""
        self._held = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._held, fcntl.LOCK_SH)

    def give_back(self) -> None:
        """Let go of the share."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def shut(self) -> bool:
        """For the owner at its end: False while anyone holds a share; True once no one can take one any more."""
        handle = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        # Kept until this process ends: who asks for a share meanwhile waits, and then finds the servers gone.
        self._held = handle
        return True
