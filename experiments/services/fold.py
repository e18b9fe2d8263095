"""Folding new events into per-unit totals and per-arm moments, each exactly once. (In work: only what stop needs.)"""

from __future__ import annotations

from experiments.models import Experiment


def exclude_after_stop(experiment: Experiment) -> None:
    """Take back what occurred after the stop."""
