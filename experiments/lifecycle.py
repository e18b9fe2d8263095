"""The life of an experiment, on one screen. Pure.

    draft ──start──► running ──stop──► stopped ──decide──► decided
                     │    ▲              ▲
                   pause resume          │
                     ▼    │              │
                     paused ────stop─────┘

An imported experiment is born stopped. Nothing leads back: a second run is a second experiment. What decides who sees
what is fixed once it runs, but for the changes below; each either moves nobody or begins a new phase, whose figures
begin anew.
"""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where an experiment stands."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DECIDED = "decided"


class Move(StrEnum):
    """What can be done to it."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    DECIDE = "decide"


class Change(StrEnum):
    """What may change of an experiment without moving it."""

    PHASE = "start_phase"
    COVERAGE = "raise_coverage"
    DROP = "drop_arm"
    FORCED = "set_forced_arms"
    ALLOCATION = "update_allocation"


# move: (states it starts from, the state it leads to)
MOVES: dict[Move, tuple[frozenset[Status], Status]] = {
    Move.START: (frozenset({Status.DRAFT}), Status.RUNNING),
    Move.PAUSE: (frozenset({Status.RUNNING}), Status.PAUSED),
    Move.RESUME: (frozenset({Status.PAUSED}), Status.RUNNING),
    Move.STOP: (frozenset({Status.RUNNING, Status.PAUSED}), Status.STOPPED),
    Move.DECIDE: (frozenset({Status.STOPPED}), Status.DECIDED),
}


_ON = frozenset({Status.RUNNING, Status.PAUSED})
CHANGES: dict[Change, frozenset[Status]] = {
    Change.PHASE: _ON,
    Change.COVERAGE: _ON,
    Change.DROP: _ON,
    Change.FORCED: _ON | {Status.DRAFT},
    Change.ALLOCATION: frozenset({Status.RUNNING}),
}


def can_change(status: Status | str, change: Change) -> bool:
    """Whether a state allows a change."""
    return status in CHANGES[change]


def allowed(status: Status | str) -> tuple[Move, ...]:
    """The moves open from a state, in the order of `Move`."""
    return tuple(move for move, (sources, _) in MOVES.items() if status in sources)


def target(move: Move) -> Status:
    """The state a move leads to."""
    return MOVES[move][1]


def sources(move: Move) -> frozenset[Status]:
    """The states a move starts from."""
    return MOVES[move][0]


def takes_events(status: Status | str) -> bool:
    """Whether events may name an experiment in this state: any but a draft, as late events are normal."""
    return status != Status.DRAFT
