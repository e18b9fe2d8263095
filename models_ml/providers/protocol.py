"""The one protocol between platform and whatever writes: draws in, drafts out, and what each of them used.

Pure. A draw is one text for one brief, with a seed of its own; a provider answers each draw at most once and in the
order asked, so that no failure, retry or cancel can make two candidates of one draw. What a draw used is told exactly
once, through `record`, whether it ended well or not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from models_ml.brief import Brief
from models_ml.examples import Winner
from models_ml.nn.progress import ShouldStop, never
from models_ml.sampling import Sampling

Outcome = Literal["written", "failed", "cancelled"]
ThemeBy = Literal["", "opening", "instruction"]


class ProviderError(Exception):
    """A provider cannot write; the sentence says why and holds no key. `usage` is what the failed draw had used."""

    def __init__(self, sentence: str, usage: Usage | None = None) -> None:
        super().__init__(sentence)
        self.usage = usage


class TooLarge(Exception):
    """The device has no memory for a request of this many draws; a smaller one may do."""

    def __init__(self, draws: int) -> None:
        super().__init__(f"the device has no memory for {draws} texts at once")
        self.draws = draws


@dataclass(frozen=True)
class Draw:
    """One text to be written. `seed` is its own; `number` counts the draws of its brief."""

    brief: Brief
    seed: int
    number: int
    examples: tuple[Winner, ...] = ()


@dataclass(frozen=True)
class Usage:
    """What one draw used, all attempts together. `cost` is None where no price is known; `key` is unique to the draw.

    Tokens of a broken stream are counted as far as they arrived, one a piece of text.
    """

    provider: str
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    cost: Decimal | None = None
    currency: str = ""
    attempts: int = 1
    outcome: Outcome = "written"
    key: str = ""

    def to_json(self) -> dict[str, object]:
        """As a JSON-ready dict; the cost as text, so that no digit is lost."""
        return {**self.__dict__, "cost": None if self.cost is None else str(self.cost)}


@dataclass(frozen=True)
class Draft:
    """The text of `request.draws[place]`, and how it came to be. Empty hashes are unknown."""

    place: int
    text: str
    usage: Usage


@dataclass(frozen=True)
class Prepared:
    """What a provider will do with a draw: the prompt's hash and length (0: unknown before the call), what it left out.

    `examples` are those that stand in the prompt; `left_out` says why others do not. `theme_by` tells how a theme of
    the brief conditions the text: by the answer's opening words, or by instruction only.
    """

    prompt_hash: str
    prompt_tokens: int = 0
    examples: tuple[str, ...] = ()
    left_out: str = ""
    theme_by: ThemeBy = ""


@dataclass(frozen=True)
class WriteRequest:
    """Draws to be made now. `should_stop` is asked often: within a second of it turning true the request ends."""

    draws: Sequence[Draw]
    sampling: Sampling = field(default_factory=Sampling)
    should_stop: ShouldStop = never
    record: Callable[[Usage], None] = lambda _usage: None


class Provider(Protocol):
    """What can write. `id` and `hash` name the model, `adapter` what is put on it; `most_at_once` bounds a request."""

    name: str
    id: str
    hash: str
    adapter: str
    most_at_once: int

    def prepare(self, brief: Brief, examples: Sequence[Winner]) -> Prepared:
        """What a prompt for this brief will be. Raises ProviderError where the brief does not fit the model."""

    def write(self, request: WriteRequest) -> Iterator[Sequence[Draft]]:
        """Drafts as they are done, in the order of the draws, in groups. Raises ProviderError and TooLarge."""


def row_seed(seed: int, prompt_hash: str, number: int) -> int:
    """The seed of one draw: 48 bits, so exact in JSON consumers that read numbers as doubles."""
    digest = hashlib.sha256(f"{seed}/{prompt_hash}/{number}".encode()).digest()
    return int.from_bytes(digest[:6], "big")
