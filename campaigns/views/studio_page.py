"""What the studio shows: each copy as a card with its frame, findings and score, by audience and by where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns import lifecycle, queries, rejections
from campaigns.frames import RANK, Frame
from campaigns.framing import framed, framed_text
from campaigns.models import Audience, Campaign, Copy, Finding, Review
from campaigns.models.copies import CopyStatus
from campaigns.services.copies import LONGEST
from campaigns.views import reads
from campaigns.views.scores import shown_score
from campaigns.wording.findings import dress
from core import errors
from core import queries as core_queries
from core.languages import page_language
from core.models import Job, User

PER_AUDIENCE = 4
WINNERS_SHOWN = 3
HANDED_IN = frozenset({CopyStatus.PENDING, CopyStatus.APPROVED})
PUT_AWAY = frozenset({CopyStatus.REJECTED, CopyStatus.DISCARDED})
# What may stand in the grid of candidates: what is to be chosen, and what a job sends to review at once.
ARRIVING = frozenset({CopyStatus.DRAFT, CopyStatus.PENDING})


@dataclass(frozen=True)
class Sketch:
    """A text in the frame of its channel with what the checks found, the heaviest first."""

    frame: Frame
    findings: Sequence[Finding]

    @property
    def blocked(self) -> bool:
        """Whether it could never be approved as it is."""
        return any(one.severity == Finding.Severity.BLOCK for one in self.findings)


@dataclass(frozen=True)
class Card:
    """One copy of the studio. `typed` is what stands in its form, `editing` whether the form is open."""

    copy: Copy
    sketch: Sketch
    score: Mapping[str, Any] | None
    provenance: Sequence[tuple[str, str]]
    reviews: Sequence[tuple[Review, rejections.Reason]]
    typed: Mapping[str, str]
    editing: bool


def context(
    campaign: Campaign, member: User, *, winners: bool = False, typed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Everything the page needs."""
    typed, audiences = typed or {}, queries.ordered_audiences(campaign)
    copies = list(queries.copies_of(campaign).exclude(status=CopyStatus.EDITED).order_by("id"))
    cards = [card(campaign, copy, typed.get(f"copy-{copy.pk}")) for copy in copies]
    groups = [group(audience, cards, typed) for audience in audiences]
    return {
        "groups": groups,
        "candidates": sum(len(one["candidates"]) for one in groups),
        "facts": facts(campaign, audiences),
        "winners": winners_beside(campaign, member) if winners else None,
        **state(campaign, member, after=max((copy.pk for copy in copies), default=0)),
    }


def news(campaign: Campaign, member: User, after: int) -> dict[str, Any]:
    """How far the writing is, and the cards that came since the copy `after`, by audience."""
    copies = list(queries.copies_of(campaign).filter(pk__gt=after, status__in=ARRIVING).order_by("id"))
    cards = [card(campaign, copy, None) for copy in copies]
    by_audience: dict[str, list[Card]] = {}
    for one in cards:
        by_audience.setdefault(one.copy.audience.key, []).append(one)
    return {
        "arrived": list(by_audience.items()),
        **state(campaign, member, after=max((copy.pk for copy in copies), default=after)),
    }


def state(campaign: Campaign, member: User, *, after: int) -> dict[str, Any]:
    """Where the writing stands and what the member may do; `after` is the newest copy on the page."""
    job: Job | None = next(iter(core_queries.jobs_of(campaign, 1)), None)
    live = bool(job and job.is_open)
    is_open = campaign.status in lifecycle.OPEN_CAMPAIGN
    return {
        "campaign": campaign,
        "job": job,
        "live": live,
        "open": is_open,
        "after": after,
        "per_audience": PER_AUDIENCE,
        "can_work": is_open and member.has_perm("campaigns.submit_copy"),
        "can_generate": is_open and not live and member.has_perm("campaigns.generate_copy"),
    }


def card(campaign: Campaign, copy: Copy, typed: Mapping[str, str] | None) -> Card:
    """A copy with what is known of it."""
    return Card(
        copy=copy,
        sketch=sketch(campaign, copy.filled, copy.findings.all(), ai_written=queries.is_ai_written(copy)),
        score=shown_score(next(iter(getattr(copy, "production_scores", ())), None)),
        provenance=reads.provenance(copy.provenance),
        reviews=[(one, rejections.split(one.reason)) for one in copy.reviews.all()],
        typed=typed or {"theme": copy.theme, **queries.written_parts(copy)},
        editing=typed is not None,
    )


def sketch(campaign: Campaign, shown: Mapping[str, str], findings: Iterable[Finding], *, ai_written: bool) -> Sketch:
    """A text as its channel shows it."""
    found = sorted(findings, key=lambda one: RANK[one.severity])
    dress(found, page_language())
    frame = framed_text(campaign, shown, found, ai_written=ai_written)
    return Sketch(frame, found)


def group(audience: Audience, cards: Sequence[Card], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The cards of an audience: to choose from, handed in, and put away."""
    mine = [one for one in cards if one.copy.audience_id == audience.pk]
    language, written = page_language(), typed.get(f"audience-{audience.key}")
    return {
        "key": audience.key,
        "name": audience.name(language),
        "description": audience.description(language),
        "candidates": [one for one in mine if one.copy.status == CopyStatus.DRAFT],
        "handed_in": [one for one in mine if one.copy.status in HANDED_IN],
        "put_away": [one for one in mine if one.copy.status in PUT_AWAY],
        "typed": written or dict.fromkeys(LONGEST, ""),
        "writing": written is not None,
    }


def facts(campaign: Campaign, audiences: Sequence[Audience]) -> dict[str, str]:
    """The slots that a text may use, with what stands in their place; none where no brief can be made any more."""
    try:
        return queries.facts_of(campaign, queries.brief_of(campaign, audiences[0])) if audiences else {}
    except errors.CopyliftError:
        return {}


def winners_beside(campaign: Campaign, member: User) -> list[dict[str, Any]]:
    """Past winners of the same channel and language, each in its frame with what its test said."""
    found = queries.winners_beside(campaign, member, WINNERS_SHOWN)
    return [
        {
            "win": one,
            "frame": framed(one.copy, ()),
        }
        for one in found
    ]
