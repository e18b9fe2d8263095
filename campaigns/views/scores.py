"""What a scorer's answer says on a page: the chance, how often this scorer was right, and the words that moved it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from campaigns.models import CopyScore

WORDS_SHOWN = 4
# Effects below this (log-odds) move a chance of a half by less than one point in a hundred.
LEAST_EFFECT = 0.04


def shown_score(score: CopyScore | None) -> dict[str, Any] | None:
    """The score in words; None where there is none."""
    if score is None:
        return None
    return {
        "chance": percent(score.beats_control),
        "hit_rate": hit_rate(score.scorer.metrics),
        "scorer": str(score.scorer),
        "scorer_id": score.scorer_id,
        "words_for": _words(score, positive=True),
        "words_against": _words(score, positive=False),
    }


def hit_rate(metrics: Mapping[str, Any]) -> str:
    """How often the scorer was right on past pairs that it had not seen, with its interval; said so where unknown."""
    measured = metrics.get("hit_rate")
    if not isinstance(measured, Mapping) or measured.get("estimate") is None:
        return _("How often this scorer is right was not measured: there are too few finished tests.")
    return _("On past pairs that it had not seen, this scorer was right in %(estimate)s (%(lower)s to %(upper)s).") % {
        name: percent(measured[name]) for name in ("estimate", "lower", "upper")
    }


def percent(share: float) -> str:
    """A share as a whole percentage, with the space this site writes."""
    return f"{number_format(round(100 * share), 0)} %"


def _words(score: CopyScore, *, positive: bool) -> list[str]:
    wanted = [one for one in score.effects if (one["effect"] > 0) == positive and abs(one["effect"]) >= LEAST_EFFECT]
    return [str(one["word"]) for one in wanted[:WORDS_SHOWN]]
