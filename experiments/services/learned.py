"""What a team writes down of a test, for the next one who has the same idea."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from core import audit, errors
from core.audit import Actor
from experiments.models import Experiment

LONGEST = 4000


@transaction.atomic
def write_learned(experiment: Experiment, *, text: str, actor: Actor) -> bool:
    """Keep the text, and in the audit trail the one before. False where it is the same. InvalidInput if too long."""
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LONGEST:
        raise errors.InvalidInput.field("learned", _("at most %(most)s characters are kept.") % {"most": LONGEST})
    held = Experiment.objects.select_for_update().get(pk=experiment.pk)
    if held.learned == text:
        return False
    audit.record("experiment.learned", held, actor=actor, before=held.learned, after=text)
    return bool(Experiment.objects.filter(pk=held.pk).update(learned=text))
