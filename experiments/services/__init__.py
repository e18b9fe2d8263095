"""Writes of experiments: the experiment itself, ingest, fold, analysis. Import the names from here."""

from experiments.services.experiments import (
    ArmInput,
    create_experiment,
    decide_experiment,
    pause_experiment,
    resume_experiment,
    start_experiment,
    stop_experiment,
)

__all__ = [
    "ArmInput",
    "create_experiment",
    "decide_experiment",
    "pause_experiment",
    "resume_experiment",
    "start_experiment",
    "stop_experiment",
]
