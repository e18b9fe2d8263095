"""Counting what units did: stored events in, one row a unit out. Import the names from here."""

from experiments.services.counting import table
from experiments.services.counting.adding import count, total_up
from experiments.services.counting.rule import CLOCK_SLACK, Rule
from experiments.services.counting.seen import Seen, events_of, exposed_units, histories, names_of, next_events
from experiments.services.counting.totals import MARKED, Totals, slices_of, vector

__all__ = [
    "CLOCK_SLACK",
    "MARKED",
    "Rule",
    "Seen",
    "Totals",
    "count",
    "events_of",
    "exposed_units",
    "histories",
    "names_of",
    "next_events",
    "slices_of",
    "table",
    "total_up",
    "vector",
]
