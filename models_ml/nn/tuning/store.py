"""Token rows on disk, memory-mapped: made once by streaming through a dataset, read by index ever after.

Peculiar: nothing is held in memory but 20 bytes a row (offset, start, value), so a dataset may be larger than memory.
A store is named by what it was made from (dataset, tokenizer, plan), written as a draft and renamed when whole.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models_ml.nn.artifacts import write_json
from models_ml.nn.progress import Cancelled, ShouldStop, never
from models_ml.nn.tuning.rows import Tally, TokenRow

_LOOK_EVERY = 1000  # rows between two looks at the wish to stop


@dataclass(frozen=True)
class TokenStore:
    """Rows of token ids. Arrays are memory-mapped; a row is read only when asked for."""

    ids: npt.NDArray[np.int32]  # all rows on end
    words: npt.NDArray[np.int32] | None  # as ids: the word of each token, -1 for none
    offsets: npt.NDArray[np.int64]  # rows + 1
    starts: npt.NDArray[np.int32]  # first position with loss, by row
    values: npt.NDArray[np.float64]  # label or weight, by row
    tally: Tally

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens, by row."""
        return np.diff(self.offsets)

    def row(self, index: int) -> npt.NDArray[np.int32]:
        """The token ids of a row, a view."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def row_words(self, index: int) -> npt.NDArray[np.int32] | None:
        """The word of each token of a row, None where words were not kept."""
        return None if self.words is None else self.words[self.offsets[index] : self.offsets[index + 1]]


def key_of(*parts: Any) -> str:
    """A short name for what a store is made from."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def token_store(
    folder: Path, rows: Iterable[TokenRow], tally: Tally, *, words: bool = False, should_stop: ShouldStop = never
) -> TokenStore:
    """The store in `folder`, made from `rows` where it is not there yet; `tally` is what the maker of rows fills.

    Raises Cancelled and whatever the rows raise; nothing but a draft is then left, which the next call replaces.
    """
    if not (folder / "meta.json").is_file():
        draft = folder.with_name(folder.name + ".part")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        draft.mkdir(parents=True)
        _write(draft, rows, words=words, should_stop=should_stop)
        write_json(draft / "meta.json", asdict(tally))
        draft.rename(folder)
    return _open(folder)


def _write(draft: Path, rows: Iterable[TokenRow], *, words: bool, should_stop: ShouldStop) -> None:
    offsets, starts, values = array("q", [0]), array("i"), array("d")
    with ExitStack() as stack:
        ids_file = stack.enter_context((draft / "ids.bin").open("wb"))
        words_file = stack.enter_context((draft / "words.bin").open("wb")) if words else None
        for row in _watched(rows, should_stop):
            ids_file.write(np.asarray(row.ids, dtype=np.int32).tobytes())
            if words_file is not None:
                words_file.write(np.asarray(row.words, dtype=np.int32).tobytes())
            offsets.append(offsets[-1] + len(row.ids))
            starts.append(row.start)
            values.append(row.value)
    np.save(draft / "offsets.npy", np.asarray(offsets, dtype=np.int64))
    np.save(draft / "starts.npy", np.asarray(starts, dtype=np.int32))
    np.save(draft / "values.npy", np.asarray(values, dtype=np.float64))


def _watched(rows: Iterable[TokenRow], should_stop: ShouldStop) -> Iterator[TokenRow]:
    for index, row in enumerate(rows):
        if index % _LOOK_EVERY == 0 and should_stop():
            raise Cancelled("stopped while the dataset was being tokenised")
        yield row


def _open(folder: Path) -> TokenStore:
    def mapped(name: str) -> npt.NDArray[np.int32]:
        path = folder / name
        return np.memmap(path, dtype=np.int32, mode="r") if path.stat().st_size else np.empty(0, dtype=np.int32)

    return TokenStore(
        ids=mapped("ids.bin"),
        words=mapped("words.bin") if (folder / "words.bin").is_file() else None,
        offsets=np.load(folder / "offsets.npy", allow_pickle=False),
        starts=np.load(folder / "starts.npy", allow_pickle=False),
        values=np.load(folder / "values.npy", allow_pickle=False),
        tally=Tally(**json.loads((folder / "meta.json").read_text(encoding="utf-8"))),
    )
