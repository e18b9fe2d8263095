"""The arms of a campaign's experiment in the frame of their channel, for the pages of results.

An arm's content is what shoppers got, the AI label included, so nothing is marked or measured here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from campaigns.frames import Frame, frame_of
from campaigns.models import CampaignExperiment
from experiments import shown
from experiments.models import Arm, Experiment
from models_ml.channels import CHANNELS, PARTS

TEMPLATE = "campaigns/_frame.html"


def install() -> None:
    """Lay down how arms are drawn."""
    shown.register(looks)


def looks(experiment: Experiment, arms: Sequence[Arm]) -> dict[str, shown.Look]:
    """By key, each arm that has a text for a channel we know; none where no campaign made them. One query."""
    link = CampaignExperiment.objects.filter(experiment=experiment).select_related("campaign__brand").first()
    return {} if link is None else looks_of(arms, link.campaign.brand.name)


def looks_of(arms: Sequence[Arm], sender: str) -> dict[str, shown.Look]:
    """The same where the brand is at hand."""
    return {
        arm.key: shown.Look(TEMPLATE, _frame(arm, sender))
        for arm in arms
        if arm.content.get("channel") in CHANNELS and any(arm.content.get(part) for part in PARTS)
    }


def _frame(arm: Arm, sender: str) -> Frame:
    parts = {part: str(arm.content.get(part) or "") for part in PARTS}
    language = str(arm.content.get("language") or "")
    made = frame_of(channel=arm.content["channel"], parts=parts, sender=sender, language=language)
    return replace(made, sizes=(), sms=None)
