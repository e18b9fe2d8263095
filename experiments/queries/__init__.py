"""Reads of experiments, for pages and the API."""

from experiments.queries.deciding import DECIDED, NOT_RUNNING, Choice, Decision, Plan, decide, plan_of
from experiments.queries.finding import OPEN_FIRST, arms_of, experiment_by_key, experiment_list, latest_analysis

__all__ = [
    "DECIDED",
    "NOT_RUNNING",
    "OPEN_FIRST",
    "Choice",
    "Decision",
    "Plan",
    "arms_of",
    "decide",
    "experiment_by_key",
    "experiment_list",
    "latest_analysis",
    "plan_of",
]
