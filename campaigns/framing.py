"""A text of a campaign in the frame of its channel: the brand as sender, and the AI label where a law asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from campaigns import queries
from campaigns.frames import Frame, Mark, frame_of
from campaigns.models import Campaign, Copy


def framed(copy: Copy, marks: Iterable[Mark]) -> Frame:
    """A copy as it stands."""
    return framed_text(copy.campaign, copy.filled, marks, ai_written=queries.is_ai_written(copy))


def framed_text(campaign: Campaign, shown: Mapping[str, str], marks: Iterable[Mark], *, ai_written: bool) -> Frame:
    """Filled parts, stored or not."""
    label = queries.label_of(campaign) if ai_written else None
    return frame_of(
        channel=campaign.channel,
        parts=shown,
        marks=marks,
        # Where the law asks for a machine-readable mark alone nothing is shown.
        label=label if label is not None and label.text else None,
        sender=campaign.brand.name,
        address=urlsplit(campaign.landing_url).hostname or "",
        language=campaign.language,
    )
