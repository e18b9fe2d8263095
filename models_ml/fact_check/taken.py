"""Which characters of a text are read already; asking and marking take time in the length asked for only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models_ml.fact_check.values import Claim


class Taken:
    """Marks on the characters of a text of `size` characters."""

    def __init__(self, size: int) -> None:
        self._marks = bytearray(size)

    def free(self, claim: Claim) -> bool:
        """Whether no character of the claim is marked."""
        return not any(self._marks[claim.start : claim.end])

    def take(self, claim: Claim) -> None:
        """Mark the claim's characters."""
        self._marks[claim.start : claim.end] = b"\1" * (claim.end - claim.start)

    def claim(self, claims: Iterable[Claim]) -> Iterator[Claim]:
        """The claims whose characters are free when their turn comes; each takes its own."""
        for claim in claims:
            if self.free(claim):
                self.take(claim)
                yield claim
