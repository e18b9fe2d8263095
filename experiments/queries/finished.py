"""The experiments of the past that can be learned from: finished, with the split that was planned, at fixed shares.

Every finished experiment counts, live or imported, won or lost: leaving out those that "failed" is what makes a history
lie. Left out are those whose split was broken (sample ratio mismatch), those with adaptive allocation (their plain arm
values are biased) and arms that were dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, Prefetch, QuerySet, Subquery

from experiments.lifecycle import Status
from experiments.models import Allocation, Analysis, Arm

# The newest so many: by then a spread is known to a few percent, and learning ends while a page waits.
MOST_EXPERIMENTS = 500
_PROPORTION, _FALLBACK = "proportion", "converted"


@dataclass(frozen=True)
class FinishedArm:
    """One arm: what it showed, its planned share, how many units saw it and for how many the metric was reached."""

    key: str
    name: str
    content: dict[str, Any]
    is_control: bool
    share: float
    units: int
    successes: int


@dataclass(frozen=True)
class FinishedTest:
    """One finished experiment on one metric that a unit reaches or does not."""

    experiment_id: int
    key: str
    metric: str
    arms: tuple[FinishedArm, ...]


def finished_analyses() -> QuerySet[Analysis]:
    """The newest final analysis of each experiment that can be learned from, the newest first, arms at hand."""
    newest = Analysis.objects.filter(experiment=OuterRef("experiment"), is_final=True).order_by("-created_at", "-pk")
    rows = (
        Analysis.objects.filter(pk=Subquery(newest.values("pk")[:1]))
        # The arms' moments are those of the phase that it is in, so a test that was begun anew waits for its end.
        .filter(experiment__status__in=[Status.STOPPED, Status.DECIDED], phase=F("experiment__phase"))
        .exclude(experiment__allocation=Allocation.ADAPTIVE)
        .exclude(results__sample_ratio__flagged=True)
        .defer("moments", "results", "details", "chart_svg", "sentence")
        .select_related("experiment")
        .order_by("-created_at", "-pk")
    )
    arms = Arm.objects.filter(dropped_at__isnull=True).select_related("moments").order_by("position")
    return rows.prefetch_related(Prefetch("experiment__arms", queryset=arms))[:MOST_EXPERIMENTS]


def arms_with_moments(analysis: Analysis) -> list[Arm]:
    """The arms that were counted, the control first, then in their order."""
    arms = [arm for arm in analysis.experiment.arms.all() if hasattr(arm, "moments")]
    return sorted(arms, key=lambda arm: (not arm.is_control, arm.position))


def finished_tests() -> Iterator[FinishedTest]:
    """Finished experiments on their goal where it is a proportion, else on conversion; at least two arms with units."""
    for analysis in finished_analyses():
        metric, column = _goal(analysis)
        counted = [arm for arm in arms_with_moments(analysis) if column in arm.moments.columns]
        whole = sum(arm.weight for arm in counted)
        arms = [_arm(arm, column, whole) for arm in counted]
        if len(found := tuple(arm for arm in arms if arm.units and arm.share)) >= 2:
            yield FinishedTest(analysis.experiment_id, analysis.experiment.key, metric, found)


def _goal(analysis: Analysis) -> tuple[str, str]:
    goal = analysis.experiment.goal_metric
    for entry in analysis.settings.get("metrics", []):
        definition = entry["definition"]
        if definition["key"] == goal and definition.get("kind") == _PROPORTION:
            return goal, definition["numerator"]
    return "conversion", _FALLBACK


def _arm(arm: Arm, column: str, whole: float) -> FinishedArm:
    moments = arm.moments.value()
    mean = float(moments.mean_vector[moments.columns.index(column)]) if moments.n else 0.0
    share = arm.weight / whole if whole else 0.0
    return FinishedArm(arm.key, arm.name, arm.content, arm.is_control, share, moments.n, round(mean * moments.n))
