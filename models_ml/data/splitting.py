"""Groups to splits: rows that share a group or a near text stay together, and a hash says where they go.

A hash of seed and group decides, not the position in a shuffled list: so the same group falls into the same split in
the next version of the data too, and a test product never becomes a training product. Small data may leave a split
empty that way; then the smallest set of another split is moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models_ml.data.errors import DataError
from models_ml.data.near import Numbers, Sets
from models_ml.data.plan import SPLITS

Hashes = NDArray[np.uint64]


def short_hash(text: str) -> int:
    """The first 64 bits of SHA-256. Equal texts always agree, so a leak is never overlooked for it."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def join_equal(sets: Sets, rows: Numbers, hashes: Hashes) -> None:
    """Join the rows of equal hash. `rows` and `hashes` have the same length."""
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
    for place in same.tolist():
        sets.join(int(rows[order[place]]), int(rows[order[place + 1]]))


def assign(roots: Numbers, groups: Hashes, *, shares: Sequence[float], seed: int) -> NDArray[np.int8]:
    """The split (index in SPLITS) of each row. `roots`: its set; `groups`: the hash of its group.

    Raises DataError when there are fewer sets than splits with a share.
    """
    names, members = np.unique(roots, return_inverse=True)
    wanted = [index for index, share in enumerate(shares) if share > 0]
    if len(names) < len(wanted):
        raise DataError(
            "group",
            f"the rows form {len(names)} separate group(s), too few for {len(wanted)} splits: rows of one group, and "
            "rows that are nearly equal, stay together; name a finer group, or give a split the share 0",
        )
    smallest = np.full(len(names), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, members, groups)
    points = np.array([short_hash(f"{seed}/{key}") / 2**64 for key in smallest.tolist()])
    bounds = np.cumsum(shares)
    chosen = np.minimum(np.searchsorted(bounds, points, side="right"), wanted[-1]).astype(np.int8)
    _fill_empty(chosen, np.bincount(members), points, wanted)
    return chosen[members]


def _fill_empty(chosen: NDArray[np.int8], sizes: Numbers, points: NDArray[np.float64], wanted: list[int]) -> None:
    for split in wanted:
        while not (chosen == split).any():
            counts = np.bincount(chosen, minlength=len(SPLITS))
            donor = int(counts.argmax())  # the most sets; there are at least as many sets as splits, so two at least
            places = np.flatnonzero(chosen == donor)
            smallest = min(places.tolist(), key=lambda place: (sizes[place], points[place]))
            chosen[smallest] = split
