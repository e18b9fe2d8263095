"""How many texts to ask for at once: few at first, so that one can be seen soon, then as many as keep up.

Pure. A request that took less than the patience lets the next be twice as large, one that took three times as long
lets it be half; a device that ran out of memory sets a ceiling for good. Sizes decide speed alone, never texts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models_ml.providers.protocol import ProviderError, TooLarge


class Pace:
    """The size of the next request: `first` to begin with, at most `most`. `patience` is in seconds."""

    def __init__(
        self, most: int, *, first: int = 4, patience: float = 2.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if most < 1 or first < 1:
            raise ValueError("a request holds at least 1 text")
        self.most, self.size = most, min(first, most)
        self.patience, self._clock = patience, clock

    @classmethod
    def steady(cls, size: int) -> Pace:
        """Always the same size (memory permitting)."""
        return cls(size, first=size, patience=float("inf"))

    @contextmanager
    def timed(self, asked: int) -> Iterator[None]:
        """Around a request of `asked` texts; a failed one teaches nothing."""
        before = self._clock()
        yield
        took = self._clock() - before
        if asked == self.size and took < self.patience:
            self.size = min(self.most, 2 * self.size)
        elif took > 3 * self.patience:
            self.size = max(1, self.size // 2)

    def shrink(self, problem: TooLarge) -> None:
        """Halve after the device ran out of memory. Raises ProviderError where a single text is too much."""
        if problem.draws <= 1:
            raise ProviderError("the device has no memory left even for one text at a time") from problem
        self.most = self.size = problem.draws // 2
