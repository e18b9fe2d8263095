"""What a model version is measured by before a person may promote it: forgetting, robustness, safety, parity.

Each function takes a loaded model and returns plain values; none knows the registry or the gate.
"""

from __future__ import annotations

from models_ml.nn.checks.forgetting import LossResult, forgetting, language_model_loss
from models_ml.nn.checks.parity import ParityReport, adapter_parity
from models_ml.nn.checks.rates import CheckError, Rate
from models_ml.nn.checks.robustness import RobustnessReport, robustness
from models_ml.nn.checks.safety import SafetyReport, safety

__all__ = [
    "CheckError", "LossResult", "ParityReport", "Rate", "RobustnessReport", "SafetyReport", "adapter_parity",
    "forgetting", "language_model_loss", "robustness", "safety",
]  # fmt: skip
