"""Keeps the platform's own processes running: restarts what dies, gives up when that does not help, stops all in order.

One thread, no callbacks: the launcher calls `check` a few times a second. Restarts wait longer each time; a process
that has run well for a while starts with a clean record.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from core.embedded import process
from core.embedded.problems import ServiceProblem

# A death this soon after the start counts as quick; five in a row and the launcher gives up.
QUICK_SECONDS = 20.0
QUICK_DEATHS = 5
FIRST_PAUSE_SECONDS = 0.5


@dataclass
class Watched:
    """A program, the running process of it, and its record. `stage` says when it is stopped, `steps` how."""

    program: process.Program
    steps: Sequence[tuple[int, float]]
    stage: int = 0
    child: process.Child | None = None
    quick_deaths: int = 0
    next_start: float = field(default=0.0)

    def start(self) -> None:
        """Start the process, its output at the end of its log."""
        process.rotate(self.program.log)
        self.child = process.Child(self.program)


class Supervisor:
    """The processes of one launch."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.watched: list[Watched] = []
        self._report = report

    def add(self, program: process.Program, *, steps: Sequence[tuple[int, float]], stage: int = 0) -> None:
        """Start a program and keep it running. Processes of a lower stage are stopped first."""
        one = Watched(program, steps, stage)
        self.watched.append(one)
        one.start()

    def check(self) -> None:
        """Look at every process once, and restart what is due. Raises `ServiceProblem` where one keeps dying."""
        now = time.monotonic()
        for one in self.watched:
            if one.child is None:
                if now >= one.next_start:
                    one.start()
            elif not one.child.alive():
                self._note_death(one, now)

    def _note_death(self, one: Watched, now: float) -> None:
        assert one.child is not None  # noqa: S101 (the caller has looked)
        quick = now - one.child.started < QUICK_SECONDS
        one.quick_deaths = one.quick_deaths + 1 if quick else 1
        ending = describe_end(one.child.code)
        # Whatever of its session is still there would hold ports and tasks.
        one.child.stop()
        one.child = None
        if one.quick_deaths >= QUICK_DEATHS:
            lines = [f"  {line}" for line in process.tail(one.program.log, 12)]
            sentence = f"The {one.program.name} process {ending}, {QUICK_DEATHS} times in a row."
            raise ServiceProblem("\n".join([f"{sentence} The last lines of {one.program.log}:", *lines]))
        pause = FIRST_PAUSE_SECONDS * 2 ** (one.quick_deaths - 1)
        one.next_start = now + pause
        self._report(f"The {one.program.name} process {ending}; it is started again in {pause:.1f} s.")

    def stop(self) -> None:
        """Stop everything, stage by stage, each process within the seconds of its steps."""
        for stage in sorted({one.stage for one in self.watched}):
            _stop_together([one for one in self.watched if one.stage == stage])
        self.watched = []

    def kill(self) -> None:
        """End all our processes at once, for someone who pressed Ctrl-C twice."""
        for one in self.watched:
            if one.child is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(one.child.pid, signal.SIGKILL)


def _stop_together(group: list[Watched]) -> None:
    """All get their first signal at the same moment, so that the longest counts and not the sum."""
    running = [(one, one.child) for one in group if one.child is not None]
    for one, child in running:
        child.send(one.steps[0][0])
    begun = time.monotonic()
    for one, child in running:
        child.wait(one.steps[0][1] - (time.monotonic() - begun))
    for one, child in running:
        child.stop(*one.steps[1:])


def describe_end(code: int | None) -> str:
    """How a process ended, as the end of a sentence."""
    if code is None:
        return "ended"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
