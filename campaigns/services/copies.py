"""Storing copy: what a model wrote, each candidate once, and what a person wrote; with the findings of the checks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from campaigns import compliance, queries
from campaigns.models import Audience, Campaign, Copy, Finding
from campaigns.models.copies import CopyStatus
from campaigns.services.guards import require, require_open
from campaigns.services.review_telling import tell_submitted
from campaigns.services.settling import settle_campaign
from core import audit, errors
from core.models import Job, User
from models_ml.channels import PARTS

LONGEST = {"theme": 120, "headline": 300, "body": 1000, "call_to_action": 100}


def content_hash(written: Mapping[str, str]) -> str:
    """SHA-256 over the written parts: equal texts have equal hashes."""
    kept = [written.get(part, "") for part in PARTS]
    return hashlib.sha256(json.dumps(kept, ensure_ascii=False).encode()).hexdigest()


@transaction.atomic
def store_candidate(
    *,
    job: Job,
    campaign: Campaign,
    audience: Audience,
    index: int,
    candidate: Mapping[str, Any],
    requested_by: User,
    hold: bool = False,
) -> Copy | None:
    """One candidate of a model as waiting copy, or with `hold` as one that nobody handed in yet.

    None where it is stored already or the same text is, in whatever state: what was rejected or set aside does not come
    back. Idempotent by (job, audience, index). `candidate` has theme, headline, body, call_to_action and provenance.
    """
    hashed = content_hash(candidate)
    known = Copy.objects.filter(campaign=campaign, audience=audience)
    if known.filter(job=job, candidate_index=index).exists() or known.filter(content_hash=hashed).exists():
        return None
    copy = Copy(
        campaign=campaign,
        audience=audience,
        product=queries.lead_product(campaign),
        **cut(candidate),
        provenance=dict(candidate.get("provenance", {})),
        status=CopyStatus.DRAFT if hold else CopyStatus.PENDING,
        requested_by=requested_by,
        job=job,
        candidate_index=index,
    )
    try:
        with transaction.atomic():
            save_checked(copy)
    except IntegrityError:
        # A second worker was first.
        return None
    audit.record("copy.generated", copy, actor="model", campaign=campaign.key, audience=audience.key, job=str(job.pk))
    return copy


@transaction.atomic
def submit_copy(
    *, campaign: Campaign, audience: Audience, parts: Mapping[str, str], author: User, hold: bool = False
) -> Copy:
    """A person's own copy, for review by somebody else; with `hold` as a candidate that is handed in later.

    Raises InvalidInput naming a part that is missing or too long, Conflict where the same text is there or the campaign
    was launched, Forbidden without the role.
    """
    require(author, "campaigns.submit_copy", _("write copy"))
    require_open(campaign, _("no copy can be added"))
    if not campaign.audiences.filter(pk=audience.pk).exists():
        sentence = _("%(audience)s is not an audience of this campaign.") % {"audience": repr(audience.key)}
        raise errors.InvalidInput.field("audience", sentence)
    copy = Copy(
        campaign=campaign,
        audience=audience,
        product=queries.lead_product(campaign),
        **checked_parts(parts),
        status=CopyStatus.DRAFT if hold else CopyStatus.PENDING,
        provenance={"source": "person"},
        author=author,
        requested_by=author,
    )
    create_or_conflict(copy)
    action = "copy.written" if hold else "copy.submitted"
    audit.record(action, copy, actor=author, campaign=campaign.key, audience=audience.key)
    if not hold:
        tell_submitted([copy], actor=author)
    settle_campaign(campaign)
    return copy


def create_or_conflict(copy: Copy) -> None:
    """Save a person's copy. Conflict where a unique rule refuses it."""
    try:
        with transaction.atomic():
            save_checked(copy)
    except IntegrityError as problem:
        text = _("The same text is there already for this audience, or another edit came first. Reload the page.")
        raise errors.Conflict(text, code="copy_taken") from problem


def save_checked(copy: Copy) -> None:
    """Fill, hash and save a new copy with the findings of the checks."""
    written = queries.written_parts(copy)
    brief = queries.brief_of(copy.campaign, copy.audience)
    context = queries.check_context(copy.campaign, brief, ai_written=queries.is_ai_written(copy))
    parts = compliance.CopyParts.of(written, context.facts)
    copy.filled = dict(parts.filled)
    copy.content_hash = content_hash(written)
    copy.save()
    save_findings(copy, compliance.check(parts, context))


def save_findings(copy: Copy, findings: list[compliance.Finding]) -> None:
    """Put the findings of a copy in the place of its earlier ones."""
    copy.findings.all().delete()
    rows = [finding_row(one) for one in findings]
    for row in rows:
        row.copy = copy
    Finding.objects.bulk_create(rows)


def finding_row(one: compliance.Finding) -> Finding:
    """A finding as the table keeps it, of no copy yet."""
    return Finding(
        rule=one.rule,
        severity=one.severity,
        part=one.part,
        start=one.start,
        end=one.end,
        excerpt=one.excerpt,
        message=one.message[:300],
        remedy=one.remedy[:300],
        pack=one.pack,
        pack_version=one.pack_version,
        jurisdiction=one.jurisdiction,
        article=one.article[:200],
        source_url=one.source_url,
        why=one.why[:500],
        verified=one.verified,
    )


def checked_parts(parts: Mapping[str, str]) -> dict[str, str]:
    """A person's text, trimmed. Raises InvalidInput naming each part that is missing, too long or unknown."""
    found = [
        errors.FieldProblem(name, "unknown", _("is not a part of a copy."))
        for name in sorted(set(parts) - set(LONGEST))
    ]
    kept = {name: parts.get(name, "").strip() for name in LONGEST}
    for name, text in kept.items():
        if not text and name in PARTS:
            found.append(errors.FieldProblem(name, "missing", _("must not be empty.")))
        if len(text) > LONGEST[name]:
            found.append(errors.FieldProblem(name, "too_long", too_long(len(text), LONGEST[name])))
        if any(ord(character) < 32 and character != "\n" for character in text):
            found.append(errors.FieldProblem(name, "invalid", _("holds a control character.")))
    if found:
        raise errors.InvalidInput("; ".join(f"{one.field}: {one.message}" for one in found), problems=found)
    return kept


def too_long(characters: int, most: int) -> str:
    """What is wrong with a text, which follows the name of its part."""
    return _("has %(characters)s characters; %(most)s at most.") % {"characters": characters, "most": most}


def cut(candidate: Mapping[str, Any]) -> dict[str, str]:
    """A model's parts, within what the table takes; a channel's own limit is far below."""
    return {name: str(candidate.get(name, "")).replace("\x00", "")[:limit] for name, limit in LONGEST.items()}
