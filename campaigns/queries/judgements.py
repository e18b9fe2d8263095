"""What people said of copy, as pairs of a better text and a worse one for the same campaign and audience.

Two signals. An edit whose text was approved in the end is better than each text it was made from, whoever edited:
the marketer in the studio or the approver in the review. A text that was rejected for what it says is worse than one
that was approved for the same audience. A rejection for another reason, or without a kind, says nothing of the text.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from campaigns.models import Copy, Review
from campaigns.models.copies import CopyStatus
from campaigns.rejections import Kind, split

# Kinds that speak of the text itself; "something else" may be that enough was approved already.
OF_THE_TEXT = frozenset(set(Kind.values) - {Kind.OTHER.value})
WITH = ("campaign__brand", "audience", "product")


def edits() -> list[tuple[Copy, Copy]]:
    """Each approved edit with every version it was made from, in as many queries as the longest chain has versions."""
    approved = Copy.objects.filter(status=CopyStatus.APPROVED, parent__isnull=False).select_related(*WITH)
    finals = list(approved.order_by("pk"))
    versions = _versions_before(finals)
    found = []
    for final in finals:
        before = versions.get(final.parent_id or 0)
        while before is not None:
            found.append((final, before))
            before = versions.get(before.parent_id or 0)
    return found


def rejections() -> list[tuple[Copy, Copy]]:
    """Each text that was rejected for what it says, behind an approved one of its campaign and audience.

    That of the same theme where there is one: then the pair tells words apart, not ideas. The oldest otherwise.
    """
    of_the_text = Q()
    for kind in sorted(OF_THE_TEXT):
        of_the_text |= Q(reason__startswith=kind)
    rows = Review.objects.filter(of_the_text, decision=Review.Decision.REJECT).select_related("copy").order_by("pk")
    rejected = [review.copy for review in rows if split(review.reason).kind in OF_THE_TEXT]
    campaigns = {copy.campaign_id for copy in rejected}
    approved = Copy.objects.filter(status=CopyStatus.APPROVED, campaign__in=campaigns).select_related(*WITH)
    by_place: dict[tuple[int, int], list[Copy]] = {}
    for copy in approved.order_by("pk"):
        by_place.setdefault((copy.campaign_id, copy.audience_id), []).append(copy)
    found = []
    for copy in rejected:
        others = by_place.get((copy.campaign_id, copy.audience_id), [])
        if others:
            found.append((min(others, key=lambda one: (one.theme != copy.theme, one.pk)), copy))
    return found


def _versions_before(copies: Iterable[Copy]) -> dict[int, Copy]:
    """Every version behind these, by id."""
    found: dict[int, Copy] = {}
    wanted = {copy.parent_id for copy in copies if copy.parent_id}
    while wanted:
        level = Copy.objects.in_bulk(wanted)
        found |= level
        wanted = {one.parent_id for one in level.values() if one.parent_id} - set(found)
    return found
