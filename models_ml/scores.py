"""The values that go to and from a scorer: past texts in, chances and word effects out. Pure: anyone may hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from models_ml.nn.progress import OnProgress, ShouldStop


@dataclass(frozen=True)
class PastText:
    """One text of a finished test: `share` of the traffic was planned for it, `successes` of `units` were reached.

    Texts are compared within one `group` of one `test` (the same channel and language).
    """

    test: str
    group: str
    text: str
    language: str
    share: float
    units: int
    successes: int


@dataclass(frozen=True)
class Effect:
    """How much a word of a text speaks for it (log-odds, positive is for); characters [start, end)."""

    start: int
    end: int
    word: str
    effect: float


@dataclass(frozen=True)
class Scored:
    """The chance (0 to 1) that a text beats the control, and its words' effects."""

    probability: float
    effects: tuple[Effect, ...]


class TextScorer(Protocol):
    """What scores: `models_ml.jobs.scoring.text_scorer`'s answer, or a fake."""

    def __call__(self, control: str, texts: Sequence[str], *, language: str) -> Sequence[Scored]:
        """One answer a text, in order."""


class ScorerTrainer(Protocol):
    """What trains a scorer: `models_ml.jobs.scoring.train_scorer`, or a fake."""

    def __call__(
        self, tested: Sequence[PastText], *, seed: int, on_progress: OnProgress, should_stop: ShouldStop
    ) -> Mapping[str, Any]:
        """Train, register a candidate, and answer {"version": id, "sentence": what was measured}."""
