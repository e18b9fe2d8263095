"""The order of training: which rows share a bin, which bins a step. Pure numpy, decided by seed and lengths alone.

Peculiar: the order is a function of the step, so a resumed run needs no state of a data loader, and halving the batch
after an out-of-memory error changes nothing but the cuts. A step always has all its bins: where an epoch ends within a
step, the next epoch's order begins.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Bin = tuple[int, ...]

_WINDOW = 4096  # rows packed together: bins are full within a percent, and packing costs n log n of a window
_STEPS_A_BUCKET = 40
_LEAST_FILL = 0.9


def best_fit(lengths: npt.NDArray[np.int64], rows: Sequence[int], *, capacity: int) -> list[Bin]:
    """Bins of rows whose lengths sum to at most `capacity`: longest first, each into the fullest bin that takes it.

    Best-fit decreasing uses at most 11/9 of the least number of bins and 1 more (Johnson 1974). A row longer than the
    capacity gets a bin of its own.
    """
    bins: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (space left, bin), sorted
    for row in sorted(rows, key=lambda one: (-int(lengths[one]), one)):
        length = int(lengths[row])
        place = bisect_left(room, (length, -1))
        if place == len(room):
            bins.append([row])
            left, index = capacity - length, len(bins) - 1
        else:
            space, index = room.pop(place)
            bins[index].append(row)
            left = space - length
        if left > 0:
            insort(room, (left, index))
    return [tuple(one) for one in bins]


def fitting_capacity(lengths: npt.NDArray[np.int64], *, most: int) -> int:
    """Tokens a bin: `most`, halved as long as the rows still fill the bins to nine tenths.

    Attention under a block-diagonal mask costs the square of the bin, so that a bin far longer than its rows is waste.
    """
    sample = range(min(len(lengths), _WINDOW))
    longest, total = int(lengths.max()), int(lengths[: len(sample)].sum())
    capacity = most
    while capacity // 2 >= longest:
        bins = len(best_fit(lengths, sample, capacity=capacity // 2))
        if total / (bins * (capacity // 2)) < _LEAST_FILL:
            break
        capacity //= 2
    return capacity


@dataclass(frozen=True)
class Order:
    """The bins of a run. Without packing each row (or pair of rows, `rows_a_bin` = 2) is a bin of its own."""

    lengths: npt.NDArray[np.int64]
    seed: int
    bins_a_step: int
    capacity: int | None = None  # tokens a bin; None does not pack
    rows_a_bin: int = 1
    _epochs: dict[int, list[Bin]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def bins(self) -> list[Bin]:
        """All bins, each row in one of them."""
        if self.capacity is None:
            step = self.rows_a_bin
            return [tuple(range(start, start + step)) for start in range(0, len(self.lengths), step)]
        shuffled = np.random.default_rng([self.seed, 0]).permutation(len(self.lengths)).tolist()
        found: list[Bin] = []
        for start in range(0, len(shuffled), _WINDOW):
            found += best_fit(self.lengths, shuffled[start : start + _WINDOW], capacity=self.capacity)
        return found

    def steps(self, epochs: float) -> int:
        """Steps that read every bin `epochs` times, at least one."""
        return max(1, -int(-len(self.bins) * epochs // self.bins_a_step))

    def step(self, index: int) -> list[Bin]:
        """The bins of a step, longest last."""
        found = [self._at(index * self.bins_a_step + offset) for offset in range(self.bins_a_step)]
        return sorted(found, key=self._length)

    def _at(self, place: int) -> Bin:
        epoch, offset = divmod(place, len(self.bins))
        return self._epoch(epoch)[offset]

    def _epoch(self, epoch: int) -> list[Bin]:
        if epoch not in self._epochs:
            for old in [one for one in self._epochs if one < epoch - 1]:
                del self._epochs[old]
            self._epochs[epoch] = self._shuffled(epoch)
        return self._epochs[epoch]

    def _shuffled(self, epoch: int) -> list[Bin]:
        """Bins in the order of an epoch: shuffled, and without packing in steps of like length, these shuffled too."""
        draw = np.random.default_rng([self.seed, 1, epoch])
        mixed = [self.bins[index] for index in draw.permutation(len(self.bins))]
        if self.capacity is not None:
            return mixed
        groups: list[list[Bin]] = []
        window = self.bins_a_step * _STEPS_A_BUCKET
        for start in range(0, len(mixed), window):
            part = sorted(mixed[start : start + window], key=self._length)
            groups += [part[at : at + self.bins_a_step] for at in range(0, len(part), self.bins_a_step)]
        full = [group for group in groups if len(group) == self.bins_a_step]
        rest = [one for group in groups if len(group) < self.bins_a_step for one in group]
        return [one for index in draw.permutation(len(full)) for one in full[index]] + rest

    def _length(self, one: Bin) -> int:
        if self.capacity is None:
            return max(int(self.lengths[row]) for row in one)
        return sum(int(self.lengths[row]) for row in one)

    def epoch_of(self, index: int) -> int:
        """The epoch in which a step begins; masks are drawn anew in each."""
        return index * self.bins_a_step // len(self.bins)


def micro_batches(bins: Sequence[Bin], *, parts: int) -> list[list[Bin]]:
    """A step's bins cut into `parts` runs of like length, sizes equal within one."""
    edges = [len(bins) * part // parts for part in range(parts + 1)]
    return [list(bins[begin:end]) for begin, end in pairwise(edges)]
