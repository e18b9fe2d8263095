"""Telling of a verdict that somebody can act on: other systems by webhook, members by a notice in their language.

Each verdict of a phase is told once: a figure that wavers around its boundary would else be told at every look. The
audit trail is the memory of it, and the history of the page.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from core import access, audit
from core.models import NoticeKind, User, WebhookEvent
from core.services.notices import notify
from core.services.webhooks import emit
from experiments import sentences
from experiments.models import Analysis, Experiment, Source

ACTION = "experiment.verdict"
# "Keep running" asks nobody to do anything.
DECISIVE = frozenset({"ship", "keep", "roll_back", "cannot_tell", "invalid"})


@transaction.atomic
def tell_verdict(experiment: Experiment, analysis: Analysis) -> bool:
    """Tell of the analysis' verdict where it is one and new. True where it was told."""
    if experiment.source != Source.LIVE or analysis.verdict not in DECISIVE:
        return False
    held = Experiment.objects.select_for_update().get(pk=experiment.pk)
    verdict = {"phase": analysis.phase, "verdict": analysis.verdict, "arm": analysis.results["verdict"]["arm"]}
    if audit.history(held).filter(action=ACTION, data__contains=verdict).exists():
        return False
    entry = audit.record(ACTION, held, actor=None, **verdict, analysis=analysis.pk, sentence=analysis.sentence)
    key = f"verdict-{entry.pk}"
    url = reverse("experiments:detail", args=[held.key])
    emit(
        WebhookEvent.EXPERIMENT_VERDICT,
        key=key,
        experiment=held.key,
        **verdict,
        final=analysis.is_final,
        sentence=analysis.sentence,
        at=analysis.created_at.isoformat(),
    )
    for member in whom_to_tell(held):
        with translation.override(member.language or settings.LANGUAGE_CODE):
            subject = _("New verdict: %(name)s") % {"name": held.name}
            body = sentences.sentence_of(analysis)
        notify([member], NoticeKind.VERDICT, key=key, subject=subject, body=body, url=url)
    return True


def whom_to_tell(experiment: Experiment) -> list[User]:
    """Active members who may act on a result of theirs: who launches and decides, who analyses, administrators."""
    this = Experiment.objects.filter(pk=experiment.pk)
    return [member for member in _acting() if access.visible(member, this).exists()]


def _acting() -> QuerySet[User]:
    named = ["launch_experiment", "change_experiment"]
    may = Permission.objects.filter(content_type__app_label="experiments", codename__in=named)
    found = User.objects.filter(Q(groups__permissions__in=may) | Q(is_superuser=True), is_active=True)
    return found.order_by("pk").distinct()
