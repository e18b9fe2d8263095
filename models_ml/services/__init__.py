"""Writes of what is learned: sources and datasets, training runs, the registry and its stages, calls to providers.

No weights are loaded here, and of `nn` only files that need no torch are used, so that the web process may call this.
"""

from models_ml.services.datasets import ChosenSource, create_dataset
from models_ml.services.registry import (
    STARTER_NAME,
    ensure_starter_registered,
    location_of,
    put_in_production,
    read_json,
    register_in_use,
    register_model_version,
)
from models_ml.services.sources import store_file, store_rows
from models_ml.services.stages import promote, reopen, report_of, request_check, retire, roll_back, stage
from models_ml.services.training import start_training
from models_ml.services.usage import record_usage

__all__ = [
    "STARTER_NAME",
    "ChosenSource",
    "create_dataset",
    "ensure_starter_registered",
    "location_of",
    "promote",
    "put_in_production",
    "read_json",
    "record_usage",
    "register_in_use",
    "register_model_version",
    "reopen",
    "report_of",
    "request_check",
    "retire",
    "roll_back",
    "stage",
    "start_training",
    "store_file",
    "store_rows",
]
