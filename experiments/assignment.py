"""Who sees what: the published GrowthBook hash, deterministic and stateless, for one unit and for a column of them.

The hash is FNV-1a with 32 bits over UTF-16 code units (one multiplication a unit), as the JavaScript SDK has it, so
that any GrowthBook client in any language gives the same arm. Version 2 hashes twice into 10,000 slots; version 1
(1,000 slots, biased between experiments run in parallel) is here for old clients. Raising the coverage lengthens each
arm's range in place, so it brings units in and moves nobody. Pure: no Django, no clock, no randomness.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from experiments.javascript import unit_key

Range = tuple[float, float]

NOT_ASSIGNED = -1
_OFFSET = 0x811C9DC5
_PRIME = 0x01000193
_MASK = 0xFFFFFFFF
_SLOTS = {1: 1_000, 2: 10_000}
_UTF16 = f"utf-16-{'le' if sys.byteorder == 'little' else 'be'}"
# Python integers need no mask at each step; it is cheaper to let them grow for some units and cut once.
_UNITS_PER_MASK = 48
# Units hashed at once in the vectorised path: a few uint32 columns of this length stay in the second-level cache.
_CHUNK = 16_384


class Reason(StrEnum):
    """Why a unit is or is not in an experiment."""

    ASSIGNED = "assigned"
    NO_UNIT = "no_unit"
    HELD_OUT = "held_out"
    OUTSIDE_NAMESPACE = "outside_namespace"
    OUTSIDE_COVERAGE = "outside_coverage"
    ARM_DROPPED = "arm_dropped"


class AssignmentResult(NamedTuple):
    """Arm index (-1: not in the experiment), the hash in [0, 1) where it was taken, and the reason."""

    variation: int
    bucket: float | None
    reason: Reason

    @property
    def in_experiment(self) -> bool:
        """Whether the unit has an arm."""
        return self.variation != NOT_ASSIGNED


@dataclass(frozen=True, slots=True)
class Namespace:
    """A share [start, end) of a named circle of units: experiments on disjoint shares never meet in one unit."""

    key: str
    start: float
    end: float

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end <= 1:
            raise ValueError(f"namespace: [{self.start}, {self.end}) is not within [0, 1]")


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A share of all units that is kept out: those whose hash (version 2) under its own seed is below the share."""

    seed: str
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share: {self.share} is not between 0 and 1")


@dataclass(frozen=True)
class AssignmentPlan:
    """Everything that decides an arm. Two equal plans assign alike, for ever.

    Weights are the arms' shares and add up to 1 (within 1 %, as the SDKs allow); coverage is the share of each arm's
    range in use. The range of a dropped arm (by index) stays where it is and is nobody's, so that nobody else moves.
    Raises ValueError naming the field.
    """

    seed: str
    weights: tuple[float, ...]
    coverage: float = 1.0
    hash_version: int = 2
    namespace: Namespace | None = None
    holdouts: tuple[HeldOut, ...] = ()
    dropped: frozenset[int] = frozenset()
    _known: dict[int, AssignmentResult] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Stored plans come back from JSON with a list; a plan must stay a value that can be compared and hashed.
        object.__setattr__(self, "weights", tuple(self.weights))
        object.__setattr__(self, "holdouts", tuple(self.holdouts))
        object.__setattr__(self, "dropped", frozenset(self.dropped))
        if not self.weights:
            raise ValueError("weights: an experiment needs at least one arm")
        if not all(weight >= 0 for weight in self.weights) or not 0.99 <= sum(self.weights) <= 1.01:
            raise ValueError(f"weights: {self.weights} are not shares that add up to 1")
        if not 0 <= self.coverage <= 1:
            raise ValueError(f"coverage: {self.coverage} is not between 0 and 1")
        if self.hash_version not in _SLOTS:
            raise ValueError(f"hash_version: {self.hash_version} is neither 1 nor 2")

    @cached_property
    def ranges(self) -> tuple[Range, ...]:
        """Each arm's half-open range of the hash."""
        return bucket_ranges(len(self.weights), coverage=self.coverage, weights=self.weights)

    @cached_property
    def slots(self) -> int:
        """How many values the hash can take."""
        return _SLOTS[self.hash_version]

    @cached_property
    def variation_by_slot(self) -> npt.NDArray[np.int16]:
        """Arm of each slot, -1 where none; shape (slots,)."""
        table = np.full(self.slots, NOT_ASSIGNED, dtype=np.int16)
        bucket = np.arange(self.slots) / self.slots
        for arm, (start, end) in reversed(tuple(enumerate(self.ranges))):
            table[(bucket >= start) & (bucket < end)] = NOT_ASSIGNED if arm in self.dropped else arm
        return table

    @cached_property
    def _prefix(self) -> int:
        # Version 2 hashes the seed first, so its state is the same for every unit.
        return fnv1a32(self.seed)

    @cached_property
    def _namespace_seed(self) -> str:
        return "" if self.namespace is None else f"__{self.namespace.key}"

    def _at_slot(self, slot: int) -> AssignmentResult:
        bucket = slot / self.slots
        arm = choose_variation(bucket, self.ranges)
        reason = Reason.OUTSIDE_COVERAGE if arm == NOT_ASSIGNED else Reason.ASSIGNED
        if arm in self.dropped:
            arm, reason = NOT_ASSIGNED, Reason.ARM_DROPPED
        return self._known.setdefault(slot, AssignmentResult(arm, bucket, reason))


_NO_UNIT = AssignmentResult(NOT_ASSIGNED, None, Reason.NO_UNIT)
_HELD_OUT = AssignmentResult(NOT_ASSIGNED, None, Reason.HELD_OUT)
_OUTSIDE_NAMESPACE = AssignmentResult(NOT_ASSIGNED, None, Reason.OUTSIDE_NAMESPACE)


def assign(unit: object, plan: AssignmentPlan) -> AssignmentResult:
    """The arm of one unit. Numbers count as JavaScript would write them; anything else that is no text has no arm."""
    key = unit if type(unit) is str else unit_key(unit)
    if not key:
        return _NO_UNIT
    if plan.holdouts and is_held_out(key, plan.holdouts):
        return _HELD_OUT
    if plan.namespace is not None and not in_namespace(key, plan.namespace):
        return _OUTSIDE_NAMESPACE
    if plan.hash_version == 2:
        slot = _digits_hash(fnv1a32(key, plan._prefix)) % 10_000  # noqa: SLF001 - plan and assign are one thing
    else:
        slot = fnv1a32(plan.seed, fnv1a32(key)) % 1_000
    return plan._known.get(slot) or plan._at_slot(slot)  # noqa: SLF001


def assign_many(units: Sequence[str] | npt.NDArray[np.str_], plan: AssignmentPlan) -> npt.NDArray[np.int16]:
    """The arms of a column of units, shape (n,), -1 where not in the experiment; equal to `assign` of each.

    Takes text only (a list of str or a numpy array of kind U). Raises TypeError for anything else.
    """
    if isinstance(units, np.ndarray) and units.dtype.kind != "U":
        raise TypeError(f"units: an array of {units.dtype} is not one of text")
    arms = np.empty(len(units), dtype=np.int16)
    for start in range(0, len(units), _CHUNK):
        chunk = units[start : start + _CHUNK]
        texts = chunk.tolist() if isinstance(chunk, np.ndarray) else chunk
        arms[start : start + len(texts)] = _assign_chunk(texts, plan)
    return arms


def fnv1a32(text: str, state: int = _OFFSET) -> int:
    """FNV-1a, 32 bits, over the UTF-16 code units of a text, going on from a state (Fowler, Noll and Vo, 1991)."""
    codes = text.encode() if text.isascii() else memoryview(text.encode(_UTF16, "surrogatepass")).cast("H")
    if len(codes) <= _UNITS_PER_MASK:
        for code in codes:
            state = (state ^ code) * _PRIME
        return state & _MASK
    for code in codes:
        state = ((state ^ code) * _PRIME) & _MASK
    return state


def _digits_hash(value: int) -> int:
    # FNV-1a of at most ten digits: always ASCII, never long enough to be cut on the way.
    state = _OFFSET
    for code in b"%d" % value:
        state = (state ^ code) * _PRIME
    return state & _MASK


def hash_value(seed: str, value: str, version: int) -> float | None:
    """The hash of a value in [0, 1) under a seed; None for an unknown version, which must put nobody in an
    experiment.
    """
    if version == 2:
        return _digits_hash(fnv1a32(seed + value)) % 10_000 / 10_000
    if version == 1:
        return fnv1a32(value + seed) % 1_000 / 1_000
    return None


def in_namespace(unit: str, namespace: Namespace) -> bool:
    """Whether a unit is on the namespace's share; always by hash version 1, as in every SDK."""
    position = fnv1a32(f"{unit}__{namespace.key}") % 1_000 / 1_000
    return namespace.start <= position < namespace.end


def is_held_out(unit: str, holdouts: Sequence[HeldOut]) -> bool:
    """Whether any of the holdouts keeps a unit out."""
    return any(_digits_hash(fnv1a32(holdout.seed + unit)) % 10_000 / 10_000 < holdout.share for holdout in holdouts)


def equal_weights(count: int) -> tuple[float, ...]:
    """The same share for each of `count` arms; nothing for none."""
    return (1 / count,) * count if count > 0 else ()


def bucket_ranges(count: int, *, coverage: float = 1.0, weights: Sequence[float] | None = None) -> tuple[Range, ...]:
    """Ranges of the hash for `count` arms, as lenient as the SDKs: what cannot be used becomes the nearest usable plan.

    Coverage is held within [0, 1]; weights of the wrong number or sum give way to equal ones. Arms start where they
    would at full coverage.
    """
    share = min(max(coverage, 0.0), 1.0)
    used = equal_weights(count) if weights is None or len(weights) != count else tuple(weights)
    if not 0.99 <= sum(used) <= 1.01:
        used = equal_weights(count)
    ranges, start = [], 0.0
    for weight in used:
        ranges.append((start, start + share * weight))
        start += weight
    return tuple(ranges)


def choose_variation(bucket: float, ranges: Sequence[Sequence[float]]) -> int:
    """Index of the first range that holds the hash, -1 if none does."""
    for index, (start, end) in enumerate(ranges):
        if start <= bucket < end:
            return index
    return NOT_ASSIGNED


def forced_variation(key: str, url: str, count: int) -> int | None:
    """The arm that a URL's query forces for QA (`?key=1`), None where it names none of the `count` arms."""
    query = url.partition("?")[2].partition("#")[0]
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        if name == key and equals and re.fullmatch(r"[0-9]{1,9}", value):
            return int(value) if int(value) < count else None
    return None


def _assign_chunk(units: Sequence[str], plan: AssignmentPlan) -> npt.NDArray[np.int16]:
    column = _Column.of(units)
    if plan.hash_version == 2:
        slot = _hash_decimal(column.hashed(plan._prefix)) % np.uint32(10_000)  # noqa: SLF001
    else:
        slot = column.hashed(_OFFSET, plan.seed) % np.uint32(1_000)
    arms: npt.NDArray[np.int16] = plan.variation_by_slot[slot]
    if plan.namespace is not None:
        position = (column.hashed(_OFFSET, plan._namespace_seed) % np.uint32(1_000)) / 1_000  # noqa: SLF001
        arms[(position < plan.namespace.start) | (position >= plan.namespace.end)] = NOT_ASSIGNED
    for holdout in plan.holdouts:
        position = (_hash_decimal(column.hashed(fnv1a32(holdout.seed))) % np.uint32(10_000)) / 10_000
        arms[position < holdout.share] = NOT_ASSIGNED
    arms[column.lengths == 0] = NOT_ASSIGNED
    # Back from the order of lengths to the caller's.
    result = np.empty_like(arms)
    result[column.order] = arms
    return result


@dataclass(frozen=True, slots=True)
class _Column:
    """UTF-16 code units of a chunk of texts in one stream, the texts ordered by length.

    Text i begins at starts[i], has lengths[i] code units (ascending) and was given as order[i]. Those that still have
    a unit at some position are then one contiguous tail, so each step of the hash is an array operation without a
    mask.
    """

    stream: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    starts: npt.NDArray[np.intp]
    lengths: npt.NDArray[np.intp]
    order: npt.NDArray[np.intp]

    @classmethod
    def of(cls, units: Sequence[str]) -> _Column:
        # One join and one search for the separator find all lengths at a tenth of the price of asking each text for
        # its own. It raises TypeError naming the first item that is no text.
        stream = _code_units("\n".join(units))
        ends = np.append(np.flatnonzero(stream == ord("\n")), len(stream))
        if len(ends) != len(units):  # a text holds a newline itself
            lengths = np.array([len(_code_units(unit)) for unit in units], dtype=np.intp)
            ends = np.cumsum(lengths + 1) - 1
        starts = np.append(0, ends[:-1] + 1)
        lengths = ends - starts
        order = np.argsort(lengths, kind="stable")
        return cls(stream, starts[order], lengths[order], order)

    def hashed(self, state: int, suffix: str = "") -> npt.NDArray[np.uint32]:
        """FNV-1a of each text followed by the suffix, going on from a state; in the order of lengths."""
        hashes = np.full(len(self.starts), state, dtype=np.uint32)
        longest = int(self.lengths[-1]) if len(self.lengths) else 0
        first_active = np.searchsorted(self.lengths, np.arange(longest), side="right")
        for position, first in enumerate(first_active.tolist()):
            active = hashes[first:]
            active ^= self.stream.take(self.starts[first:] + position)
            active *= np.uint32(_PRIME)
        for code in _code_units(suffix):
            hashes ^= np.uint32(code)
            hashes *= np.uint32(_PRIME)
        return hashes


def _code_units(text: str) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    if text.isascii():
        return np.frombuffer(text.encode(), dtype=np.uint8)
    return np.frombuffer(text.encode(_UTF16, "surrogatepass"), dtype=np.uint16)


def _hash_decimal(values: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """FNV-1a of the decimal form of each value: from the highest digit down, leading zeros left out."""
    hashes = np.full(len(values), _OFFSET, dtype=np.uint32)
    rest, least = values.copy(), int(values.min(initial=0))
    for power in range(9, -1, -1):
        unit = np.uint32(10**power)
        digit = rest // unit
        rest -= digit * unit
        stepped = (hashes ^ (digit + np.uint32(ord("0")))) * np.uint32(_PRIME)
        if power == 0 or least >= 10**power:
            hashes = stepped
        else:
            np.copyto(hashes, stepped, where=values >= unit)
    return hashes
