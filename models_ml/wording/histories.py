"""What the audit trail holds about a dataset, run or version, as sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import AuditEntry

ACTIONS = {
    "dataset.asked": gettext_lazy("asked for the dataset"),
    "dataset.built": gettext_lazy("built it"),
    "training.asked": gettext_lazy("asked for the run"),
    "model.registered": gettext_lazy("registered it"),
    "model.check_asked": gettext_lazy("asked for a check"),
    "model.checked": gettext_lazy("checked it"),
    "model.staged": gettext_lazy("staged it"),
    "model.promoted": gettext_lazy("promoted it to production"),
    "model.production": gettext_lazy("put it in production"),
    "model.replaced": gettext_lazy("replaced it in production"),
    "model.rolled_back": gettext_lazy("rolled it back"),
    "model.restored": gettext_lazy("brought it back to production"),
    "model.retired": gettext_lazy("retired it"),
    "model.candidate": gettext_lazy("reopened it"),
}


def history_lines(entries: Iterable[AuditEntry]) -> list[dict[str, Any]]:
    """Each entry with `words` to read after the name of who did it, and `note`: the reason and what was overruled."""
    return [
        {"entry": entry, "words": ACTIONS.get(entry.action, entry.action), "note": _note(entry.data)}
        for entry in entries
    ]


def _note(data: dict[str, Any]) -> str:
    notes = []
    if data.get("overruled"):
        lines = ", ".join(str(name).replace("_", " ") for name in data["overruled"])
        notes.append(_("Against the gate: %(lines)s.") % {"lines": lines})
    if data.get("passed") is not None:
        notes.append(_("The gate passes.") if data["passed"] else _("The gate does not pass."))
    if data.get("reason"):
        notes.append(f"“{data['reason']}”")
    return " ".join(notes)
