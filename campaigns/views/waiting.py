"""What waits for a member: briefs to go on with, copy to choose from or to decide about, launches, results to read.

Which of these is asked is a matter of what the roles may do. The nearest to the shopper comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.models import Campaign
from campaigns.queries.drafts import drafts_of
from campaigns.views import draft_pages, reads
from core.models import User
from experiments.models import Experiment

CAMPAIGNS_READ = 50
DRAFTS_SHOWN = 3
# A verdict on which somebody should act; the others ask for patience.
TO_ACT_ON = frozenset({"ship", "keep", "roll_back", "invalid"})


@dataclass(frozen=True)
class Task:
    """One thing to do: what, about what, and where."""

    label: str
    detail: str
    url: str


def tasks(user: User, *, stopped: Iterable[Experiment], running: Iterable[Any]) -> list[Task]:
    """All of them. `running` bear `verdict`; who may not see experiments gives none."""
    found: list[Task] = []
    if user.has_perm("experiments.import_experiment") or user.has_perm("experiments.launch_experiment"):
        found += [_read(_("Read the result"), one) for one in stopped]
        found += [_read(_("Act on the verdict"), one) for one in running if one.verdict in TO_ACT_ON]
    if user.has_perm("campaigns.view_campaign"):
        for campaign in reads.waiting_campaigns(user, CAMPAIGNS_READ):
            found += _of_campaign(user, campaign)
    if user.has_perm("campaigns.add_campaign"):
        found += [_brief(line) for line in map(draft_pages.line, drafts_of(user)[:DRAFTS_SHOWN])]
    return found


def review_url(campaign: Campaign) -> str:
    """The queue with this campaign's copy that waits."""
    return f"{reverse('campaigns:review')}?campaign={campaign.key}"


def _of_campaign(user: User, campaign: Any) -> Iterator[Task]:
    page = reverse("campaigns:detail", args=[campaign.key])
    if campaign.status == "ready" and user.has_perm("experiments.launch_experiment"):
        yield Task(_("Launch"), campaign.name, page)
    if campaign.reviewable and user.has_perm("campaigns.review_copy"):
        label = ngettext("Review %(count)d copy", "Review %(count)d copies", campaign.reviewable)
        yield Task(label % {"count": campaign.reviewable}, campaign.name, review_url(campaign))
    if user.has_perm("campaigns.generate_copy"):
        yield from _to_write(campaign, page)


def _to_write(campaign: Any, page: str) -> Iterator[Task]:
    if campaign.candidates:
        label = ngettext("Choose from %(count)d candidate", "Choose from %(count)d candidates", campaign.candidates)
        studio = reverse("campaigns:studio", args=[campaign.key])
        yield Task(label % {"count": campaign.candidates}, campaign.name, studio)
    elif campaign.status == "draft":
        yield Task(_("Have copy written"), campaign.name, page)


def _read(label: str, experiment: Experiment) -> Task:
    return Task(label, experiment.name, reverse("experiments:detail", args=[experiment.key]))


def _brief(line: dict[str, Any]) -> Task:
    draft = line["draft"]
    name = draft.name or _("Brief without a name")
    return Task(
        _("Go on with your brief"),
        _("%(name)s; next: %(step)s") % {"name": name, "step": line["label"]},
        reverse("campaigns:draft", args=[draft.pk, line["step"]]),
    )
