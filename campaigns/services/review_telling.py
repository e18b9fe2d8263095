"""Telling of copy that is handed in or decided: other systems by webhook, and the people it concerns by a notice.

A request may bring forty texts, and forty notices nobody reads. So who reviews gets one for all that was handed in at
once, and who asked gets two: one when the first of several is decided, and one when nothing of theirs waits any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Copy
from campaigns.models.copies import CopyStatus
from campaigns.queries.access import may_see, team_of
from core.models import NoticeKind, User, WebhookEvent
from core.services.notices import notify
from core.services.webhooks import emit


def tell_submitted(copies: Iterable[Copy], *, actor: User) -> None:
    """Tell of copy of one campaign that waits from now on, all at once: one notice a reviewer, one event.

    A copy is handed in once, so the first of them names the submission and a repeat is harmless.
    """
    waiting = sorted(copies, key=lambda copy: copy.pk)
    if not waiting:
        return
    first = waiting[0]
    emit(
        WebhookEvent.COPY_SUBMITTED,
        key=f"copy-submitted-{first.pk}",
        copies=[copy.pk for copy in waiting],
        campaign=first.campaign.key,
        audiences=sorted({copy.audience.key for copy in waiting}),
    )
    for member in team_of(first.campaign.brand).exclude(pk=actor.pk):
        theirs = [copy for copy in waiting if member.pk not in {copy.requested_by_id, copy.author_id}]
        if theirs and member.has_perm("campaigns.review_copy"):
            _ask_for_review(member, theirs, actor)


def _ask_for_review(member: User, copies: Sequence[Copy], actor: User) -> None:
    campaign = copies[0].campaign
    words = {"n": len(copies), "campaign": campaign.name, "who": str(actor)}
    with translation.override(member.language or settings.LANGUAGE_CODE):
        subject = (
            ngettext(
                "%(n)d copy of “%(campaign)s” waits for review",
                "%(n)d copies of “%(campaign)s” wait for review",
                len(copies),
            )
            % words
        )
        body = _("Asked for or handed in by %(who)s.") % words
    url = f"{reverse('campaigns:review')}?{urlencode({'campaign': campaign.key})}"
    notify([member], NoticeKind.REVIEW, key=f"submitted-{copies[0].pk}", subject=subject, body=body, url=url)


def tell_decided(copy: Copy, *, reviewer: User, approved: bool) -> None:
    """Tell of a copy that was approved or rejected, in the transaction of the decision."""
    emit(
        WebhookEvent.COPY_APPROVED if approved else WebhookEvent.COPY_REJECTED,
        key=f"copy-{'approved' if approved else 'rejected'}-{copy.pk}",
        copy=copy.pk,
        version=copy.version,
        campaign=copy.campaign.key,
        audience=copy.audience.key,
        content_hash=copy.content_hash,
    )
    for member in {one.pk: one for one in (copy.requested_by, copy.author) if one is not None}.values():
        if member.pk != reviewer.pk and may_see(member, copy.campaign.brand):
            _tell(member, copy)


def _tell(member: User, copy: Copy) -> None:
    theirs = Copy.objects.filter(Q(requested_by=member) | Q(author=member), campaign=copy.campaign)
    counts = theirs.aggregate(
        waiting=Count("pk", filter=Q(status=CopyStatus.PENDING)),
        approved=Count("pk", filter=Q(status=CopyStatus.APPROVED)),
        rejected=Count("pk", filter=Q(status=CopyStatus.REJECTED)),
    )
    words = {"campaign": copy.campaign.name, **counts}
    with translation.override(member.language or settings.LANGUAGE_CODE):
        if counts["waiting"]:
            key, subject = (
                f"decided-{_request(copy)}",
                _("The review of your copy for “%(campaign)s” has begun") % words,
            )
        else:
            key, subject = f"decided-all-{copy.pk}", _("All your copy for “%(campaign)s” was reviewed") % words
        body = _("%(approved)d approved, %(rejected)d rejected, %(waiting)d still waiting.") % words
    url = reverse("campaigns:detail", args=[copy.campaign.key])
    notify([member], NoticeKind.DECIDED, key=key, subject=subject, body=body, url=url)


def _request(copy: Copy) -> str:
    """The request that a copy came from: a model's job, or the first version of what a person handed in."""
    first = copy
    while first.parent is not None:
        first = first.parent
    return f"job-{first.job_id}" if first.job_id else f"copy-{first.pk}"
