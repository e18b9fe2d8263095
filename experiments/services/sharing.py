"""Sharing a report by a link that needs no account: made with an end, counted when it is opened, taken back at once."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from core import audit, errors
from core.models import User
from experiments.models import Experiment, ReportLink

LEAST_DAYS, MOST_DAYS = 1, 90
# Nobody keeps an overview of more.
MOST_OPEN_LINKS = 20
NONCE_BYTES = 24


@transaction.atomic
def share_report(experiment: Experiment, *, days: int, actor: User) -> ReportLink:
    """A link that opens the report for so many days. Raises InvalidInput for other days, Conflict for one too many."""
    if not LEAST_DAYS <= days <= MOST_DAYS:
        sentence = _("from %(least)d to %(most)d days are possible.") % {"least": LEAST_DAYS, "most": MOST_DAYS}
        raise errors.InvalidInput.field("days", sentence)
    held, now = Experiment.objects.select_for_update().get(pk=experiment.pk), timezone.now()
    if held.report_links.filter(revoked_at=None, expires_at__gt=now).count() >= MOST_OPEN_LINKS:
        raise errors.Conflict(
            _("This report has %(most)d open links already; take one back first.") % {"most": MOST_OPEN_LINKS},
            code="too_many_links",
        )
    link = ReportLink.objects.create(
        experiment=held,
        nonce=secrets.token_urlsafe(NONCE_BYTES),
        created_by=actor,
        expires_at=now + timedelta(days=days),
    )
    audit.record("report.shared", held, actor=actor, link=link.pk, until=link.expires_at.isoformat())
    return link


@transaction.atomic
def revoke_link(link: ReportLink, *, actor: User) -> bool:
    """Take a link back: it opens nothing from now on. False where it was taken back before."""
    if not ReportLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
        return False
    audit.record("report.revoked", link.experiment, actor=actor, link=link.pk)
    return True


def count_view(link: ReportLink) -> None:
    """Note that the report was opened once more."""
    ReportLink.objects.filter(pk=link.pk).update(views=F("views") + 1, viewed_at=timezone.now())
