"""Writes of experiments: the experiment itself, ingest, fold, analysis. Import the names from here."""

from experiments.services.analyses import analyse
from experiments.services.auditing import audit_moments, recompute
from experiments.services.experiments import (
    ArmInput,
    create_experiment,
    decide_experiment,
    pause_experiment,
    resume_experiment,
    start_experiment,
    stop_experiment,
)
from experiments.services.fold import fold_events
from experiments.services.ingest import EventInput, IngestResult, Refused, Rejection, ingest
from experiments.services.partitions import keep_partitions

__all__ = [
    "ArmInput",
    "EventInput",
    "IngestResult",
    "Refused",
    "Rejection",
    "analyse",
    "audit_moments",
    "create_experiment",
    "decide_experiment",
    "fold_events",
    "ingest",
    "keep_partitions",
    "pause_experiment",
    "recompute",
    "resume_experiment",
    "start_experiment",
    "stop_experiment",
]
