"""Plans and figures of training runs, as lines of a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.localised import localised
from models_ml.nn.tuning.methods import METHODS, Settings, settings_of
from models_ml.nn.tuning.plan import TuningError, TuningPlan
from models_ml.wording.cards import Line

PLAN = {
    "objective": gettext_lazy("Objective"),
    "method": gettext_lazy("Method"),
    "learning_rate": gettext_lazy("Learning rate"),
    "rank": gettext_lazy("Rank"),
    "alpha": gettext_lazy("Alpha"),
    "dropout": gettext_lazy("Dropout"),
    "virtual_tokens": gettext_lazy("Virtual tokens"),
    "epochs": gettext_lazy("Passes over the data"),
    "max_steps": gettext_lazy("Steps at most"),
    "batch_size": gettext_lazy("Rows a batch"),
    "gradient_accumulation": gettext_lazy("Batches a step"),
    "schedule": gettext_lazy("Schedule"),
    "warmup_share": gettext_lazy("Share of warmup"),
    "weight_decay": gettext_lazy("Weight decay"),
    "max_length": gettext_lazy("Longest row, in tokens"),
    "packing": gettext_lazy("Packing"),
    "precision": gettext_lazy("Precision"),
    "early_stopping_patience": gettext_lazy("Patience"),
    "seed": gettext_lazy("Seed"),
}
# Figures that mean nothing to a method are left out of its lines.
LOW_RANK_ONLY, VIRTUAL_ONLY = ("rank", "alpha", "dropout"), ("virtual_tokens",)
FIGURES = {
    "steps": gettext_lazy("Steps"),
    "train_loss": gettext_lazy("Training loss"),
    "best_step": gettext_lazy("Best at step"),
    "tokens": gettext_lazy("Tokens read"),
    "trained_tokens": gettext_lazy("Tokens learned from"),
    "seconds": gettext_lazy("Seconds"),
    "stopped_early": gettext_lazy("Stopped early"),
}
MEASURED = {
    "loss": gettext_lazy("Validation loss"),
    "perplexity": gettext_lazy("Perplexity"),
    "accuracy": gettext_lazy("Accuracy"),
    "macro_f1": gettext_lazy("Macro F1"),
}


def plan_lines(plan: Mapping[str, Any]) -> list[Line]:
    """The settings of a plan, with the method's own figures where the plan leaves them open."""
    return list(_plan(plan))


def _plan(plan: Mapping[str, Any]) -> Iterator[Line]:
    defaults = _defaults(plan)
    for name, label in PLAN.items():
        value, default = plan.get(name), getattr(defaults, name, None)
        if value is None and not default:
            continue
        shown = _written(default if value is None else value)
        if name == "method":
            shown = localised(METHODS[str(value)].title) if value in METHODS else str(value)
        yield Line(str(label), _("%(value)s (the method's own)") % {"value": shown} if value is None else shown)


def _defaults(plan: Mapping[str, Any]) -> Settings | None:
    try:
        return settings_of(TuningPlan.from_json(plan))
    except (TuningError, TypeError):
        return None


def figure_lines(metrics: Mapping[str, Any]) -> list[Line]:
    """What a finished run says of itself: steps, losses, tokens, time."""
    lines = [
        Line(str(label), _written(metrics[name])) for name, label in FIGURES.items() if metrics.get(name) is not None
    ]
    measured = metrics.get("evaluation") or {}
    return lines + [Line(str(MEASURED.get(name, name)), _written(value)) for name, value in measured.items()]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return number_format(value, 0, force_grouping=True)
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 0.01 and value else number_format(f"{value:.4f}".rstrip("0").rstrip("."))
    return str(value)
