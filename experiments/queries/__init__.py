"""Reads of experiments, for pages and the API."""

from experiments.queries.deciding import (
    DECIDED,
    FORCED,
    NOT_RUNNING,
    NOT_TARGETED,
    Choice,
    Decision,
    Plan,
    Shown,
    decide,
    plan_of,
)
from experiments.queries.finding import (
    OPEN_FIRST,
    ORDERS,
    arms_of,
    experiment_by_key,
    experiment_list,
    latest_analysis,
)
from experiments.queries.finished import FinishedArm, FinishedTest, finished_tests
from experiments.queries.identities import canonical
from experiments.queries.newest import newest_analyses

__all__ = [
    "DECIDED",
    "FORCED",
    "NOT_RUNNING",
    "NOT_TARGETED",
    "OPEN_FIRST",
    "ORDERS",
    "Choice",
    "Decision",
    "FinishedArm",
    "FinishedTest",
    "Plan",
    "Shown",
    "arms_of",
    "canonical",
    "decide",
    "experiment_by_key",
    "experiment_list",
    "finished_tests",
    "latest_analysis",
    "newest_analyses",
    "plan_of",
]
