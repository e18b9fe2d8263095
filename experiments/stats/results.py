"""What a comparison of two arms says: small frozen values that can be stored as JSON and read back.

One `Comparison` comes from one method: its p-value, interval, lift interval and chance to win are four readings of
one statistic, so a page that shows them together cannot contradict itself. An open side of an interval is an infinity
here and null in JSON, which has no infinities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal, Self

Direction = Literal["increase", "decrease"]
Alternative = Literal["two-sided", "greater", "less"]


class Note(StrEnum):
    """Why a result is undefined, open or to be read with care. Codes: the words shown to people are a page's
    business.
    """

    TOO_FEW_UNITS = "too_few_units"  # an arm has fewer units than the method needs for a variance
    NO_VARIATION = "no_variation"  # both arms are constant, so there is no noise to judge a difference by
    NO_DENOMINATOR = "no_denominator"  # a ratio metric whose denominator is zero in an arm (nobody rated, nobody saw)
    CONTROL_NOT_POSITIVE = "control_not_positive"  # a relative change from zero or below has no meaning
    LIFT_UNBOUNDED = "lift_unbounded"  # the control is too near zero for the data to bound the relative change
    SMALL_COUNTS = "small_counts"  # an expected cell below 5: read the exact test beside it
    COST_UNCHANGED = "cost_unchanged"  # the arms' costs do not differ beyond noise, so a return per cost is not bounded
    COST_SAVED = "cost_saved"  # the treatment costs less: a return on extra cost has no meaning, look at the profit


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds; a bound is infinite where the data give none, the estimate NaN where there is
    none.
    """

    estimate: float
    lower: float
    upper: float
    confidence: float

    def __contains__(self, value: float) -> bool:
        return self.lower <= value <= self.upper

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.lower) and math.isfinite(self.upper)

    def shifted(self, by: float) -> Interval:
        """The interval of the same quantity plus a constant."""
        return Interval(self.estimate + by, self.lower + by, self.upper + by, self.confidence)

    def to_dict(self) -> dict[str, float | None]:
        """JSON-safe form: an unknown estimate and an open end are null."""
        return {
            "estimate": finite_or_none(self.estimate),
            "lower": finite_or_none(self.lower),
            "upper": finite_or_none(self.upper),
            "confidence": self.confidence,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, float | None]) -> Self:
        """The value that `to_dict` wrote; null is read by its place (lower: minus infinity, upper: plus, estimate:
        NaN).
        """
        return cls(
            estimate=_or(data["estimate"], math.nan),
            lower=_or(data["lower"], -math.inf),
            upper=_or(data["upper"], math.inf),
            confidence=_or(data["confidence"], math.nan),
        )


@dataclass(frozen=True, slots=True)
class ArmEstimate:
    """One arm's metric: units, value and the standard error of the value (both NaN where undefined)."""

    n: int
    value: float
    standard_error: float

    @property
    def variance(self) -> float:
        """Variance of the estimate itself, not of a unit."""
        return self.standard_error**2

    def to_dict(self) -> dict[str, float | int | None]:
        """JSON-safe form."""
        return {
            "n": self.n,
            "value": finite_or_none(self.value),
            "standard_error": finite_or_none(self.standard_error),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, float | None]) -> Self:
        """The value that `to_dict` wrote; null is NaN."""
        return cls(int(_or(data["n"], 0)), _or(data["value"], math.nan), _or(data["standard_error"], math.nan))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Treatment against control by one method.

    `difference` is treatment - control in the metric's unit; `lift` is treatment/control - 1, None where it has no
    meaning (see `notes`). `p_value` is two-sided unless `alternative` says otherwise. `chance_to_win` is the
    flat-prior posterior probability that the treatment is better in the metric's `direction`; at fixed horizon that
    is the one-sided tail of the same statistic. For an always-valid method it is read from the always-valid p-value
    in the same way, hence cautious.
    """

    control: ArmEstimate
    treatment: ArmEstimate
    difference: Interval
    lift: Interval | None
    p_value: float
    standard_error: float
    statistic: float
    degrees_of_freedom: float | None
    chance_to_win: float
    method: str
    direction: Direction = "increase"
    alternative: Alternative = "two-sided"
    notes: tuple[Note, ...] = field(default=())

    @property
    def significant(self) -> bool:
        """Whether zero difference is rejected at the confidence of the interval; the same question as `0 not in
        difference`.
        """
        return self.p_value < 1 - self.difference.confidence

    @property
    def better(self) -> bool:
        """Whether the point estimate is on the good side, whatever its noise."""
        estimate = self.difference.estimate
        return estimate > 0 if self.direction == "increase" else estimate < 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe form; undefined numbers and open ends are null."""
        return asdict(self) | {
            "control": self.control.to_dict(),
            "treatment": self.treatment.to_dict(),
            "difference": self.difference.to_dict(),
            "lift": None if self.lift is None else self.lift.to_dict(),
            "standard_error": finite_or_none(self.standard_error),
            "statistic": finite_or_none(self.statistic),
            "degrees_of_freedom": None if self.degrees_of_freedom is None else finite_or_none(self.degrees_of_freedom),
            "notes": [note.value for note in self.notes],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The value that `to_dict` wrote, for results that were stored."""
        return cls(
            **dict(data)
            | {
                "control": ArmEstimate.from_dict(data["control"]),
                "treatment": ArmEstimate.from_dict(data["treatment"]),
                "difference": Interval.from_dict(data["difference"]),
                "lift": None if data["lift"] is None else Interval.from_dict(data["lift"]),
                "standard_error": _or(data["standard_error"], math.nan),
                "statistic": _or(data["statistic"], math.nan),
                "notes": tuple(Note(note) for note in data["notes"]),
            }
        )


def finite_or_none(value: float) -> float | None:
    """The number, or None where JSON has no way to write it."""
    return float(value) if math.isfinite(value) else None


def _or(value: float | None, fallback: float) -> float:
    return fallback if value is None else float(value)
