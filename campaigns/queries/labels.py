"""The label that says a text was written by AI: which copy needs it, and what is shown and marked where a law asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils import timezone

from campaigns.models import Campaign, Copy
from models_ml.labelling import AiLabel, ai_label, labelled, with_origin

PRODUCER = "Copylift"


def label_of(campaign: Campaign, on: date | None = None) -> AiLabel | None:
    """What the jurisdictions that the brand sells in ask for on a day (default: today); None where none asks."""
    day = on or timezone.localdate()
    return ai_label(campaign.brand.jurisdictions, day, campaign.language, campaign.channel)


def is_ai_written(copy: Copy) -> bool:
    """Whether a model wrote it, or a person edited what a model wrote: the duty does not end with an edit."""
    return copy.provenance.get("source") == "model" or bool(copy.provenance.get("model_text"))


def shown_parts(copy: Copy, label: AiLabel | None) -> dict[str, str]:
    """The parts as a shopper gets them: filled, with the visible label where one is asked for."""
    return labelled(copy.filled, label if is_ai_written(copy) else None)


def marking(copy: Copy, label: AiLabel | None) -> Mapping[str, Any]:
    """The machine-readable marking of a copy for page, message or feed; empty where none is asked for."""
    if label is None or not label.metadata or not is_ai_written(copy):
        return {}
    return with_origin(label, producer=PRODUCER, content_id=f"copy-{copy.pk}")
