"""What the approver's page shows about one copy: the text with its findings marked, the brief, the chain of versions.

Only reads. Marks are character ranges of the shown text, so the template never has to search in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from campaigns import diffs, queries, rejections
from campaigns.frames import RANK, Run, runs
from campaigns.framing import framed
from campaigns.models import Copy, CopyScore, Finding, Review
from campaigns.models.copies import CopyStatus
from campaigns.wording.findings import dress
from core import errors
from core.languages import page_language
from core.models import User
from models_ml.channels import CHANNELS, PARTS, SMS_TEXT, SmsSize, measure, message_text
from models_ml.channels import sms_size as measured_sms

# Names of parts that are nowhere else among the sentences to be translated; the channels' own file is pure.
PART_NAMES = (gettext_noop("Opening"), gettext_noop("Closing"))
PROVENANCE = {
    "model_id": gettext_lazy("Model"),
    "model_version": gettext_lazy("Model version"),
    "model_hash": gettext_lazy("Model hash"),
    "prompt_hash": gettext_lazy("Prompt hash"),
    "seed": gettext_lazy("Seed of this text"),
    "run_seed": gettext_lazy("Seed of the request"),
    "draw": gettext_lazy("Draw"),
    "like": gettext_lazy("Written to be like copy"),
    "edited_from": gettext_lazy("Edited from copy"),
}


class Part(NamedTuple):
    """One part as shown and as written, with its size in the channel's measure; a limit of 0 means none of its own."""

    name: str
    label: str
    runs: tuple[Run, ...]
    written: str
    size: int
    limit: int

    @property
    def is_over(self) -> bool:
        """Longer than the channel takes."""
        return bool(self.limit) and self.size > self.limit


def context(copy: Copy, member: User) -> dict[str, Any]:
    """Everything the page of one copy needs."""
    brief = queries.brief_of(copy.campaign, copy.audience)
    known = beside(copy, member)
    label = queries.label_of(copy.campaign) if queries.is_ai_written(copy) else None
    return {
        **known,
        "parts": parts(copy, known["findings"]),
        "message_size": message_size(copy),
        "facts": queries.facts_of(copy.campaign, brief),
        "may_edit": may_edit(copy, member),
        "changes": changes(copy),
        "history": history(copy),
        "provenance": provenance(copy),
        "others_waiting": queries.waiting_for(member).filter(campaign=copy.campaign).exclude(pk=copy.pk).count(),
        "label": label,
        "sms": sms_size(copy, queries.shown_parts(copy, label)),
        "reasons": rejections.Kind.choices,
    }


def beside(copy: Copy, member: User) -> dict[str, Any]:
    """What stands beside the list: the copy in its frame, what was found, and whether the member may approve it."""
    findings = sorted(copy.findings.all(), key=lambda one: RANK[one.severity])
    dress(findings, page_language())
    own, waiting = queries.is_own(copy, member), copy.status == CopyStatus.PENDING
    may_review = member.has_perm("campaigns.review_copy")
    first = copy.first_approved_by if waiting else None
    blocked = any(one.severity == Finding.Severity.BLOCK for one in findings)
    return {
        "copy": copy,
        "audience_name": copy.audience.name(page_language()),
        "frame": framed(copy, findings),
        "findings": findings,
        "blocked": blocked,
        "own": own,
        "waiting": waiting,
        "may_approve": may_review and waiting and not own and not blocked and first != member,
        "may_reject": may_review and waiting,
        "seen": seen(copy),
        "score": CopyScore.objects.filter(copy=copy).select_related("scorer").first(),
        "two_approvers": waiting and queries.needs_second_approver(copy),
        "first_approved_by": first,
    }


def may_edit(copy: Copy, member: User) -> bool:
    """Whether the member's roles and the copy's state allow a new version."""
    roles = member.has_perm("campaigns.review_copy") or member.has_perm("campaigns.submit_copy")
    return roles and copy.status in {CopyStatus.PENDING, CopyStatus.APPROVED}


def seen(copy: Copy) -> str:
    """A short hash of what is shown: a decision counts for the text that was on the page."""
    return hashlib.sha256(json.dumps(copy.filled, sort_keys=True).encode()).hexdigest()[:16]


def require_seen(copy: Copy, shown: str | None) -> None:
    """Raise Conflict where the text is no longer the one whose hash the page carried."""
    if shown != seen(copy):
        raise errors.Conflict(_("The text changed since this page was opened. Look again."), code="unseen")


def parts(copy: Copy, findings: list[Finding]) -> list[Part]:
    """The three parts of a copy."""
    channel = CHANNELS[copy.campaign.channel]
    written = queries.written_parts(copy)
    return [
        Part(
            name=name,
            label=_(channel.labels[name]),
            runs=runs(copy.shown(name), [one for one in findings if one.part == name]),
            written=written[name],
            size=measure(channel.key, name, copy.shown(name)),
            limit=channel.limits.get(name, 0),
        )
        for name in PARTS
    ]


def message_size(copy: Copy) -> tuple[int, int] | None:
    """Size and limit of a channel that counts the message as a whole."""
    channel = CHANNELS[copy.campaign.channel]
    if SMS_TEXT not in channel.limits:
        return None
    return measure(channel.key, SMS_TEXT, message_text(copy.filled)), channel.limits[SMS_TEXT]


def changes(copy: Copy) -> list[tuple[str, list[diffs.Piece]]]:
    """What this version changed in the one it was edited from, part by part; empty for a first version."""
    if copy.parent is None:
        return []
    before = {"theme": copy.parent.theme, **queries.written_parts(copy.parent)}
    after = {"theme": copy.theme, **queries.written_parts(copy)}
    labels = {"theme": gettext_noop("Theme"), **CHANNELS[copy.campaign.channel].labels}
    return [
        (_(labels[name]), diffs.pieces(before[name], after[name])) for name in before if before[name] != after[name]
    ]


def history(copy: Copy) -> list[tuple[Review, rejections.Reason]]:
    """Every review of this copy and of the versions before it with its reason taken apart, newest first."""
    return [(review, rejections.split(review.reason)) for review in queries.reviews_of(copy)]


def sms_size(copy: Copy, texts: Mapping[str, str]) -> SmsSize | None:
    """What the message as shoppers get it costs; None for other channels."""
    return measured_sms(message_text(texts)) if copy.campaign.channel == "sms" else None


def provenance(copy: Copy) -> list[tuple[str, Any]]:
    """Where the text comes from, the long values left out."""
    return [
        (str(label), copy.provenance[key])
        for key, label in PROVENANCE.items()
        if copy.provenance.get(key) not in (None, "")
    ]
