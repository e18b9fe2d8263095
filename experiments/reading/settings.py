"""What a reading is made from: arms with their moments, and how they shall be read. All of it can be stored as JSON.

The same inputs give the same results, byte for byte, so an analysis is a row that can be computed again at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from experiments import wording
from experiments.stats import metrics
from experiments.stats.metrics import MetricDefinition
from experiments.stats.moments import Moments

Mode = Literal["running", "final"]
# Empty: a confidence sequence while it runs, one look at the end.
Design = Literal["", "group_sequential", "confidence_sequence", "fixed"]
# Where no plan says how many units will come: the size at which a running interval is narrowest. It costs little to
# be wrong by ten (the interval is about a tenth wider).
DEFAULT_PLANNED_UNITS = 20_000


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with how it is called and shown. One that is not `always` shown needs something to be measured by."""

    definition: MetricDefinition
    label: str
    format: wording.Format
    always: bool = True

    @property
    def key(self) -> str:
        """The metric's key."""
        return self.definition.key

    @classmethod
    def of(cls, definition: MetricDefinition, *, always: bool = True) -> Self:
        """A metric of the catalogue under its own name."""
        fallback: wording.Format = "share" if definition.kind == "proportion" else "number"
        label = wording.LABELS.get(definition.key) or definition.key.replace("_", " ").capitalize()
        return cls(definition, label, FORMATS.get(definition.key, fallback), always)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """A metric that an experiment or an import declares: see `MetricDefinition.from_entry`; label and format too.

        Raises ValueError for what makes no metric.
        """
        made = cls.of(MetricDefinition.from_entry(data))
        return cls(made.definition, data.get("label") or made.label, data.get("format") or made.format)


FORMATS: dict[str, wording.Format] = {
    "ctr": "share",
    "revenue_per_shopper": "money",
    "capped_revenue_per_shopper": "money",
    "margin_per_shopper": "money",
    "cost_per_shopper": "money",
    "order_value": "money",
    "satisfaction": "rating",
    "detractors": "share",
}
DEFAULT_METRICS = (
    *map(Metric.of, metrics.DEFAULT_METRICS),
    # Shown once somebody has rated.
    Metric.of(metrics.CATALOGUE["detractors"], always=False),
)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that must not get worse by more than `margin`: a share of the control's value if `relative`, else in the
    metric's own unit.
    """

    metric: Metric
    margin: float
    relative: bool = True

    def __post_init__(self) -> None:
        if not self.margin >= 0:
            raise ValueError(f"margin: {self.margin} of the guardrail {self.metric.key!r} is negative")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], known: Sequence[Metric]) -> Self:
        """An entry {"metric": key, "margin", "relative"}; the metric is one of the experiment's, or the catalogue's."""
        key = str(data.get("metric") or data.get("key") or "")
        metric = next((metric for metric in known if metric.key == key), None) or Metric.from_dict({"key": key})
        return cls(metric, float(data.get("margin") or 0.0), bool(data.get("relative", True)))


@dataclass(frozen=True, slots=True)
class Prior:
    """What past experiments say of a metric's true relative effects: mean and spread of their logarithm."""

    metric: str
    mean: float
    spread: float
    experiments: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of adaptive allocation in one arm: its share of the batch, and the moments of its units."""

    number: int
    propensity: float
    moments: Moments


@dataclass(frozen=True, slots=True)
class ArmData:
    """An arm as statistics see it. `weight` is relative to the other arms'.

    `marked` are the units that count only where results are read with bots; `batches` those of an adaptive experiment.
    A dropped arm is shown and compared with nothing.
    """

    key: str
    name: str
    is_control: bool
    weight: float
    moments: Moments
    dropped: bool = False
    marked: Moments | None = None
    batches: tuple[Batch, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For storing: the moments, and beside them what else is read of an arm."""
        return {
            **self.moments.to_dict(),
            "name": self.name,
            "is_control": self.is_control,
            "weight": self.weight,
            "dropped": self.dropped,
            "marked": None if self.marked is None else self.marked.to_dict(),
            "batches": [
                {"number": one.number, "propensity": one.propensity, "moments": one.moments.to_dict()}
                for one in self.batches
            ],
        }

    @classmethod
    def from_dict(cls, key: str, data: Mapping[str, Any]) -> Self:
        """The value that `to_dict` wrote."""
        return cls(
            key=key,
            name=data["name"],
            is_control=data["is_control"],
            weight=float(data["weight"]),
            moments=Moments.from_dict(data),
            dropped=data["dropped"],
            marked=None if data["marked"] is None else Moments.from_dict(data["marked"]),
            batches=tuple(
                Batch(one["number"], float(one["propensity"]), Moments.from_dict(one["moments"]))
                for one in data["batches"]
            ),
        )


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """How to read the moments. `planned_units` is the total over all arms; `as_of` an ISO time or None.

    `information` are the shares of the plan at the looks of a group sequential design, the present one last; none yet
    means that nothing is concluded. `hours` is how long it has run. `loss_threshold` is the expected loss (share of the
    goal's value) below which an unclear arm may be chosen.
    """

    mode: Mode
    goal_metric: str = "conversion"
    confidence: float = 0.95
    planned_units: int | None = None
    as_of: str | None = None
    currency: str = "USD"
    two_arms: int = 0
    metrics: tuple[Metric, ...] = DEFAULT_METRICS
    design: Design = ""
    planned_looks: int | None = None
    information: tuple[float, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    priors: tuple[Prior, ...] = ()
    hours: float | None = None
    minimum_hours: int = 0
    loss_threshold: float | None = None
    adaptive: bool = False
    include_marked: bool = False

    @property
    def alpha(self) -> float:
        """1 - confidence."""
        return 1 - self.confidence

    @property
    def method(self) -> Literal["group_sequential", "confidence_sequence", "fixed"]:
        """How figures are read now: the design, or what stands for an empty one."""
        if self.design:
            return self.design
        return "confidence_sequence" if self.mode == "running" else "fixed"

    @property
    def silent(self) -> bool:
        """Whether nothing may be concluded yet: before the first look, or before the end of a fixed design."""
        if self.method == "group_sequential":
            return not self.information
        return self.mode == "running" and self.method == "fixed"

    def prior_of(self, metric: str) -> Prior | None:
        """What past experiments say of a metric, if they say anything."""
        return next((prior for prior in self.priors if prior.metric == metric), None)

    def to_dict(self) -> dict[str, Any]:
        """For storing beside the results."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The value that `to_dict` wrote. Raises KeyError or TypeError for settings of an older version."""
        plain = {one.name: data[one.name] for one in fields(cls)}
        return cls(
            **plain
            | {
                "metrics": tuple(map(_metric, data["metrics"])),
                "information": tuple(map(float, data["information"])),
                "guardrails": tuple(
                    Guardrail(_metric(one["metric"]), one["margin"], one["relative"]) for one in data["guardrails"]
                ),
                "priors": tuple(Prior(**one) for one in data["priors"]),
            }
        )


def _metric(data: Mapping[str, Any]) -> Metric:
    definition = dict(data["definition"])
    definition["covariates"] = tuple(definition["covariates"])
    return Metric(MetricDefinition(**definition), data["label"], data["format"], data["always"])
