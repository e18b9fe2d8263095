"""What an approver does with a copy: approve, edit, reject. Each is a conditional update, a review row, an audit entry.

Two rules hold whoever asks: nobody approves their own (docs/adr/0006), and what a check blocks is not approved. The
checks are run anew at approval, against the facts of today.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from campaigns import compliance, diffs, lifecycle, queries
from campaigns.models import Copy, Review
from campaigns.models.copies import CopyStatus
from campaigns.services.copies import checked_parts, content_hash, create_or_conflict, save_findings
from campaigns.services.guards import require, require_open
from campaigns.services.scoring import forget_scores
from campaigns.services.settling import settle_campaign
from core import audit, errors
from core.models import User

Decision = Review.Decision
REASON_LENGTH = 500


@transaction.atomic
def approve_copy(copy: Copy, *, reviewer: User, reason: str = "") -> Copy:
    """pending → approved; an approved copy it was edited from gives way to it.

    Raises Forbidden for one's own copy or without the role, Conflict where a check blocks it, where the facts changed
    since it was filled (`facts_changed`; see `refill_copy`), or where it is no longer waiting.
    """
    require(reviewer, "campaigns.review_copy", "approve copy")
    if queries.is_own(copy, reviewer):
        raise errors.Forbidden(
            "Nobody approves their own copy: you asked for this one or wrote it. Another approver has to decide.",
            code="own_copy",
        )
    require_open(copy.campaign, "its copy can no longer be approved")
    _require_sound(copy)
    _decide(copy, CopyStatus.APPROVED)
    _give_way(copy)
    _record(copy, Decision.APPROVE, reviewer=reviewer, reason=_reason(reason), after=_texts(copy))
    settle_campaign(copy.campaign)
    return Copy.objects.get(pk=copy.pk)


@transaction.atomic
def edit_copy(copy: Copy, *, editor: User, parts: Mapping[str, str], reason: str = "") -> Copy:
    """A new version, written by the editor and waiting for somebody else's approval. Answers the new version.

    A waiting copy is replaced by it; an approved one stays in force until the new version is approved. Raises
    InvalidInput for a part that cannot be used or where nothing was changed, Conflict where the copy is in another
    state, the campaign was launched or the same text is there already.
    """
    if not (editor.has_perm("campaigns.review_copy") or editor.has_perm("campaigns.submit_copy")):
        require(editor, "campaigns.submit_copy", "edit copy")
    require_open(copy.campaign, "its copy can no longer be edited")
    texts = checked_parts(parts)
    if texts == _texts(copy):
        raise errors.InvalidInput.field("headline", "nothing was changed.", code="unchanged")
    if copy.status == CopyStatus.PENDING:
        _decide(copy, CopyStatus.EDITED)
    elif copy.status != CopyStatus.APPROVED:
        raise _not_waiting(copy)
    edited = Copy(
        campaign=copy.campaign,
        audience=copy.audience,
        product=copy.product,
        version=copy.version + 1,
        parent=copy,
        **texts,
        provenance={"source": "person", "edited_from": copy.pk, "model_text": queries.is_ai_written(copy)},
        author=editor,
        requested_by=copy.requested_by,
    )
    create_or_conflict(edited)
    _record(copy, Decision.EDIT, reviewer=editor, reason=_reason(reason), after=texts)
    settle_campaign(copy.campaign)
    return edited


@transaction.atomic
def reject_copy(copy: Copy, *, reviewer: User, reason: str) -> Copy:
    """pending → rejected, with the reason. Raises InvalidInput without one, Conflict where it is no longer waiting."""
    require(reviewer, "campaigns.review_copy", "reject copy")
    said = _reason(reason)
    if not said:
        raise errors.InvalidInput.field("reason", "say why, so that the next copy is better.", code="missing")
    _decide(copy, CopyStatus.REJECTED)
    _record(copy, Decision.REJECT, reviewer=reviewer, reason=said, after={})
    settle_campaign(copy.campaign)
    return Copy.objects.get(pk=copy.pk)


@transaction.atomic
def refill_copy(copy: Copy, *, actor: User) -> Copy:
    """Fill a waiting copy with the facts of today and check it anew. Conflict where it is no longer waiting."""
    parts, context = _parts_and_context(copy)
    waiting = Copy.objects.filter(pk=copy.pk, status=CopyStatus.PENDING)
    if not waiting.update(filled=dict(parts.filled)):
        raise _not_waiting(copy)
    save_findings(copy, compliance.check(parts, context))
    forget_scores(Copy.objects.filter(pk=copy.pk))
    audit.record("copy.refilled", copy, actor=actor, before=copy.filled, after=dict(parts.filled))
    return Copy.objects.get(pk=copy.pk)


def _parts_and_context(copy: Copy) -> tuple[compliance.CopyParts, compliance.CheckContext]:
    brief = queries.brief_of(copy.campaign, copy.audience)
    context = queries.check_context(copy.campaign, brief, ai_written=queries.is_ai_written(copy))
    return compliance.CopyParts.of(queries.written_parts(copy), context.facts), context


def _require_sound(copy: Copy) -> None:
    parts, context = _parts_and_context(copy)
    if dict(parts.filled) != copy.filled:
        raise errors.Conflict(
            "The facts have changed since this text was filled in. Fill it anew and look again.", code="facts_changed"
        )
    blocking = [one for one in compliance.check(parts, context) if one.severity == "block"]
    if blocking:
        raise errors.Conflict(
            f"A check blocks this copy: {blocking[0].message} Edit or reject it.",
            code="copy_blocked",
            rules=sorted({one.rule for one in blocking}),
        )


def _decide(copy: Copy, target: CopyStatus) -> None:
    sources = lifecycle.sources(lifecycle.COPY_MOVES, target) - {CopyStatus.APPROVED}
    waiting = Copy.objects.filter(pk=copy.pk, status__in=sources)
    if not waiting.update(status=target, decided_at=timezone.now()):
        raise _not_waiting(copy)


def _give_way(copy: Copy) -> None:
    if copy.parent is None:
        return
    replaced = Copy.objects.filter(pk=copy.parent.pk, status=CopyStatus.APPROVED)
    if replaced.update(status=CopyStatus.EDITED, decided_at=timezone.now()):
        audit.record("copy.replaced", copy.parent, actor=None, by=copy.pk)


def _not_waiting(copy: Copy) -> errors.Conflict:
    status = Copy.objects.get(pk=copy.pk).get_status_display()
    return errors.Conflict(f"This copy is no longer waiting: it is {status}.", code="copy_decided")


def _reason(reason: str) -> str:
    said = reason.strip()
    if len(said) > REASON_LENGTH:
        raise errors.InvalidInput.field("reason", f"has {len(said)} characters; {REASON_LENGTH} at most.")
    return said


def _texts(copy: Copy) -> dict[str, str]:
    return {"theme": copy.theme, **queries.written_parts(copy)}


def _record(copy: Copy, decision: Decision, *, reviewer: User, reason: str, after: Mapping[str, str]) -> None:
    before = _texts(copy)
    Review.objects.create(
        copy=copy,
        reviewer=reviewer,
        decision=decision,
        reason=reason,
        before=before,
        after=dict(after),
        diff=diffs.unified(before, after) if decision == Decision.EDIT else "",
    )
    audit.record(f"copy.{decision}", copy, actor=reviewer, reason=reason, content_hash=content_hash(before))
