"""The leak check: reads the finished files and proves that no group and no text, equal or near, lies in two splits.

It knows nothing of how the splits were made. Groups and equal texts are compared by 64-bit hashes, so an overlap
cannot be overlooked (two texts of one hash could only raise a false alarm). Near texts are searched with hash
functions other than the builder's, so a pair would have to be missed several times; the result states the chance.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_ml.data.cleaning import normalised
from models_ml.data.errors import DataError
from models_ml.data.near import NearTexts, RowTexts, miss_chance, rows_a_band
from models_ml.data.rows import compared
from models_ml.data.shards import RowFile
from models_ml.data.splitting import short_hash
from models_ml.nn.progress import Cancelled, ShouldStop, never

_SEED = 977
_STOP_EVERY = 1000


def check(
    files: Sequence[tuple[Path, int]], work: Path, *, threshold: float, should_stop: ShouldStop = never
) -> dict[str, Any]:
    """Check `files`, each with the number of its split; `work` is an empty place for the index.

    Returns {"rows", "texts", "groups_across", "equal_across", "near_across", "threshold", "miss_chance"}: the
    counts of overlaps, all 0 in a sound dataset. `miss_chance` is that of one pair at the threshold.
    """
    paths = [path for path, _ in files]
    with RowFile(paths) as rows:
        parts = _parts(files, rows)
        groups, texts, owners = _hashes(rows, should_stop)
        result = {
            "rows": len(rows),
            "texts": len(texts),
            "groups_across": _across(groups, parts),
            "equal_across": _across(texts, parts[owners]),
            "near_across": 0,
            "threshold": threshold,
            "miss_chance": 0.0,
        }
        if threshold < 1 and len(rows):
            near = NearTexts(
                RowTexts(rows, range(len(rows)), by_kind=False),
                work,
                threshold=threshold,
                seed=_SEED,
                should_stop=should_stop,
            )
            result["near_across"] = sum(1 for _ in near.across(parts))
            result["miss_chance"] = miss_chance(threshold, rows_a_band(threshold))
    return result


def refuse_leaks(result: dict[str, Any]) -> None:
    """Raise DataError where a check found an overlap."""
    found = {name: result[name] for name in ("groups_across", "equal_across", "near_across") if result[name]}
    if found:
        told = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in found.items())
        raise DataError("leak_check", f"splits are not apart ({told}); build again with another seed")


def _parts(files: Sequence[tuple[Path, int]], rows: RowFile) -> NDArray[np.int8]:
    parts = np.zeros(len(rows), dtype=np.int8)
    filled = [split for path, split in files if path.stat().st_size]
    for first, split in zip(rows.first, filled, strict=True):
        parts[first:] = split
    return parts


def _hashes(rows: RowFile, should_stop: ShouldStop) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of the groups (one a row), of the compared texts, and the row of each text."""
    groups, texts, owners = array("Q"), array("Q"), array("q")
    for number in range(len(rows)):
        if number % _STOP_EVERY == 0 and should_stop():
            raise Cancelled
        row = rows.row(number)
        groups.append(short_hash(row["group"]))
        for text in compared(row):
            texts.append(short_hash(normalised(text)))
            owners.append(number)
    return np.array(groups, np.uint64), np.array(texts, np.uint64), np.array(owners, np.int64)


def _across(hashes: NDArray[np.uint64], parts: NDArray[np.int8]) -> int:
    """How many hashes occur in more than one part."""
    pairs = np.unique(np.stack([hashes, parts.astype(np.uint64)], axis=1), axis=0)
    _, counts = np.unique(pairs[:, 0], return_counts=True)
    return int((counts > 1).sum())
