"""What a dataset version holds and what was left out of it, for its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from models_ml.data.plan import ROLES, SPLITS
from models_ml.models import DatasetVersion

SPLIT_LABELS = {
    "train": gettext_lazy("To learn from"),
    "validation": gettext_lazy("To watch while learning"),
    "test": gettext_lazy("For the last test"),
}
ROLE_WORDS = {
    "text": gettext_lazy("text"),
    "label": gettext_lazy("label"),
    "messages": gettext_lazy("messages"),
    "prompt": gettext_lazy("what was asked"),
    "answer": gettext_lazy("the copy"),
    "brief": gettext_lazy("brief"),
    "theme": gettext_lazy("theme"),
    "headline": gettext_lazy("headline"),
    "body": gettext_lazy("body"),
    "call_to_action": gettext_lazy("call to action"),
    "chosen": gettext_lazy("the better copy"),
    "rejected": gettext_lazy("the worse copy"),
}


def needed_roles(task: str) -> str:
    """Which columns a file must have for a task, as a sentence."""
    sets = [", ".join(str(ROLE_WORDS[role]) for role in roles) for roles in ROLES[task]]
    return _("Needed: %(sets)s.") % {"sets": _("; or ").join(sets)}


def report_lines(dataset: DatasetVersion) -> dict[str, Any]:
    """The counts by split, how much was dropped, and what was masked."""
    report = dataset.report
    counts = [
        {
            "label": SPLIT_LABELS[split],
            "rows": dataset.rows(split),
            "languages": sorted(dataset.counts[split].get("languages", {}).items()),
        }
        for split in SPLITS
        if split in dataset.counts
    ]
    masked = ", ".join(f"{name} {count}" for name, count in report.get("masked", {}).items())
    return {
        "counts": counts,
        "dropped_total": sum(one["count"] for one in report.get("dropped", [])),
        "masked": masked,
    }


def sample_lines(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a dataset for reading: its split and language, and its texts with the part that each plays."""
    texts = [(str(item["role"]), str(item["content"])) for item in row.get("messages", [])]
    texts += [(name, str(row[name])) for name in ("text", "label", "chosen", "rejected") if row.get(name) is not None]
    return {
        "split": row.get("split", ""),
        "language": row.get("language", ""),
        "group": row.get("group", ""),
        "texts": texts,
    }
