"""What a member's weekly digest says: what runs, the week's verdicts, what waits for them, and alarms.

Everything is narrowed to what the member may see, and said in the language that is active.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign
from campaigns.models.campaign import CampaignStatus
from campaigns.models.copies import CopyStatus
from core import access
from core.models import AuditEntry, Notice, NoticeKind, User
from experiments import sentences
from experiments.lifecycle import Status
from experiments.models import Experiment
from experiments.queries import newest_analyses
from experiments.services.telling import ACTION as VERDICT

# A letter of more than this nobody reads; the pages have the rest.
MOST = 10


@dataclass(frozen=True)
class Line:
    """One thing with its page: `title` in bold, `text` beneath."""

    title: str
    text: str
    path: str


@dataclass(frozen=True)
class Section:
    """A heading with its lines; `more` were left out."""

    title: str
    lines: list[Line]
    more: int = 0


@dataclass(frozen=True)
class Contents:
    """The whole of a digest, sections without lines left out."""

    sections: list[Section] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not self.sections


def contents(member: User, *, since: datetime) -> Contents:
    """The digest of what was since a moment, in the active language."""
    made = [
        _section(_("Running campaigns"), _running(member)),
        _section(_("Verdicts of the week"), _verdicts(member, since)),
        _section(_("Waiting for you"), _waiting(member)),
        _section(_("Alarms of the week"), _alarms(member, since)),
    ]
    return Contents([one for one in made if one.lines])


def _section(title: str, lines: list[Line]) -> Section:
    return Section(title, lines[:MOST], max(len(lines) - MOST, 0))


def _running(member: User) -> list[Line]:
    if not member.has_perm("campaigns.view_campaign"):
        return []
    running = access.visible(member, Campaign.objects.filter(status=CampaignStatus.RUNNING)).order_by("name", "pk")
    found = list(running.prefetch_related("experiment_links__experiment"))
    links = [link for campaign in found for link in campaign.experiment_links.all()]
    said = _sentences(link.experiment for link in links)
    return [
        Line(
            campaign.name,
            " ".join(said[link.experiment_id] for link in campaign.experiment_links.all() if said[link.experiment_id])
            or _("No shopper has been seen yet"),
            reverse("campaigns:result", args=[campaign.key]),
        )
        for campaign in found
    ]


def _verdicts(member: User, since: datetime) -> list[Line]:
    if not member.has_perm("experiments.view_experiment"):
        return []
    entries = AuditEntry.objects.filter(action=VERDICT, at__gte=since, object_type=Experiment._meta.label)
    keys = {int(one) for one in entries.values_list("object_id", flat=True)}
    found = list(access.visible(member, Experiment.objects.filter(pk__in=keys)).order_by("name", "pk"))
    said = _sentences(found)
    return [Line(one.name, said[one.pk], reverse("experiments:detail", args=[one.key])) for one in found]


def _sentences(experiments: Iterable[Experiment]) -> dict[int, str]:
    """By id, what the newest analysis says; empty where there is none. One query."""
    listed = [one.pk for one in experiments]
    newest = newest_analyses(listed)
    return {pk: sentences.sentence_of(newest[pk]) if pk in newest else "" for pk in listed}


# --- what waits -------------------------------------------------------------------------------------------------
def _waiting(member: User) -> list[Line]:
    return [*_reviews(member), *_launches(member), *_decisions(member)]


def _reviews(member: User) -> list[Line]:
    if not member.has_perm("campaigns.review_copy"):
        return []
    theirs = Q(copies__author=member) | Q(copies__requested_by=member)
    pending = Count("copies", filter=Q(copies__status=CopyStatus.PENDING) & ~theirs)
    rows = access.visible(member, Campaign.objects.filter(status=CampaignStatus.REVIEW)).annotate(pending=pending)
    return [
        Line(
            campaign.name,
            ngettext("%(count)d copy waits for review", "%(count)d copies wait for review", campaign.pending)
            % {"count": campaign.pending},
            f"{reverse('campaigns:review')}?campaign={campaign.key}",
        )
        for campaign in rows.filter(pending__gt=0).order_by("name", "pk")
    ]


def _launches(member: User) -> list[Line]:
    if not member.has_perm("experiments.launch_experiment"):
        return []
    rows = access.visible(member, Campaign.objects.filter(status=CampaignStatus.READY)).order_by("name", "pk")
    return [Line(one.name, _("Ready to launch"), reverse("campaigns:detail", args=[one.key])) for one in rows]


def _decisions(member: User) -> list[Line]:
    if not member.has_perm("experiments.launch_experiment"):
        return []
    stopped = Experiment.objects.filter(status=Status.STOPPED, source="live")
    rows = access.visible(member, stopped).order_by("name", "pk")
    return [Line(one.name, _("Ended and not decided"), reverse("experiments:detail", args=[one.key])) for one in rows]


def _alarms(member: User, since: datetime) -> list[Line]:
    told = Notice.objects.filter(user=member, kind=NoticeKind.ALERT, created_at__gte=since)
    return [Line(one.subject, one.body, one.url) for one in told.order_by("-id")]
