"""Reads of what is learned: the registry, datasets, training runs; and the names of the tasks that work on them."""

from models_ml.queries.datasets import dataset_version, dataset_versions, file_of, ready_datasets, source_files
from models_ml.queries.registry import (
    STARTER,
    absolute,
    history,
    model_to_load,
    model_version,
    model_versions,
    production_model,
    trainable_versions,
)
from models_ml.queries.runs import curves_of, training_run, training_runs

# Told to the broker and noted on the job; the tasks themselves are in models_ml.tasks.
BUILD_TASK = "models_ml.build_dataset"
TRAIN_TASK = "models_ml.train_model"
CHECK_TASK = "models_ml.check_model"
WARM_UP_TASK = "models_ml.warm_up"

__all__ = [
    "BUILD_TASK",
    "CHECK_TASK",
    "STARTER",
    "TRAIN_TASK",
    "WARM_UP_TASK",
    "absolute",
    "curves_of",
    "dataset_version",
    "dataset_versions",
    "file_of",
    "history",
    "model_to_load",
    "model_version",
    "model_versions",
    "production_model",
    "ready_datasets",
    "source_files",
    "trainable_versions",
    "training_run",
    "training_runs",
]
