"""What the demo's approvers decide, through the services like anyone: approve a few sound copies, edit one where the
data says so, reject the rest with a reason. Each call looks at the database anew, so it goes on after a kill.

They cannot read. What stands for their taste is little: no sentence twice, and no headline that another arm has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Q

from campaigns import queries, services
from campaigns.demo.data import Play
from campaigns.models import Audience, Campaign, Copy
from campaigns.models.copies import CopyStatus
from core.models import User

Say = Callable[[str], None]
BLOCKED = "A check blocks it: {message}"
ENOUGH = "Enough copy is approved for this audience."
SAME_HEADLINE = "Another copy for this audience has the same headline."
REPEATS = "Says the same twice."
SENTENCE_END = re.compile(r"[.!?。！？;；:：]+")


@dataclass(frozen=True)
class Approvers:
    """Two, since nobody approves their own edit."""

    first: User
    second: User


def review(campaign: Campaign, play: Play, *, by: Approvers, say: Say) -> int:
    """Decide about all copy that waits; how many decisions were made."""
    made = 0
    for place, audience in enumerate(queries.ordered_audiences(campaign)):
        edit = play.edit if place == 0 else {}
        for copy in _waiting(campaign, audience):
            say(f"{audience.name_en}: {_decide(copy, play, edit=edit, by=by)}")
            made += 1
    return made


def _waiting(campaign: Campaign, audience: Audience) -> list[Copy]:
    waiting = Copy.objects.filter(campaign=campaign, audience=audience, status=CopyStatus.PENDING)
    found = waiting.select_related("campaign", "audience", "product")
    # Edited versions first: whether they are approved decides how many others are wanted.
    return sorted(found, key=lambda copy: (-copy.version, repeated(copy.shown("body")), copy.pk))


def repeated(text: str) -> int:
    """How many sentences of a text stand in it more than once."""
    sentences = [one.strip().lower() for one in SENTENCE_END.split(text) if one.strip()]
    return len(sentences) - len(set(sentences))


def _decide(copy: Copy, play: Play, *, edit: dict[str, str], by: Approvers) -> str:
    reviewer = by.second if queries.is_own(copy, by.first) else by.first
    if reason := _against(copy, play):
        services.reject_copy(copy, reviewer=reviewer, reason=reason[:500])
        return f"{reviewer.name} rejects “{copy.shown('headline')}”: {reason}"
    if edit and not _has_edit(copy):
        return _edit(copy, play, edit, reviewer)
    services.approve_copy(copy, reviewer=reviewer)
    return f"{reviewer.name} approves “{copy.shown('headline')}”"


def _against(copy: Copy, play: Play) -> str:
    """Why a copy is rejected; empty where nothing speaks against it."""
    blocking = copy.findings.filter(severity="block").first()
    if blocking is not None:
        return BLOCKED.format(message=blocking.message)
    counting = _counting(copy)
    if len(counting) >= play.approve:
        return REPEATS if repeated(copy.shown("body")) else play.reject_reason or ENOUGH
    same = copy.shown("headline") in {other.shown("headline") for other in counting}
    return SAME_HEADLINE if same else ""


def _edit(copy: Copy, play: Play, edit: dict[str, str], editor: User) -> str:
    parts = {"theme": copy.theme, **queries.written_parts(copy), **edit}
    if parts == {"theme": copy.theme, **queries.written_parts(copy)}:
        services.approve_copy(copy, reviewer=editor)
        return f"{editor.name} approves “{copy.shown('headline')}”"
    services.edit_copy(copy, editor=editor, parts=parts, reason=play.edit_reason)
    return f"{editor.name} edits “{copy.shown('headline')}”"


def _counting(copy: Copy) -> list[Copy]:
    """The copies of the audience that are arms already, or will be once the second approver has looked at the edit."""
    others = Copy.objects.filter(campaign=copy.campaign, audience=copy.audience).exclude(pk=copy.pk)
    edited = Q(status=CopyStatus.PENDING, version__gt=copy.version)
    return list(others.filter(Q(status=CopyStatus.APPROVED) | edited))


def _has_edit(copy: Copy) -> bool:
    return Copy.objects.filter(campaign=copy.campaign, audience=copy.audience, version__gt=1).exists()
