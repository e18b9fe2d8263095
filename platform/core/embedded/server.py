"""What the two embedded servers have in common: a folder, a log, a process, and a way to say what went wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from core.embedded import process
from core.embedded.problems import FULL_DISK_WORDS, ServiceProblem, disk_full

# How long a server that an earlier run left behind may take to end by itself.
LEFTOVER_SECONDS = 10.0


def quiet(_line: str) -> None:
    """Report nothing."""


class Server(ABC):
    """One server of one `var/` folder. Every method supposes that the caller holds the lock on that folder."""

    name: ClassVar[str]
    # Signals and the seconds each is given, before the process is killed.
    stop_steps: ClassVar[tuple[tuple[int, float], ...]]

    def __init__(self, var: Path, *, durable: bool = True, report: Callable[[str], None] = quiet) -> None:
        self.var = var
        self.durable = durable
        self.report = report
        self.log = var / "log" / f"{self.name.lower()}.log"
        self.child: process.Child | None = None

    @abstractmethod
    def start(self) -> None:
        """Start, recover what an earlier run left, and wait until it answers. Raises `ServiceProblem`."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether a server on our socket lets us in, ours or another process's."""

    def alive(self) -> bool:
        """Whether our server process runs."""
        return self.child is not None and self.child.alive()

    def stop(self) -> None:
        """Stop the server we started, if any."""
        if self.child is not None:
            self.child.stop(*self.stop_steps)
            self.child = None

    def problem(self, sentence: str) -> ServiceProblem:
        """The sentence with the end of the log; the one about full disks where the log says so."""
        lines = process.tail(self.log)
        if any(words in line for line in lines for words in FULL_DISK_WORDS):
            return disk_full(self.var)
        quoted = [f"  {line}" for line in lines]
        return ServiceProblem("\n".join([f"{sentence} The last lines of {self.log}:", *quoted]))
