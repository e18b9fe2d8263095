"""Reads of the review: what waits for whom, whether one approver is enough, and the history of a text."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from campaigns.models import Copy, Review
from campaigns.models.copies import CopyStatus
from campaigns.queries.shoppers import in_audience
from core import access
from core.models import User


def visible_copies(member: User) -> QuerySet[Copy]:
    """Every copy of the brands that the member may see."""
    return access.visible(member, Copy.objects.all())


def waiting_for(reviewer: User) -> QuerySet[Copy]:
    """Copy that this member may approve: waiting, of a brand they may see, not their own, not approved by them once."""
    waiting = visible_copies(reviewer).filter(status=CopyStatus.PENDING)
    mine = Q(requested_by=reviewer) | Q(author=reviewer) | Q(first_approved_by=reviewer)
    return waiting.exclude(mine)


def needs_second_approver(copy: Copy) -> bool:
    """Whether the brand wants two approvers for an audience as large as this one.

    Counts no further than the number that decides it.
    """
    least = copy.campaign.brand.second_approver_from
    return least is not None and in_audience(copy.audience.rule)[:least].count() >= least


def versions_before(copy: Copy) -> list[int]:
    """The ids of the copy and of all it was edited from, the newest first, in one query."""
    chain = Copy.objects.raw(
        "with recursive chain as (select id, parent_id, 0 as depth from campaigns_copy where id = %s"
        " union all select one.id, one.parent_id, depth + 1"
        " from campaigns_copy one join chain on one.id = chain.parent_id"
        ") select id from chain order by depth",
        [copy.pk],
    )
    return [one.pk for one in chain]


def reviews_of(copy: Copy) -> list[Review]:
    """Every decision about the copy and the versions before it, the newest first."""
    chain = versions_before(copy) if copy.parent_id else [copy.pk]
    return list(Review.objects.filter(copy__in=chain).select_related("reviewer", "copy"))


def approval_of(copy: Copy) -> Review | None:
    """The decision by which a copy came to be approved."""
    return Review.objects.filter(copy=copy, decision=Review.Decision.APPROVE).select_related("reviewer").first()
