"""Scoring copy that is still open: the chance that each beats what is shown today, and the words that move it.

The scorer is handed in, so that nothing here knows torch. A copy is scored once by a scorer; a new scorer makes it due
again, and so does `forget_scores` after its facts or the control changed. Two workers at once write one row.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from campaigns import lifecycle
from campaigns.models import Campaign, Copy, CopyScore
from campaigns.models.copies import CopyStatus
from models_ml.channels import PARTS
from models_ml.models import ModelVersion
from models_ml.scores import Effect, TextScorer

# Scored at one go: a worker comes back for the rest, and a cancel or a restart loses little.
MOST_AT_ONCE = 200
MOST_EFFECTS = 12


def due_for(scorer: ModelVersion) -> QuerySet[Copy]:
    """Open copy that this scorer has not scored, campaign by campaign; those without a control have nothing to beat."""
    open_now = [CopyStatus.DRAFT, CopyStatus.PENDING, CopyStatus.APPROVED]
    waiting = Copy.objects.filter(status__in=open_now, campaign__status__in=lifecycle.OPEN_CAMPAIGN)
    waiting = waiting.exclude(campaign__control_headline="", campaign__control_body="")
    mine = CopyScore.objects.filter(copy=OuterRef("pk"), scorer=scorer)
    return waiting.filter(~Exists(mine)).select_related("campaign").order_by("campaign_id", "pk")


def score_waiting(version: ModelVersion, scorer: TextScorer) -> int:
    """Score what is due, at most MOST_AT_ONCE. Returns how many were scored."""
    due = list(due_for(version)[:MOST_AT_ONCE])
    for campaign, copies in itertools.groupby(due, key=lambda copy: copy.campaign):
        _score(campaign, list(copies), version, scorer)
    return len(due)


def forget_scores(copies: QuerySet[Copy]) -> None:
    """Take back what was said of these: their text as shown, or what they are held against, has changed."""
    CopyScore.objects.filter(copy__in=copies).delete()


def shown_text(copy: Copy) -> str:
    """What the shopper reads, as one text: the form in which past arms are learned from."""
    return " ".join(copy.shown(part) for part in PARTS if copy.shown(part))


def _score(campaign: Campaign, copies: Sequence[Copy], version: ModelVersion, scorer: TextScorer) -> None:
    texts = [shown_text(copy) for copy in copies]
    for copy, scored in zip(copies, scorer(_control(campaign), texts, language=campaign.language), strict=True):
        CopyScore.objects.update_or_create(
            copy=copy,
            scorer=version,
            defaults={
                "beats_control": scored.probability,
                "effects": list(_by_part(copy, scored.effects)),
            },
        )


def _control(campaign: Campaign) -> str:
    parts = (campaign.control_headline, campaign.control_body, campaign.control_call_to_action)
    return " ".join(part for part in parts if part)


def _by_part(copy: Copy, effects: Sequence[Effect]) -> Iterator[Mapping[str, Any]]:
    """The strongest effects, each in its part; a word across two parts (there is none in practice) is left out."""
    strongest = sorted(effects, key=lambda one: -abs(one.effect))[:MOST_EFFECTS]
    for one in strongest:
        for part, start in _starts(copy):
            if start <= one.start and one.end <= start + len(copy.shown(part)):
                place = {"part": part, "start": one.start - start, "end": one.end - start}
                yield {**place, "word": one.word, "effect": round(one.effect, 4)}


def _starts(copy: Copy) -> Iterator[tuple[str, int]]:
    start = 0
    for part in PARTS:
        if copy.shown(part):
            yield part, start
            start += len(copy.shown(part)) + 1
