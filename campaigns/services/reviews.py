"""What an approver does with a copy: approve, edit, reject. Each is a conditional update, a review row, an audit entry.

Three rules hold whoever asks: nobody approves their own (docs/adr/0006), what a check blocks is not approved, and for a
large audience two people have to approve where the brand says so: the copy waits on after the first. The checks are run
anew at approval, against the facts of today. Copy of a brand that the member may not see does not exist for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import compliance, diffs, lifecycle, queries, rejections
from campaigns.models import Campaign, Copy, Review
from campaigns.models.campaign import CampaignStatus
from campaigns.models.copies import CopyStatus
from campaigns.services.copies import checked_parts, content_hash, create_or_conflict, save_findings
from campaigns.services.review_telling import tell_decided
from campaigns.services.scoring import forget_scores
from campaigns.services.settling import settle_campaign
from campaigns.wording.findings import localised
from core import audit, errors
from core.languages import page_language
from core.models import User

Decision = Review.Decision
REASON_LENGTH = 500
BLOCKING = frozenset({"block"})
# For many copies at once: what asks to be looked at is decided about one by one.
OPEN_FINDINGS = frozenset({"block", "warn"})


@transaction.atomic
def approve_copy(copy: Copy, *, reviewer: User, reason: str = "", stops: frozenset[str] = BLOCKING) -> Copy:
    """pending → approved, or with the first of two approvers' names and still pending. Answers the row as it is then.

    An approved copy that it was edited from gives way to it. `stops` are the weights of findings that forbid it. Raises
    Forbidden for one's own copy, for a second approval by the same person or without the role, Conflict where a check
    blocks it, where the facts changed since it was filled (`facts_changed`; see `refill_copy`), or where it is no
    longer waiting.
    """
    _require_role(reviewer, "campaigns.review_copy", _("You may not approve copy: your roles do not include it."))
    _require_visible(copy, reviewer)
    _require_others(copy, reviewer)
    said = _reason(reason)
    _require_open(copy.campaign, _("The campaign “%(campaign)s” is %(status)s, so its copy can no longer be approved."))
    _require_sound(copy, stops)
    two = queries.needs_second_approver(copy)
    if two and _approve_first(copy, reviewer):
        _record(copy, Decision.APPROVE, reviewer=reviewer, reason=said, after=_texts(copy), action="copy.approve_first")
        return Copy.objects.get(pk=copy.pk)
    _decide(copy, CopyStatus.APPROVED, filled=copy.filled, **({"first_approved_by__isnull": False} if two else {}))
    _give_way(copy)
    _record(copy, Decision.APPROVE, reviewer=reviewer, reason=said, after=_texts(copy))
    tell_decided(copy, reviewer=reviewer, approved=True)
    settle_campaign(copy.campaign)
    return Copy.objects.get(pk=copy.pk)


@transaction.atomic
def edit_copy(copy: Copy, *, editor: User, parts: Mapping[str, str], reason: str = "") -> Copy:
    """A new version, written by the editor and waiting for somebody else's approval. Answers the new version.

    A waiting copy is replaced by it; an approved one stays in force until the new version is approved. Raises
    InvalidInput for a part that cannot be used or where nothing was changed, Conflict where the copy is in another
    state, the campaign was launched or the same text is there already.
    """
    may = editor.has_perm("campaigns.review_copy") or editor.has_perm("campaigns.submit_copy")
    if not may:
        raise errors.Forbidden(_("You may not edit copy: your roles do not include it."), code="role_missing")
    _require_visible(copy, editor)
    said = _reason(reason)
    _require_open(copy.campaign, _("The campaign “%(campaign)s” is %(status)s, so its copy can no longer be edited."))
    texts = checked_parts(parts)
    if texts == _texts(copy):
        raise errors.InvalidInput.field("headline", _("nothing was changed."), code="unchanged")
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
    _record(copy, Decision.EDIT, reviewer=editor, reason=said, after=texts)
    settle_campaign(copy.campaign)
    return edited


@transaction.atomic
def reject_copy(copy: Copy, *, reviewer: User, reason: str, kind: str = "") -> Copy:
    """pending → rejected, with the reason: a kind of `rejections.Kind` and words, of which one kind needs no words.

    Raises InvalidInput without a reason, Conflict where it is no longer waiting.
    """
    _require_role(reviewer, "campaigns.review_copy", _("You may not reject copy: your roles do not include it."))
    _require_visible(copy, reviewer)
    if kind and kind not in rejections.Kind.values:
        raise errors.InvalidInput.field("kind", _("is none of the reasons."))
    if not reason.strip() and kind in {"", rejections.Kind.OTHER}:
        raise errors.InvalidInput.field("reason", _("say why, so that the next copy is better."), code="missing")
    said = _reason(rejections.join(kind, reason))
    _decide(copy, CopyStatus.REJECTED)
    _record(copy, Decision.REJECT, reviewer=reviewer, reason=said, after={})
    tell_decided(copy, reviewer=reviewer, approved=False)
    settle_campaign(copy.campaign)
    return Copy.objects.get(pk=copy.pk)


@transaction.atomic
def refill_copy(copy: Copy, *, actor: User) -> Copy:
    """Fill a waiting copy, or a candidate, with the facts of today and check it anew; a first approval goes.

    Conflict where it is no longer waiting.
    """
    _require_visible(copy, actor)
    parts, context = _parts_and_context(copy)
    waiting = Copy.objects.filter(pk=copy.pk, status__in=[CopyStatus.DRAFT, CopyStatus.PENDING])
    if not waiting.update(filled=dict(parts.filled), first_approved_by=None):
        raise _not_waiting(copy)
    save_findings(copy, compliance.check(parts, context))
    forget_scores(Copy.objects.filter(pk=copy.pk))
    audit.record("copy.refilled", copy, actor=actor, before=copy.filled, after=dict(parts.filled))
    return Copy.objects.get(pk=copy.pk)


def verify_frozen(copy: Copy) -> None:
    """Raise Conflict where the text of an approved copy is not the one that was approved.

    The database keeps it as it is (triggers); this is the second lock, for rows that came another way.
    """
    approval = queries.approval_of(copy)
    if content_hash(queries.written_parts(copy)) != copy.content_hash or approval is None:
        raise _not_as_approved(copy)
    if {name: approval.after.get(name, "") for name in _texts(copy)} != _texts(copy):
        raise _not_as_approved(copy)


def _not_as_approved(copy: Copy) -> errors.Conflict:
    said = _("The text “%(copy)s” is not the one that was approved. Have it reviewed anew.") % {"copy": copy}
    return errors.Conflict(said, code="not_as_approved", copy=copy.pk)


def _require_role(member: User, permission: str, sentence: str) -> None:
    if not member.has_perm(permission):
        raise errors.Forbidden(sentence, code="role_missing")


def _require_visible(copy: Copy, member: User) -> None:
    if not queries.visible_copies(member).filter(pk=copy.pk).exists():
        raise errors.NotFound(_("There is no such copy."))


def _require_open(campaign: Campaign, sentence: str) -> None:
    status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
    if status not in lifecycle.OPEN_CAMPAIGN:
        said = sentence % {"campaign": campaign, "status": CampaignStatus(status).label}
        raise errors.Conflict(said, code="campaign_closed", status=status)


def _require_others(copy: Copy, reviewer: User) -> None:
    if queries.is_own(copy, reviewer):
        own = _("Nobody approves their own copy: you asked for this one or wrote it. Another approver has to decide.")
        raise errors.Forbidden(own, code="own_copy")


def _approve_first(copy: Copy, reviewer: User) -> bool:
    """Whether this was the first of two approvals."""
    waiting = Copy.objects.filter(pk=copy.pk, status=CopyStatus.PENDING, filled=copy.filled)
    if waiting.filter(first_approved_by=None).update(first_approved_by=reviewer):
        return True
    if waiting.filter(first_approved_by=reviewer).exists():
        twice = _("You have approved this copy already. Its audience is large, so a second approver has to look at it.")
        raise errors.Forbidden(twice, code="second_approver")
    return False


def _parts_and_context(copy: Copy) -> tuple[compliance.CopyParts, compliance.CheckContext]:
    brief = queries.brief_of(copy.campaign, copy.audience)
    context = queries.check_context(copy.campaign, brief, ai_written=queries.is_ai_written(copy))
    return compliance.CopyParts.of(queries.written_parts(copy), context.facts), context


def _require_sound(copy: Copy, stops: frozenset[str]) -> None:
    parts, context = _parts_and_context(copy)
    if dict(parts.filled) != copy.filled:
        changed = _("The facts have changed since this text was filled in. Fill it anew and look again.")
        raise errors.Conflict(changed, code="facts_changed")
    found = [one for one in compliance.check(parts, context) if one.severity in stops]
    if not found:
        return
    rules = sorted({one.rule for one in found})
    blocks = any(one.severity == "block" for one in found)
    sentence = (
        _("A check blocks this copy: %(finding)s Edit or reject it.")
        if blocks
        else _("A check asks to look closely: %(finding)s Open this copy to decide about it.")
    )
    code = "copy_blocked" if blocks else "finding_open"
    raise errors.Conflict(sentence % {"finding": localised(found[0], page_language()).message}, code=code, rules=rules)


def _decide(copy: Copy, target: CopyStatus, **as_it_stands: Any) -> None:
    sources = lifecycle.sources(lifecycle.COPY_MOVES, target) - {CopyStatus.APPROVED}
    waiting = Copy.objects.filter(pk=copy.pk, status__in=sources, **as_it_stands)
    if not waiting.update(status=target, decided_at=timezone.now()):
        raise _not_waiting(copy)


def _give_way(copy: Copy) -> None:
    if copy.parent is None:
        return
    replaced = Copy.objects.filter(pk=copy.parent.pk, status=CopyStatus.APPROVED)
    if replaced.update(status=CopyStatus.EDITED, decided_at=timezone.now()):
        audit.record("copy.replaced", copy.parent, actor=None, by=copy.pk)


def _not_waiting(copy: Copy) -> errors.Conflict:
    row = Copy.objects.get(pk=copy.pk)
    if row.status == CopyStatus.PENDING:
        return errors.Conflict(_("The text changed since this page was opened. Look again."), code="unseen")
    said = _("This copy is no longer waiting: it is %(status)s.") % {"status": row.get_status_display()}
    return errors.Conflict(said, code="copy_decided")


def _reason(reason: str) -> str:
    said = reason.strip()
    if len(said) > REASON_LENGTH:
        sizes = {"length": len(said), "limit": REASON_LENGTH}
        raise errors.InvalidInput.field("reason", _("has %(length)d characters; %(limit)d at most.") % sizes)
    return said


def _texts(copy: Copy) -> dict[str, str]:
    return {"theme": copy.theme, **queries.written_parts(copy)}


def _record(
    copy: Copy, decision: Decision, *, reviewer: User, reason: str, after: Mapping[str, str], action: str = ""
) -> None:
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
    hashed = content_hash(before)
    audit.record(action or f"copy.{decision}", copy, actor=reviewer, reason=reason, content_hash=hashed)
