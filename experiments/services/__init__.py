"""Writes of experiments: the experiment itself, ingest, fold, analysis. Import the names from here."""

from experiments.services.allocation import BatchEvidence, Evidence, update_allocation
from experiments.services.analyses import analyse, second_reading
from experiments.services.auditing import audit_moments, recompute
from experiments.services.details import make_details, refresh_health
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
from experiments.services.guarding import guard
from experiments.services.holdouts import create_holdout, end_holdout
from experiments.services.ingest import EventInput, IngestResult, Refused, Rejection, ingest
from experiments.services.partitions import events_kept_since, keep_partitions
from experiments.services.phases import drop_arm, raise_coverage, set_forced_arms, start_phase
from experiments.services.priors import learn_priors
from experiments.services.retention import retain
from experiments.services.weighing import weigh

__all__ = [
    "ArmInput",
    "BatchEvidence",
    "EventInput",
    "Evidence",
    "IngestResult",
    "Refused",
    "Rejection",
    "analyse",
    "audit_moments",
    "create_experiment",
    "create_holdout",
    "decide_experiment",
    "drop_arm",
    "end_holdout",
    "events_kept_since",
    "fold_events",
    "guard",
    "ingest",
    "keep_partitions",
    "learn_priors",
    "make_details",
    "pause_experiment",
    "raise_coverage",
    "recompute",
    "refresh_health",
    "resume_experiment",
    "retain",
    "second_reading",
    "set_forced_arms",
    "start_experiment",
    "start_phase",
    "stop_experiment",
    "update_allocation",
    "weigh",
]
