"""What comes in over REST, checked: decisions by pydantic, events by hand (one error an event, named by its field)."""

from experiments.schemas.bodies import MAX_EVENTS, Unreadable, read_events
from experiments.schemas.decisions import MAX_UNITS, BatchOut, DecideIn, DecisionOut
from experiments.schemas.events import EVENT_BODY, parse_event

__all__ = [
    "EVENT_BODY",
    "MAX_EVENTS",
    "MAX_UNITS",
    "BatchOut",
    "DecideIn",
    "DecisionOut",
    "Unreadable",
    "parse_event",
    "read_events",
]
