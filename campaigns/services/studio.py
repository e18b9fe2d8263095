"""What a marketer does with candidates before any review: choose some and hand them in, edit them, set others aside.

A candidate (`draft`) is nobody's business but the team's: no reviewer decides about it, and the campaign's state does
not count it. Each move is a conditional update on `draft`, for all that were chosen or for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import queries
from campaigns.models import Copy, Finding
from campaigns.models.copies import CopyStatus
from campaigns.services.copies import checked_parts, create_or_conflict
from campaigns.services.guards import require, require_open
from campaigns.services.review_telling import tell_submitted
from campaigns.services.reviews import refill_copy
from campaigns.services.settling import settle_campaign
from campaigns.wording.findings import localised
from core import audit, errors
from core.languages import page_language
from core.models import User

WORK = "campaigns.submit_copy"


@transaction.atomic
def hand_in(copies: Iterable[Copy], *, actor: User) -> list[Copy]:
    """draft → pending for all of them, with the facts of today; reviewers are told once. Answers the rows as they are.

    The copies are of one campaign. Raises InvalidInput where none was chosen, Conflict where a check blocks one, one
    is no candidate any more or the campaign was launched, NotFound for a brand the member may not see, Forbidden
    without the role.
    """
    require(actor, WORK, _("hand in copy"))
    chosen = _chosen(copies, actor)
    campaign = chosen[0].campaign
    require_open(campaign, _("no copy can be handed in"))
    for copy in chosen:
        if queries.is_outdated(copy):
            refill_copy(copy, actor=actor)
    _require_sound(chosen)
    _move(chosen, CopyStatus.PENDING)
    for copy in chosen:
        audit.record("copy.submitted", copy, actor=actor, campaign=campaign.key, audience=copy.audience.key)
    tell_submitted(chosen, actor=actor)
    settle_campaign(campaign)
    return list(Copy.objects.filter(pk__in=[copy.pk for copy in chosen]).order_by("pk"))


@transaction.atomic
def discard(copies: Iterable[Copy], *, actor: User) -> int:
    """draft → discarded for all of them; how many. No model brings the same texts again. Raises as `hand_in`."""
    require(actor, WORK, _("set copy aside"))
    chosen = _chosen(copies, actor)
    require_open(chosen[0].campaign, _("its candidates stay as they are"))
    _move(chosen, CopyStatus.DISCARDED, decided_at=timezone.now())
    for copy in chosen:
        audit.record("copy.discarded", copy, actor=actor, campaign=copy.campaign.key, audience=copy.audience.key)
    return len(chosen)


@transaction.atomic
def edit_draft(copy: Copy, *, editor: User, parts: Mapping[str, str]) -> Copy:
    """A new candidate in the place of this one, written by the editor. Answers the new one.

    Raises InvalidInput for a part that cannot be used or where nothing was changed, Conflict where it is no candidate
    any more, the campaign was launched or the same text is there already.
    """
    require(editor, WORK, _("edit candidates"))
    (one,) = _chosen([copy], editor)
    require_open(one.campaign, _("its copy can no longer be edited"))
    texts = checked_parts(parts)
    if texts == {"theme": one.theme, **queries.written_parts(one)}:
        raise errors.InvalidInput.field("headline", _("nothing was changed."), code="unchanged")
    _move([one], CopyStatus.EDITED, decided_at=timezone.now())
    edited = Copy(
        campaign=one.campaign,
        audience=one.audience,
        product=one.product,
        version=one.version + 1,
        parent=one,
        **texts,
        status=CopyStatus.DRAFT,
        provenance={"source": "person", "edited_from": one.pk, "model_text": queries.is_ai_written(one)},
        author=editor,
        requested_by=one.requested_by,
    )
    create_or_conflict(edited)
    audit.record("copy.candidate_edited", edited, actor=editor, edited_from=one.pk)
    return edited


def _chosen(copies: Iterable[Copy], member: User) -> list[Copy]:
    """The rows as they stand, all of one campaign that the member may see."""
    wanted = {copy.pk for copy in copies}
    if not wanted:
        raise errors.InvalidInput.field("chosen", _("choose at least one copy."), code="missing")
    rows = queries.visible_copies(member).filter(pk__in=wanted)
    found = list(rows.select_related("campaign__brand", "audience", "product", "requested_by").order_by("pk"))
    if len(found) < len(wanted) or len({copy.campaign_id for copy in found}) > 1:
        raise errors.NotFound(_("There is no such copy."))
    return found


def _require_sound(copies: list[Copy]) -> None:
    """What a check blocks could never be approved, so a reviewer is not asked."""
    blocking = Finding.objects.filter(copy__in=copies, severity=Finding.Severity.BLOCK).select_related("copy").first()
    if blocking is not None:
        words = {"copy": blocking.copy, "finding": localised(blocking, page_language()).message}
        sentence = _("A check blocks “%(copy)s”: %(finding)s Edit it or leave it out.") % words
        raise errors.Conflict(sentence, code="copy_blocked", copy=blocking.copy_id, rules=[blocking.rule])


def _move(copies: list[Copy], target: CopyStatus, **fields: Any) -> None:
    rows = Copy.objects.filter(pk__in=[copy.pk for copy in copies], status=CopyStatus.DRAFT)
    if rows.update(status=target, **fields) < len(copies):
        sentence = _("One of them is no longer a candidate: somebody handed it in, edited it or set it aside. Reload.")
        raise errors.Conflict(sentence, code="no_candidate")
