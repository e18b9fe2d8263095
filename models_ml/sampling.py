"""How texts are drawn, as plain values: shared by all providers, so it knows no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. Temperature 0 is greedy. `max_similarity`: share of common trigrams that makes a twin."""

    temperature: float = 0.8
    top_p: float = 0.9
    top_k: int = 50
    max_new_tokens: int = 224
    max_similarity: float = 0.8

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and 0 < self.top_p <= 1 and self.top_k >= 1 and self.max_new_tokens >= 1):
            raise ValueError("sampling needs temperature >= 0, 0 < top_p <= 1, top_k >= 1 and max_new_tokens >= 1")
        if not 0 < self.max_similarity <= 1:
            raise ValueError("max_similarity must be above 0 and at most 1")
