"""Near-duplicates by MinHash and banding, verified exactly: rows whose texts reach a Jaccard similarity.

MinHash: Broder 1997; banding: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4. Peculiar: the
index is on disk, one file a band, read one band at a time, so a text takes 8 bytes of memory while its band is sorted.
Bands are chosen for recall, not for speed: a pair at the bound is missed with a chance below one in a million. What
the bands propose is measured on the texts themselves, so there is no false find.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from models_ml.data.cleaning import normalised
from models_ml.data.rows import compared, kind
from models_ml.data.shards import RowFile
from models_ml.nn.progress import Cancelled, ShouldStop

PERMUTATIONS = 128
MOST_MISSED = 1e-6
_GRAM = 3
_UNIT = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
# The estimate from 128 hashes has a standard error of at most 0.045: this margin is over four of them.
_MARGIN = 0.2
_CHUNK = 512
_LEAST_STOPS = 1000

Numbers = NDArray[np.int64]


def shingles(text: str) -> frozenset[str]:
    """The n-grams of three units of a text (a unit is a word or a Chinese character), case and signs left out."""
    units = _UNIT.findall(normalised(text))
    count = max(1, len(units) - _GRAM + 1)
    return frozenset(" ".join(units[start : start + _GRAM]) for start in range(count))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection over that of the union; 1 for two empty sets."""
    together = len(one | other)
    return len(one & other) / together if together else 1.0


def rows_a_band(threshold: float) -> int:
    """Most hashes a band may hold so that a pair at `threshold` is missed with a chance of at most MOST_MISSED."""
    return max(rows for rows in range(1, 17) if rows == 1 or miss_chance(threshold, rows) <= MOST_MISSED)


def miss_chance(threshold: float, rows: int) -> float:
    """The chance that no band of a pair at `threshold` agrees: (1 - t^r)^b."""
    return float((1 - threshold**rows) ** (PERMUTATIONS // rows))


class Sets:
    """Disjoint sets of row numbers; a set is named by its smallest member."""

    def __init__(self, count: int) -> None:
        self.parents = array("q", range(count))

    def find(self, number: int) -> int:
        """The smallest member of the set of `number`."""
        parents = self.parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Make one set of two."""
        low, high = sorted((self.find(one), self.find(other)))
        self.parents[high] = low

    def roots(self) -> Numbers:
        """The set of each number."""
        return np.fromiter((self.find(number) for number in range(len(self.parents))), np.int64, len(self.parents))


@dataclass(frozen=True)
class _Index:
    """Signatures and bands of texts on disk. `owners`: the row of each text."""

    folder: Path
    owners: Numbers
    bands: int
    signatures: Any

    def band(self, number: int) -> NDArray[np.uint64]:
        return np.fromfile(self.folder / f"band-{number:03}.bin", dtype=np.uint64)


class NearTexts:
    """The texts of rows, indexed in `folder` (made here, removed by the caller).

    Only texts of one kind are compared. `seed` draws the hash functions.
    """

    def __init__(
        self,
        texts: RowTexts,
        folder: Path,
        *,
        threshold: float,
        seed: int = 1,
        should_stop: ShouldStop,
    ) -> None:
        self.threshold, self.should_stop = threshold, should_stop
        self.rows = rows_a_band(threshold)
        folder.mkdir(parents=True)
        self.index = self._write(texts, folder, seed)
        self.shingles = lru_cache(maxsize=512)(lambda number: shingles(texts.text(number)))

    def _write(self, texts: Iterable[tuple[int, str, str]], folder: Path, seed: int) -> _Index:
        bands = PERMUTATIONS // self.rows
        empty = MinHash(num_perm=PERMUTATIONS, seed=seed, hashfunc=zlib.crc32)
        factors = np.random.default_rng(seed).integers(1, 2**63, (bands, self.rows), dtype=np.uint64) | np.uint64(1)
        owners = array("q")
        with ExitStack() as stack:
            band_files = [stack.enter_context((folder / f"band-{n:03}.bin").open("wb")) for n in range(bands)]
            signature_file = stack.enter_context((folder / "signatures.bin").open("wb"))
            for chunk in _chunks(texts):
                self._check_stop()
                owners.extend(row for row, _, _ in chunk)
                signatures = np.stack([_signature(empty, text) for _, _, text in chunk])
                kinds = np.array([zlib.crc32(kind.encode()) for _, kind, _ in chunk], dtype=np.uint64)
                signature_file.write(signatures.tobytes())
                for number, file in enumerate(band_files):
                    part = signatures[:, number * self.rows : (number + 1) * self.rows].astype(np.uint64)
                    # A random odd multiple of each hash: equal bands stay equal, others meet by a chance of 2^-32.
                    mixed = (part * factors[number]).sum(axis=1, dtype=np.uint64)
                    file.write((mixed ^ (kinds << np.uint64(32))).tobytes())
        shape = (len(owners), PERMUTATIONS)
        stored: Any = np.memmap(folder / "signatures.bin", np.uint32, "r", shape=shape) if len(owners) else None
        return _Index(folder, np.array(owners, dtype=np.int64), bands, stored)

    def join_all(self, sets: Sets) -> None:
        """Join the rows of each near pair. Pairs that are joined already are not measured again."""
        for run in self._runs():
            labels = np.array([sets.find(int(row)) for row in self.index.owners[run]], dtype=np.int64)
            for one, other in self._pairs(run, labels, merge=True):
                sets.join(int(self.index.owners[one]), int(self.index.owners[other]))

    def across(self, parts: NDArray[Any]) -> Iterator[tuple[int, int]]:
        """Near pairs of rows that lie in different parts; `parts[row]` is the part. Pairs may come twice."""
        for run in self._runs():
            for one, other in self._pairs(run, parts[self.index.owners[run]].astype(np.int64), merge=False):
                yield int(self.index.owners[one]), int(self.index.owners[other])

    def _runs(self) -> Iterator[Numbers]:
        """Texts that agree in a band, as ascending numbers."""
        for number in range(self.index.bands if len(self.index.owners) else 0):
            self._check_stop()
            band = self.index.band(number)
            order = np.argsort(band, kind="stable")
            edges = np.flatnonzero(np.diff(band[order])) + 1
            starts = np.concatenate([[0], edges, [len(order)]])
            for index in np.flatnonzero(np.diff(starts) > 1):
                yield order[starts[index] : starts[index + 1]]

    def _pairs(self, run: Numbers, labels: Numbers, *, merge: bool) -> Iterator[tuple[int, int]]:
        """Near pairs within a run whose labels differ; with `merge` a found pair then shares its label."""
        for place in range(len(run) - 1):
            if place % _LEAST_STOPS == 0:
                self._check_stop()
            for other in self._promising(run, labels, place):
                one, two = int(run[place]), int(run[other])
                if labels[other] != labels[place] and self._near(one, two):
                    if merge:
                        labels[labels == labels[other]] = labels[place]
                    yield one, two

    def _promising(self, run: Numbers, labels: Numbers, place: int) -> Numbers:
        """Places after `place` with another label whose signature does not rule them out."""
        others = np.flatnonzero(labels[place + 1 :] != labels[place]) + place + 1
        if not len(others):
            return others
        own = self.index.signatures[run[place]]
        parts = [others[start : start + _CHUNK] for start in range(0, len(others), _CHUNK)]
        alike = np.concatenate([(self.index.signatures[run[part]] == own).mean(axis=1) for part in parts])
        return others[alike >= self.threshold - _MARGIN]

    def _near(self, one: int, other: int) -> bool:
        return jaccard(self.shingles(one), self.shingles(other)) >= self.threshold

    def _check_stop(self) -> None:
        if self.should_stop():
            raise Cancelled


def _signature(empty: MinHash, text: str) -> NDArray[np.uint32]:
    sketch = empty.copy()
    sketch.update_batch([gram.encode() for gram in shingles(text)])
    values: NDArray[np.uint32] = sketch.hashvalues
    return values


class RowTexts:
    """The compared texts of some rows of a file: what NearTexts reads, and gives a text back by its number."""

    def __init__(self, rows: RowFile, numbers: Iterable[int], *, by_kind: bool) -> None:
        self.rows, self.numbers, self.by_kind = rows, numbers, by_kind
        self.places = array("q")  # row and place in the row of each text, one after the other

    def __iter__(self) -> Iterator[tuple[int, str, str]]:
        for number in self.numbers:
            row = self.rows.row(number)
            own_kind = kind(row) if self.by_kind else ""
            for place, text in enumerate(compared(row)):
                self.places.extend((number, place))
                yield number, own_kind, text

    def text(self, number: int) -> str:
        """The text of that number, in the order in which they were read."""
        row, place = self.places[2 * number], self.places[2 * number + 1]
        return compared(self.rows.row(row))[place]


def _chunks(texts: Iterable[tuple[int, str, str]]) -> Iterator[Sequence[tuple[int, str, str]]]:
    chunk: list[tuple[int, str, str]] = []
    for item in texts:
        chunk.append(item)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
