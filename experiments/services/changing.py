"""The one conditional update behind each change of an experiment that is on, with its audit entry."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db.models import F
from django.utils.translation import gettext as _

from core import audit, errors
from core.audit import Actor
from experiments import lifecycle
from experiments.lifecycle import Change
from experiments.models import Experiment, Source


def change(experiment: Experiment, what: Change, *, actor: Actor, told: dict[str, Any], **fields: Any) -> Experiment:
    """Set fields where the experiment is still what the caller read; in the caller's transaction.

    Conflict where it was imported, is in no state that allows the change, or somebody else changed it meanwhile.
    """
    if experiment.source == Source.IMPORTED:
        raise errors.Conflict(_("An imported experiment is over."), code="experiment_imported")
    held = Experiment.objects.filter(pk=experiment.pk, version=experiment.version, status__in=lifecycle.CHANGES[what])
    if not held.update(version=F("version") + 1, **fields):
        refuse(experiment, what)
    changed = Experiment.objects.get(pk=experiment.pk)
    audit.record(f"experiment.{what.value}", changed, actor=actor, **told)
    return changed


def refuse(experiment: Experiment, what: Change) -> NoReturn:
    """Say why the update changed nothing."""
    state = Experiment.objects.values_list("status", flat=True).get(pk=experiment.pk)
    if not lifecycle.can_change(state, what):
        sentence = _("The experiment is %(state)s, which does not allow this.") % {
            "state": Experiment(status=state).get_status_display()
        }
        raise errors.Conflict(sentence, code="state", status=state)
    raise errors.Conflict(_("Somebody else has just changed the experiment. Look at it again."), code="changed")
