"""Writes of what is learned: the registry and the calls to providers.

No weights are loaded here, and of `nn` only the file that knows hashes is used: it needs no torch, so that a command
or the web process may call this.
"""

from models_ml.services.registry import (
    STARTER_NAME,
    ensure_starter_registered,
    location_of,
    put_in_production,
    read_json,
    register_in_use,
    register_model_version,
)
from models_ml.services.usage import record_usage

__all__ = [
    "STARTER_NAME",
    "ensure_starter_registered",
    "location_of",
    "put_in_production",
    "read_json",
    "record_usage",
    "register_in_use",
    "register_model_version",
]
