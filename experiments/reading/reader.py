"""One reading of one experiment: every figure, and from them the verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments import verdicts, wording
from experiments.reading import adaptive, comparing, correcting, guarding, looks, shapes, shrinking, stopped
from experiments.reading.comparing import Compared
from experiments.reading.returns import returns
from experiments.reading.settings import AnalysisSettings, ArmData, Metric
from experiments.stats import sample_ratio
from experiments.stats.results import Interval, finite_or_none

VERSION = 2


@dataclass(frozen=True, slots=True)
class Found:
    """One comparison with its words and its corrected p-value."""

    compared: Compared
    change: wording.Change
    corrected: float


class Reader:
    """One reading. Dropped arms are shown and compared with nothing; the control is the first arm where none is."""

    def __init__(self, arms: Sequence[ArmData], settings: AnalysisSettings) -> None:
        self.settings = settings
        self.arms = [_with_marked(arm) for arm in arms] if settings.include_marked else list(arms)
        self.active = [arm for arm in self.arms if not arm.dropped] or self.arms
        self.control = next((arm for arm in self.active if arm.is_control), self.active[0])
        self.others = [arm for arm in self.active if arm is not self.control]
        self.units = sum(arm.moments.n for arm in self.active)
        self.weight = math.fsum(arm.weight for arm in self.active)
        self.found: dict[str, list[Found]] = {}

    def results(self) -> dict[str, Any]:
        """Everything, in the order a page shows it."""
        settings = self.settings
        ratio = self._sample_ratio()
        shown = [self._metric(metric) for metric in settings.metrics if self._is_shown(metric)]
        guardrails = [entry for one in settings.guardrails for entry in self._guardrail(one)]
        planned = [self._planned(self.control, arm) for arm in self.others]
        earned = returns(settings, self.control, self.others, planned=planned)
        return {
            "version": VERSION,
            "mode": settings.mode,
            "design": "adaptive" if settings.adaptive else settings.method,
            "confidence": settings.confidence,
            "as_of": settings.as_of,
            "currency": settings.currency,
            "units": self.units,
            "planned_units": settings.planned_units,
            "two_arms": settings.two_arms,
            "with_marked": settings.include_marked,
            "look": self._look(),
            "arms": [self._arm(arm) for arm in self.arms],
            "sample_ratio": ratio,
            "metrics": shown,
            "guardrails": guardrails,
            "roi": earned,
            "verdict": self._verdict(ratio, guardrails, earned),
        }

    # --- arms and their shares --------------------------------------------------------------------------------
    def _arm(self, arm: ArmData) -> dict[str, Any]:
        total = sum(one.moments.n for one in self.arms)
        return {
            "key": arm.key,
            "name": arm.name,
            "is_control": arm is self.control,
            "units": arm.moments.n,
            "share": arm.moments.n / total if total else 0.0,
            "dropped": arm.dropped,
        }

    def _sample_ratio(self) -> dict[str, Any]:
        test = sample_ratio.sequential if self.settings.mode == "running" else sample_ratio.chi_square
        found = test([arm.moments.n for arm in self.active], adaptive.expected_weights(self.active))
        return {
            "p_value": found.p_value,
            "statistic": finite_or_none(found.statistic),
            "flagged": found.mismatch,
            "arms": [
                {"key": arm.key, "observed": observed, "expected": expected}
                for arm, observed, expected in zip(self.active, found.observed, found.expected, strict=True)
            ],
        }

    def _planned(self, *arms: ArmData) -> float:
        return comparing.planned_for(self.settings, math.fsum(arm.weight for arm in arms) / self.weight)

    def _look(self) -> dict[str, Any] | None:
        """Where a group sequential experiment stands between its looks."""
        settings = self.settings
        if settings.method != "group_sequential" or not settings.planned_units:
            return None
        planned_looks = settings.planned_looks or looks.DEFAULT_LOOKS
        running = settings.mode == "running"
        return {
            "taken": len(settings.information),
            "of": planned_looks,
            "information": list(settings.information),
            "next_at": looks.next_at(self.units, planned=settings.planned_units, looks=planned_looks)
            if running
            else None,
        }

    # --- metrics ----------------------------------------------------------------------------------------------
    def _is_shown(self, metric: Metric) -> bool:
        columns = metric.definition.columns()
        if not all(set(columns) <= set(arm.moments.columns) for arm in self.active):
            return False
        return metric.always or any(arm.moments.total(columns[-1]) for arm in self.active)

    def _metric(self, metric: Metric) -> dict[str, Any]:
        is_goal = metric.key == self.settings.goal_metric
        found = self.found[metric.key] = self._find(metric, is_goal=is_goal)
        return shapes.metric_head(metric, is_goal=is_goal) | {
            "arms": [
                {"arm": arm.key, "units": arm.moments.n, "value": shapes.bounds(self._value(metric, arm))}
                for arm in self.active
            ],
            "comparisons": [self._comparison(metric, arm, one) for arm, one in zip(self.others, found, strict=True)],
            "estimators": adaptive.estimators(self.settings, metric, self.active) if self.settings.adaptive else [],
        }

    def _value(self, metric: Metric, arm: ArmData) -> Interval:
        if self.settings.adaptive:
            return adaptive.arm_value(self.settings, metric, arm)
        return comparing.arm_value(self.settings, metric, arm, planned=self._planned(arm))

    def _find(self, metric: Metric, *, is_goal: bool) -> list[Found]:
        compared = [self._compare(metric, arm) for arm in self.others]
        if is_goal and len(compared) > 1:
            corrected = correcting.together(self.settings, compared)
        else:
            corrected = [correcting.alone(one.comparison) for one in compared]
        return [
            Found(one, self._change(metric, arm, one, by), by.p_value)
            for arm, one, by in zip(self.others, compared, corrected, strict=True)
        ]

    def _compare(self, metric: Metric, arm: ArmData) -> Compared:
        if self.settings.adaptive and not self.settings.silent:
            return adaptive.compare(self.settings, metric, self.control, arm)
        return comparing.compare(self.settings, metric, self.control, arm, planned=self._planned(self.control, arm))

    def _change(
        self, metric: Metric, arm: ArmData, compared: Compared, corrected: correcting.Corrected
    ) -> wording.Change:
        clear = corrected.p_value < self.settings.alpha and not self.settings.silent
        return wording.Change(
            arm=arm.name,
            control=self.control.name,
            metric=metric.label,
            format=metric.format,
            currency=self.settings.currency,
            lift=corrected.lift,
            difference=corrected.difference,
            verdict=("better" if compared.comparison.better else "worse") if clear else "unclear",
            corrected_for=len(self.others) if metric.key == self.settings.goal_metric else 1,
        )

    def _comparison(self, metric: Metric, arm: ArmData, found: Found) -> dict[str, Any]:
        silent = self.settings.silent
        data = shapes.comparison(arm.key, found.change, found.compared, found.corrected, silent=silent)
        return data | {
            "shrunk": None if silent else shrinking.shrunk(self.settings, metric, found.change, found.compared),
            "adjusted": stopped.adjusted(self.settings, found.change, found.compared),
        }

    # --- guardrails -------------------------------------------------------------------------------------------
    def _guardrail(self, guardrail: guarding.Guardrail) -> list[dict[str, Any]]:
        if self.settings.silent or not self._is_shown(guardrail.metric):
            return []
        return [
            guarding.judged(self.settings, guardrail, arm, self._compare(guardrail.metric, arm)) for arm in self.others
        ]

    # --- verdict ----------------------------------------------------------------------------------------------
    def _verdict(
        self, ratio: dict[str, Any], guardrails: list[dict[str, Any]], earned: list[dict[str, Any]]
    ) -> dict[str, Any]:
        verdict = verdicts.decide(self._facts(ratio, guardrails))
        return {
            "code": verdict.code,
            "arm": verdict.arm,
            "sentence": verdict.sentence,
            "rule": verdict.rule,
            "reasons": [*verdict.advice, *self._reasons(verdict, guardrails, earned)],
            "numbers": verdict.numbers,
        }

    def _facts(self, ratio: dict[str, Any], guardrails: list[dict[str, Any]]) -> verdicts.Facts:
        settings = self.settings
        look = self._look()
        goal = self.found.get(settings.goal_metric, [])
        return verdicts.Facts(
            control_key=self.control.key,
            control=self.control.name,
            metric=next((m.label for m in settings.metrics if m.key == settings.goal_metric), "the goal metric"),
            units=self.units,
            running=settings.mode == "running",
            candidates=tuple(
                self._candidate(arm, one, guardrails) for arm, one in zip(self.others, goal, strict=False)
            ),
            arms=len(self.active),
            planned_units=settings.planned_units,
            shares=self._shares(ratio) if ratio["flagged"] else None,
            measured=bool(goal) and min(arm.moments.n for arm in self.active) >= 2,
            silent=settings.silent,
            next_look=look["next_at"] if look else None,
            hours=settings.hours,
            minimum_hours=settings.minimum_hours,
            loss_threshold=settings.loss_threshold,
        )

    def _shares(self, ratio: dict[str, Any]) -> tuple[list[float], list[float]]:
        """Planned and seen shares."""
        planned, seen = ([entry[name] / self.units for entry in ratio["arms"]] for name in ("expected", "observed"))
        return planned, seen

    def _candidate(self, arm: ArmData, found: Found, guardrails: list[dict[str, Any]]) -> verdicts.Candidate:
        goal = next(metric for metric in self.settings.metrics if metric.key == self.settings.goal_metric)
        mine = [entry for entry in guardrails if entry["arm"] == arm.key]
        shrunk = None if self.settings.silent else shrinking.shrunk(self.settings, goal, found.change, found.compared)
        return verdicts.Candidate(
            key=arm.key,
            change=found.change,
            broken=tuple(entry["label"] for entry in mine if entry["status"] == "failed"),
            unsure=tuple(entry["label"] for entry in mine if entry["status"] == "unclear"),
            loss_ship=shrunk["expected_loss_ship"] if shrunk else None,
            loss_keep=shrunk["expected_loss_keep"] if shrunk else None,
            chance=stopped.chance(self.settings, found.compared),
        )

    def _reasons(
        self, verdict: verdicts.Verdict, guardrails: list[dict[str, Any]], earned: list[dict[str, Any]]
    ) -> list[str]:
        goal = self.found.get(self.settings.goal_metric, [])
        # What the sentence says already is not said again.
        told = verdict.arm if verdict.code == "ship" else None
        reasons = [
            wording.comparison(one.change)
            for other, one in zip(self.others, goal, strict=False)
            if other.key != told and not self.settings.silent
        ]
        if len(goal) > 1 and not self.settings.silent:
            reasons.append(wording.several_arms(len(goal)))
        reasons += [entry["sentence"] for entry in guardrails if entry["status"] != "passed"]
        reasons += [entry["sentence"] for entry in earned if verdict.arm in (None, entry["arm"])]
        if self.settings.adaptive:
            reasons.append(wording.adaptive())
        if taken_out := [arm.name for arm in self.arms if arm.dropped]:
            reasons.append(wording.dropped(taken_out))
        if self.settings.two_arms:
            reasons.append(wording.two_arms(self.settings.two_arms))
        return reasons


def _with_marked(arm: ArmData) -> ArmData:
    return arm if arm.marked is None else replace(arm, moments=arm.moments + arm.marked)
