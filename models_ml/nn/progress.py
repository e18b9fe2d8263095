"""How long work reports itself and is cancelled: the protocols that jobs, commands and tests plug into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol


class OnProgress(Protocol):
    """Called now and then. `fraction` of the whole runs from 0 to 1; `metrics` e.g. {"loss": 1.2}."""

    def __call__(self, fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        """Report. Must be quick; an exception raised here ends the work."""


ShouldStop = Callable[[], bool]


class Cancelled(Exception):
    """The work was asked to stop and did, leaving a checkpoint to resume from."""


def silent(fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
    """Report to nobody."""


def never() -> bool:
    """Never stop."""
    return False
