"""What a campaign's result page says: audience by audience the verdict, and beside each text what shoppers made of it.

Only reads. The words are those of the experiments' pages, so the two cannot differ; the details stand there.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language

from campaigns.models import Campaign, CampaignExperiment
from campaigns.queries.arm_looks import looks_of
from core.languages import page_language
from experiments import queries as experiments
from experiments import reports, sentences
from experiments.models import Analysis, Experiment
from experiments.shown import Look

Bounds = Mapping[str, float | None]


@dataclass(frozen=True)
class ArmResult:
    """One text: how it looked, and the goal's figures. `comparison` and `money` are None for the control."""

    name: str
    is_control: bool
    is_dropped: bool
    is_chosen: bool
    look: Look | None
    units: int | None
    value: float | None
    comparison: Mapping[str, Any] | None
    money: Mapping[str, Any] | None


@dataclass(frozen=True)
class AudienceResult:
    """One audience's test: `results` are None where no shopper was seen yet."""

    name: str
    experiment: Experiment
    tone: str
    results: Mapping[str, Any] | None
    goal: Mapping[str, Any] | None
    arms: Sequence[ArmResult]


@dataclass(frozen=True)
class CampaignResult:
    """All audiences; `units` are those of all tests, `profit` that of the arms to ship, over who saw them."""

    audiences: Sequence[AudienceResult]
    units: int
    ships: int
    profit: Bounds | None
    currency: str

    def state(self) -> str:
        """A short name for all that is shown: the same as long as nothing is new."""
        shown = [
            [one.experiment.version, one.experiment.notice, one.experiment.learned, _as_of(one.results)]
            for one in self.audiences
        ]
        told = json.dumps([get_language(), shown], sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def result_of(campaign: Campaign) -> CampaignResult:
    """The result of a campaign; without audiences where it was not launched. Three queries."""
    links = list(
        campaign.experiment_links.select_related("audience", "experiment")
        .prefetch_related("experiment__arms")
        .order_by("position")
    )
    newest = experiments.newest_analyses(link.experiment_id for link in links)
    found = [_audience(link, newest.get(link.experiment_id), campaign.brand.name) for link in links]
    chosen = [arm.money["whole"] for one in found for arm in one.arms if arm.is_chosen and arm.money]
    return CampaignResult(
        audiences=found,
        units=sum(one.results["units"] for one in found if one.results),
        ships=sum(bool(one.results and one.results["verdict"]["code"] == "ship") for one in found),
        profit=together(chosen),
        currency=next((one.results["currency"] for one in found if one.results), ""),
    )


def together(parts: Sequence[Bounds]) -> Bounds | None:
    """The sum of estimates of tests that share no shopper: distances to each end add up in quadrature.

    None for no part, or where an end is open.
    """
    known = [(one["estimate"], one["lower"], one["upper"]) for one in parts]
    if not known or any(None in one for one in known):
        return None
    numbers = [(float(e or 0), float(low or 0), float(up or 0)) for e, low, up in known]
    whole = math.fsum(estimate for estimate, _low, _up in numbers)
    down = math.hypot(*(estimate - low for estimate, low, _up in numbers))
    above = math.hypot(*(up - estimate for estimate, _low, up in numbers))
    return {"estimate": whole, "lower": whole - down, "upper": whole + above}


def _audience(link: CampaignExperiment, analysis: Analysis | None, sender: str) -> AudienceResult:
    experiment = link.experiment
    results = None
    if analysis is not None:
        results = reports.table(sentences.results_of(analysis.results, analysis.settings))
    goal = next((metric for metric in results["metrics"] if metric["is_goal"]), None) if results else None
    return AudienceResult(
        name=link.audience.name(page_language()),
        experiment=experiment,
        tone=reports.TONES.get(results["verdict"]["code"], "quiet") if results else "live",
        results=results,
        goal=goal,
        arms=_arms(experiment, results, goal, sender),
    )


def _arms(
    experiment: Experiment, results: Mapping[str, Any] | None, goal: Mapping[str, Any] | None, sender: str
) -> list[ArmResult]:
    arms = sorted(experiment.arms.all(), key=lambda arm: (not arm.is_control, arm.position))
    looks = looks_of(arms, sender)
    rows = {row["arm"]: row for row in goal["rows"]} if goal else {}
    money = {entry["arm"]: entry for entry in results["roi"]} if results else {}
    verdict = results["verdict"] if results else {}
    shipped = verdict.get("arm") if verdict.get("code") == "ship" else None
    return [
        ArmResult(
            name=arm.name,
            is_control=arm.is_control,
            is_dropped=arm.dropped_at is not None,
            is_chosen=arm.key == shipped,
            look=looks.get(arm.key),
            units=rows[arm.key]["units"] if arm.key in rows else None,
            value=rows[arm.key]["value"]["estimate"] if arm.key in rows else None,
            comparison=rows[arm.key]["comparison"] if arm.key in rows else None,
            money=money.get(arm.key),
        )
        for arm in arms
    ]


def _as_of(results: Mapping[str, Any] | None) -> Any:
    return None if results is None else [results["as_of"], results["units"], results["mode"]]
