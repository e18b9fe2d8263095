"""From the moments of each arm to results with a verdict. Pure: no database, no clock; the same input, the same bytes.

A running experiment is read by confidence sequences, which hold at every look; a finished one at fixed horizon. With
several arms the goal metric's p-values are corrected by Holm's method, and that decides the verdict; other metrics
inform and decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from scipy import special

from experiments import wording
from experiments.stats import metrics, multiplicity, proportions, ratios, roi, sample_ratio, sequences
from experiments.stats.inference import Student
from experiments.stats.metrics import MetricDefinition
from experiments.stats.moments import Moments
from experiments.stats.results import ArmEstimate, Comparison, Interval, Note, finite_or_none

VERSION = 1
# Where no plan says how many units will come: the size at which a running interval is narrowest. It costs little to
# be wrong by ten (the interval is about a tenth wider).
DEFAULT_PLANNED_UNITS = 20_000

Mode = Literal["running", "final"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with how it is called and shown."""

    definition: MetricDefinition
    label: str
    format: wording.Format

    @property
    def key(self) -> str:
        """The metric's key."""
        return self.definition.key

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """A metric of an import: key, label, kind, numerator; optional denominator, direction, format.

        Raises KeyError or ValueError for what makes no metric.
        """
        definition = MetricDefinition(
            data["key"], data["kind"], data["numerator"], data.get("denominator"), data.get("direction", "increase")
        )
        fallback = "share" if definition.kind == "proportion" else "number"
        return cls(definition, data.get("label") or data["key"], data.get("format", fallback))


FORMATS: dict[str, wording.Format] = {"revenue_per_shopper": "money", "satisfaction": "rating"}
DEFAULT_METRICS = tuple(
    Metric(definition, wording.LABELS[definition.key], FORMATS.get(definition.key, "share"))
    for definition in metrics.DEFAULT_METRICS
)


@dataclass(frozen=True, slots=True)
class ArmData:
    """An arm as statistics see it. `weight` is relative to the other arms'."""

    key: str
    name: str
    is_control: bool
    weight: float
    moments: Moments


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """How to read the moments. `planned_units` is the total over all arms; `as_of` an ISO time or None."""

    mode: Mode
    goal_metric: str = "conversion"
    confidence: float = 0.95
    planned_units: int | None = None
    as_of: str | None = None
    currency: str = "USD"
    two_arms: int = 0
    metrics: tuple[Metric, ...] = DEFAULT_METRICS

    @property
    def alpha(self) -> float:
        """1 - confidence."""
        return 1 - self.confidence

    def to_dict(self) -> dict[str, Any]:
        """For storing beside the results."""
        return asdict(self)


def analyse_arms(arms: Sequence[ArmData], *, settings: AnalysisSettings) -> dict[str, Any]:
    """Results of an experiment as JSON-safe data (docs/events.md names the parts). Control: the first arm if none is.

    Raises ValueError for fewer than two arms, or a proportion whose column is not 0/1.
    """
    if len(arms) < 2:
        raise ValueError(f"arms: {len(arms)} of them cannot be compared")
    return Reader(arms, settings).results()


class Reader:
    """One reading of one experiment."""

    def __init__(self, arms: Sequence[ArmData], settings: AnalysisSettings) -> None:
        self.arms = arms
        self.settings = settings
        self.control = next((arm for arm in arms if arm.is_control), arms[0])
        self.others = [arm for arm in arms if arm is not self.control]
        self.units = sum(arm.moments.n for arm in arms)
        self.weight = math.fsum(arm.weight for arm in arms)

    def results(self) -> dict[str, Any]:
        """Everything, in the order a page shows it."""
        settings = self.settings
        ratio = self._sample_ratio()
        changes: dict[str, list[tuple[wording.Change, Comparison]]] = {}
        shown = [self._metric(metric, changes) for metric in settings.metrics if self._measured(metric)]
        returns = self._returns()
        return {
            "version": VERSION,
            "mode": settings.mode,
            "confidence": settings.confidence,
            "as_of": settings.as_of,
            "currency": settings.currency,
            "units": self.units,
            "planned_units": settings.planned_units,
            "two_arms": settings.two_arms,
            "arms": [self._arm(arm) for arm in self.arms],
            "sample_ratio": ratio,
            "metrics": shown,
            "roi": returns,
            "verdict": self._verdict(ratio, changes.get(settings.goal_metric, []), returns),
        }

    # --- arms and their shares --------------------------------------------------------------------------------
    def _arm(self, arm: ArmData) -> dict[str, Any]:
        return {
            "key": arm.key,
            "name": arm.name,
            "is_control": arm is self.control,
            "units": arm.moments.n,
            "share": arm.moments.n / self.units if self.units else 0.0,
        }

    def _sample_ratio(self) -> dict[str, Any]:
        test = sample_ratio.sequential if self.settings.mode == "running" else sample_ratio.chi_square
        found = test([arm.moments.n for arm in self.arms], [arm.weight for arm in self.arms])
        return {
            "p_value": found.p_value,
            "statistic": finite_or_none(found.statistic),
            "flagged": found.mismatch,
            "arms": [
                {"key": arm.key, "observed": observed, "expected": expected}
                for arm, observed, expected in zip(self.arms, found.observed, found.expected, strict=True)
            ],
        }

    def _planned(self, *arms: ArmData) -> float:
        share = math.fsum(arm.weight for arm in arms) / self.weight
        return max((self.settings.planned_units or DEFAULT_PLANNED_UNITS) * share, 1.0)

    # --- metrics ----------------------------------------------------------------------------------------------
    def _measured(self, metric: Metric) -> bool:
        return all(set(metric.definition.columns()) <= set(arm.moments.columns) for arm in self.arms)

    def _metric(self, metric: Metric, changes: dict[str, list[tuple[wording.Change, Comparison]]]) -> dict[str, Any]:
        compared = [self._compare(metric, arm) for arm in self.others]
        is_goal = metric.key == self.settings.goal_metric
        p_values = [comparison.p_value for comparison in compared]
        corrected = multiplicity.holm(p_values).tolist() if is_goal else p_values
        found = [
            (self._change(metric, arm, comparison, p_value), comparison)
            for arm, comparison, p_value in zip(self.others, compared, corrected, strict=True)
        ]
        changes[metric.key] = found
        return {
            "key": metric.key,
            "label": metric.label,
            "format": metric.format,
            "direction": metric.definition.direction,
            "is_goal": is_goal,
            "arms": [
                {"arm": arm.key, "units": arm.moments.n, "value": bounds(self._value(metric, arm))} for arm in self.arms
            ],
            "comparisons": [
                comparison_data(arm.key, *pair, p_value)
                for arm, pair, p_value in zip(self.others, found, corrected, strict=True)
            ],
        }

    def _compare(self, metric: Metric, arm: ArmData) -> Comparison:
        return metrics.compare(
            metric.definition,
            self.control.moments,
            arm.moments,
            confidence=self.settings.confidence,
            sequence=self._planned(self.control, arm) if self.settings.mode == "running" else None,
        )

    def _change(self, metric: Metric, arm: ArmData, comparison: Comparison, p_value: float) -> wording.Change:
        clear = p_value < self.settings.alpha
        return wording.Change(
            arm=arm.name,
            control=self.control.name,
            metric=metric.label,
            format=metric.format,
            currency=self.settings.currency,
            lift=comparison.lift,
            difference=comparison.difference,
            verdict=("better" if comparison.better else "worse") if clear else "unclear",
            corrected_for=len(self.others) if metric.key == self.settings.goal_metric else 1,
        )

    def _value(self, metric: Metric, arm: ArmData) -> Interval:
        """An arm's own value with its interval: Wilson's or Student's, or the confidence sequence while it runs."""
        confidence, definition, moments = self.settings.confidence, metric.definition, arm.moments
        if definition.kind == "proportion" and self.settings.mode == "final":
            return proportions.wilson(metrics.counts_of(moments, definition.numerator), confidence=confidence)
        estimate = ratios.arm_ratio(moments, definition.numerator, definition.denominator)
        if moments.n < 2 or math.isnan(estimate.standard_error):
            return Interval(estimate.value, -math.inf, math.inf, confidence)
        half = self._critical(estimate, arm) * estimate.standard_error
        lower = estimate.value - half
        # What is counted cannot be negative; only money can.
        lower = lower if metric.format == "money" else max(lower, 0.0)
        upper = min(estimate.value + half, 1.0) if definition.kind == "proportion" else estimate.value + half
        return Interval(estimate.value, lower, upper, confidence)

    def _critical(self, estimate: ArmEstimate, *arms: ArmData) -> float:
        alpha = self.settings.alpha
        if self.settings.mode == "final":
            return Student(max(estimate.n - 1, 1)).critical(alpha)
        rho = sequences.exact_rho(self._planned(*arms), alpha=alpha)
        return sequences.ConfidenceSequence(estimate.n, rho).critical(alpha)

    # --- return ------------------------------------------------------------------------------------------------
    def _returns(self) -> list[dict[str, Any]]:
        """One entry an arm; none where no cost was ever recorded."""
        columns = {"margin", "cost"}
        if not all(columns <= set(arm.moments.columns) for arm in self.arms):
            return []
        if not any(arm.moments.total("cost") for arm in self.arms):
            return []
        return [self._return(arm) for arm in self.others]

    def _return(self, arm: ArmData) -> dict[str, Any]:
        found = roi.return_on_cost(self.control.moments, arm.moments, confidence=self._roi_confidence(arm))
        verdict = _roi_verdict(found)
        sentence = wording.roi(
            arm.name,
            verdict,
            profit=found.profit.difference,
            net=found.net if found.net is not None and found.net.bounded else None,
            currency=self.settings.currency,
        )
        return {
            "arm": arm.key,
            "incremental_margin": bounds(found.margin.difference),
            "incremental_cost": bounds(found.cost.difference),
            "profit": bounds(found.profit.difference),
            "roi": None if found.net is None else bounds(found.net),
            "verdict": verdict,
            "sentence": sentence,
        }

    def _roi_confidence(self, arm: ArmData) -> float:
        """While it runs, the level at which a plain interval is as wide as the confidence sequence at this look."""
        n = self.control.moments.n + arm.moments.n
        if self.settings.mode == "final" or n < 1:
            return self.settings.confidence
        rho = sequences.exact_rho(self._planned(self.control, arm), alpha=self.settings.alpha)
        critical = sequences.ConfidenceSequence(n, rho).critical(self.settings.alpha)
        # Where the sequence is wider than any double can say, the widest that Student's quantile still has.
        return min(float(1 - 2 * special.ndtr(-critical)), 1 - 1e-12)

    # --- verdict -----------------------------------------------------------------------------------------------
    def _verdict(
        self,
        ratio: dict[str, Any],
        goal: list[tuple[wording.Change, Comparison]],
        returns: list[dict[str, Any]],
    ) -> dict[str, Any]:
        code, arm, sentence = self._judge(ratio, goal)
        # What the sentence says already is not said again.
        told = arm if code == "ship" else None
        reasons = [
            wording.comparison(change)
            for other, (change, _) in zip(self.others, goal, strict=False)
            if other.key != told
        ]
        if len(goal) > 1:
            reasons.append(wording.several_arms(len(goal)))
        reasons += [entry["sentence"] for entry in returns if arm in (None, entry["arm"])]
        if self.settings.two_arms:
            reasons.append(wording.two_arms(self.settings.two_arms))
        return {"code": code, "arm": arm, "sentence": sentence, "reasons": reasons}

    def _judge(
        self, ratio: dict[str, Any], goal: list[tuple[wording.Change, Comparison]]
    ) -> tuple[str, str | None, str]:
        label = next((m.label for m in self.settings.metrics if m.key == self.settings.goal_metric), "the goal metric")
        if ratio["flagged"]:
            shares = [[entry[name] / self.units for entry in ratio["arms"]] for name in ("expected", "observed")]
            return "invalid", None, wording.invalid(*shares)
        running = self.settings.mode == "running"
        if not goal or min(arm.moments.n for arm in self.arms) < 2:
            if running:
                return "keep_running", None, wording.keep_running(label, self.units, self.settings.planned_units)
            return "cannot_tell", None, wording.no_data(label)
        winners = [place for place, (change, _) in enumerate(goal) if change.verdict == "better"]
        if winners:
            best = max(winners, key=lambda place: abs(goal[place][1].difference.estimate))
            return "ship", self.others[best].key, wording.ship(goal[best][0])
        if all(change.verdict == "worse" for change, _ in goal):
            return "keep", self.control.key, wording.keep(self.control.name, label, len(self.arms))
        planned = self.settings.planned_units
        if running and (planned is None or self.units < planned):
            return "keep_running", None, wording.keep_running(label, self.units, planned)
        return "cannot_tell", None, wording.cannot_tell(label, self.units, running=running)


def _roi_verdict(found: roi.Return) -> str:
    if found.profit.difference.lower > 0:
        return "pays"
    if found.profit.difference.upper < 0:
        return "loses"
    if found.net is None or Note.TOO_FEW_UNITS in found.notes:
        return "undefined"
    return "unclear"


def comparison_data(arm: str, change: wording.Change, found: Comparison, p_value_corrected: float) -> dict[str, Any]:
    """One comparison for JSON. `p_value` is the test's own; `p_value_corrected` decides."""
    return {
        "arm": arm,
        "difference": bounds(found.difference),
        "lift": None if found.lift is None else bounds(found.lift),
        "p_value": found.p_value,
        "p_value_corrected": p_value_corrected,
        "chance_to_win": found.chance_to_win,
        "method": found.method,
        "verdict": change.verdict,
        "sentence": wording.comparison(change),
        "notes": [note.value for note in found.notes],
    }


def bounds(interval: Interval) -> dict[str, float | None]:
    """Estimate and ends; what is unknown or open is null."""
    return {
        "estimate": finite_or_none(interval.estimate),
        "lower": finite_or_none(interval.lower),
        "upper": finite_or_none(interval.upper),
    }
