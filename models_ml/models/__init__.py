"""Tables of what is learned: source files, dataset versions, training runs, model versions, calls to providers.

Weights and data stay in files; a row has their place and their hash.
"""

from models_ml.lifecycle import Kind, Stage
from models_ml.models.data import BuildStatus, DatasetVersion, SourceFile, Task
from models_ml.models.registry import ModelVersion
from models_ml.models.training import TrainingPoint, TrainingRun
from models_ml.models.usage import ProviderCall

__all__ = [
    "BuildStatus",
    "DatasetVersion",
    "Kind",
    "ModelVersion",
    "ProviderCall",
    "SourceFile",
    "Stage",
    "Task",
    "TrainingPoint",
    "TrainingRun",
]
