"""A group sequential test's reading after its stop, and whether going on is likely to lead anywhere."""

from __future__ import annotations

import math
from typing import Any

from scipy import special

from experiments import wording
from experiments.reading.comparing import Compared
from experiments.reading.settings import AnalysisSettings
from experiments.reading.shapes import bounds
from experiments.stats import stopping
from experiments.stats.group_sequential import GroupSequential


def adjusted(settings: AnalysisSettings, change: wording.Change, compared: Compared) -> dict[str, Any] | None:
    """Median unbiased estimate, interval and p-value in the stage-wise order (`stats.stopping`).

    None unless the test is over and was looked at more than once: one look has nothing to allow for.
    """
    over = settings.mode == "final" and settings.method == "group_sequential" and not settings.adaptive
    if not over or len(settings.information) < 2:
        return None
    found = stopping.stopped(compared.effect, GroupSequential(settings.information), confidence=settings.confidence)
    if found is None:
        return None
    return {
        "difference": bounds(found.difference),
        "lift": None if found.lift is None else bounds(found.lift),
        "p_value": found.p_value,
        "crossed": found.crossed,
        "sentence": wording.after_stop(change, found.difference),
    }


def chance(settings: AnalysisSettings, compared: Compared) -> float | None:
    """The chance that the arm ends clearly better if it goes on as it went; None where no plan says where the end is.

    Conditional power under the present trend at the plan's last look (Lachin 2005, Stat. Med. 24:2747, eq. 7): looks
    in between, which could only end it sooner, are left out.
    """
    if settings.method != "group_sequential" or settings.mode != "running" or settings.silent or settings.adaptive:
        return None
    share, variance = settings.information[-1], compared.effect.variance
    if share >= 1 or not variance > 0:
        return None
    statistic = compared.effect.difference / math.sqrt(variance)
    towards = statistic if compared.comparison.direction == "increase" else -statistic
    last = GroupSequential((*settings.information, 1.0)).critical(settings.alpha)
    return float(special.ndtr((towards / math.sqrt(share) - last) / math.sqrt(1 - share)))
