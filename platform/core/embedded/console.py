"""What `make run` says while it works: numbered steps with the seconds since the start, in plain sentences."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Console:
    """Writes at once, without colours or cursor games: it looks the same on a terminal, in a pipe and in a log."""

    def __init__(self, *, steps: int, output: TextIO | None = None) -> None:
        self._steps = steps
        self._output = output or sys.stdout
        self._begun = time.monotonic()
        self._step = 0

    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._begun

    def step(self, sentence: str) -> None:
        """Begin the next numbered step."""
        self._step += 1
        self.line(f"[{self._step}/{self._steps}] {self.seconds():6.1f} s  {sentence}")

    def note(self, sentence: str) -> None:
        """Something worth knowing about the present step, or about the running platform."""
        self.line(f"      {self.seconds():6.1f} s  {sentence}")

    def line(self, text: str = "") -> None:
        """A line as it is. A closed terminal or pipe is no reason to stop."""
        try:
            self._output.write(f"{text}\n")
            self._output.flush()
        except (BrokenPipeError, OSError, ValueError):
            return
