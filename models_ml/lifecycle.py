"""The life of a model version, on one screen. Pure.

    candidate ──stage──► staged ──promote──► production
        ▲ │                │                  │      ▲
        │ └────retire────► ├────retire──►     │      │
        │                  ▼                  ▼      │
        └────reopen──── retired ◄─(replaced)──┘      │
                           └────────roll back────────┘

At most one version of a kind is in production. It leaves production only because another takes its place, by a
promotion or by a roll back: so there is always something that writes. What was retired can be looked at again: it
becomes a candidate and must be checked anew.
"""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """How far a version has come."""

    CANDIDATE = "candidate"
    STAGED = "staged"
    PRODUCTION = "production"
    RETIRED = "retired"


class Kind(StrEnum):
    """What a version does. Writers and scorers have a production each; a base is only trained further."""

    WRITER = "writer"
    SCORER = "scorer"
    BASE = "base"


class Move(StrEnum):
    """What a person can do to a version."""

    STAGE = "stage"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    RETIRE = "retire"
    REOPEN = "reopen"


# move: (stages it starts from, the stage it leads to). A roll back retires this version and brings the one before back.
MOVES: dict[Move, tuple[frozenset[Stage], Stage]] = {
    Move.STAGE: (frozenset({Stage.CANDIDATE}), Stage.STAGED),
    Move.PROMOTE: (frozenset({Stage.STAGED}), Stage.PRODUCTION),
    Move.ROLL_BACK: (frozenset({Stage.PRODUCTION}), Stage.RETIRED),
    Move.RETIRE: (frozenset({Stage.CANDIDATE, Stage.STAGED}), Stage.RETIRED),
    Move.REOPEN: (frozenset({Stage.RETIRED}), Stage.CANDIDATE),
}

# Which moves may be made on the strength of a check; the others only take something away.
NEED_A_CHECK = frozenset({Move.STAGE, Move.PROMOTE})


def allowed(stage: Stage | str) -> tuple[Move, ...]:
    """The moves open from a stage, in the order of `Move`."""
    return tuple(move for move, (sources, _) in MOVES.items() if stage in sources)


def sources(move: Move) -> frozenset[Stage]:
    """The stages a move starts from."""
    return MOVES[move][0]


def target(move: Move) -> Stage:
    """The stage a move leads to."""
    return MOVES[move][1]


def can_be_checked(stage: Stage | str) -> bool:
    """Whether a check may run: also in production, where a drift would show; never on what was put away."""
    return stage != Stage.RETIRED
