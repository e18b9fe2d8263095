"""The states of a campaign and of a copy, and the moves between them. Pure; readable on one screen.

draft ─► generating ─► review ─► ready ─► running ─► finished ─► archived
  │          ▲  │        │ ▲       │ ▲        ▲
  │          └──┼────────┘ └───────┤ └─────── scheduled     it is launched when its hour comes, or taken back
  │             └► draft           └────────► scheduled     more copy may be asked for until the launch
  └► archived   (nothing was written)

draft ─► pending ─► approved ─► edited      an approved copy can only be replaced by an approved edit of it
  ├────────┼──────► edited                  an edit replaces it and waits for its own review
  │        └──────► rejected
  └───────────────► discarded               a candidate its author does not want
"""

from __future__ import annotations

from collections.abc import Mapping

Moves = Mapping[str, frozenset[str]]

CAMPAIGN_MOVES: Moves = {
    "draft": frozenset({"generating", "review", "archived"}),
    "generating": frozenset({"draft", "review", "ready"}),
    "review": frozenset({"generating", "ready", "archived"}),
    "ready": frozenset({"generating", "review", "running", "scheduled", "archived"}),
    "scheduled": frozenset({"ready", "running", "archived"}),
    "running": frozenset({"finished"}),
    "finished": frozenset({"archived"}),
    "archived": frozenset(),
}
COPY_MOVES: Moves = {
    "draft": frozenset({"pending", "edited", "discarded"}),
    "pending": frozenset({"approved", "edited", "rejected"}),
    "approved": frozenset({"edited"}),
    "edited": frozenset(),
    "rejected": frozenset(),
    "discarded": frozenset(),
}
# While a campaign is in one of these, its copy may still be written, approved and edited.
OPEN_CAMPAIGN = frozenset({"draft", "generating", "review", "ready"})


def sources(moves: Moves, target: str) -> frozenset[str]:
    """The states from which `target` can be reached: the filter of a conditional update."""
    return frozenset(state for state, targets in moves.items() if target in targets)


def state_after_writing(*, copies: int, every_audience_approved: bool) -> str:
    """Where a campaign belongs once no copy is being written."""
    if every_audience_approved:
        return "ready"
    return "review" if copies else "draft"
