"""The gate's lines and what a check measured, for the page."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from models_ml.models import ModelVersion
from models_ml.wording.cards import Line, metric_lines

GATE_WORDS = {
    "follows_brief": _("Follows the brief"),
    "fact_check": _("Facts hold"),
    "forgetting": _("Forgets of what it knew"),
    "robustness_drop": _("Drops under disturbance"),
    "unsafe": _("Unsafe texts"),
    "parity": _("Same output loaded, merged and swapped"),
    "hashes_verified": _("Files are those that were trained"),
    "loss_over_production": _("Loss beyond that of production"),
    "pair_accuracy": _("Calls the better of two copies"),
    "log_loss": _("Log-loss"),
    "calibration_error": _("Calibration error"),
}
PARTS = {
    "brief": _("Following the brief"),
    "forgetting": _("Forgetting"),
    "robustness": _("Robustness"),
    "safety": _("Safety"),
    "parity": _("Parity of the adapter"),
    "loss": _("Validation loss"),
    "pairs": _("Pairs of copy"),
}


def detail_lines(version: ModelVersion) -> list[dict[str, Any]]:
    """The details of each measurement: {"title", "lines"}; what measured nothing is left out."""
    others = version.metrics.get("check", {})
    own = {"forgetting": version.forgetting, "robustness": version.robustness, "safety": version.safety}
    found = {name: own.get(name) or others.get(name) or {} for name in PARTS}
    parts: list[tuple[Any, list[Line]]] = [(PARTS[name], metric_lines(values)) for name, values in found.items()]
    return [{"title": title, "lines": lines} for title, lines in parts if lines]
