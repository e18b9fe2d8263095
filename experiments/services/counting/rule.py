"""What of an experiment decides how its units are counted: whose events, from when, until when, in which columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from experiments.models import Allocation, EventKind, Experiment
from experiments.services.counting.seen import Seen
from experiments.stats.metrics import UNIT_COLUMNS, CustomColumn, custom_columns

CLOCK_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """What of an experiment decides how its units are counted."""

    experiment_id: int
    currency: str
    phase_started_at: datetime | None
    stopped_at: datetime | None
    window: timedelta | None
    history: timedelta
    cap: float | None
    custom: tuple[CustomColumn, ...]
    places: Mapping[str, tuple[int, ...]]
    dimensions: Mapping[str, frozenset[str]]
    is_adaptive: bool

    @classmethod
    def of(cls, experiment: Experiment) -> Rule:
        """The rule of an experiment as it is now. Raises ValueError for a custom column that cannot be one."""
        custom = custom_columns(experiment.metrics)
        places: defaultdict[str, tuple[int, ...]] = defaultdict(tuple)
        for place, column in enumerate(custom):
            places[column.event] += (place,)
        return cls(
            experiment_id=experiment.pk,
            currency=experiment.currency,
            # Before the first phase there was none whose events could be taken for its own.
            phase_started_at=experiment.phase_started_at if experiment.phase > 1 else None,
            stopped_at=experiment.stopped_at,
            window=_hours(experiment.conversion_window_hours),
            history=timedelta(days=experiment.covariate_days),
            cap=None if experiment.revenue_cap is None else float(experiment.revenue_cap),
            custom=custom,
            places=dict(places),
            dimensions={entry["key"]: frozenset(map(str, entry["values"])) for entry in experiment.dimensions},
            is_adaptive=experiment.allocation == Allocation.ADAPTIVE,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a unit's row in this experiment."""
        return UNIT_COLUMNS + tuple(column.key for column in self.custom)

    @property
    def look_back(self) -> timedelta:
        """How long before the first exposure an event can matter."""
        return CLOCK_SLACK + self.history

    def first_day(self, first_exposed_at: datetime) -> date:
        """The first UTC day whose events can matter for a unit."""
        return (first_exposed_at - self.look_back).astimezone(UTC).date()

    def exposes(self, event: Seen) -> bool:
        """Whether this event is an exposure of the current phase, before the stop."""
        return (
            event.kind == EventKind.EXPOSURE.value
            and event.experiment_id == self.experiment_id
            and not self._before_phase(event.occurred_at)
            and not self._after_stop(event.occurred_at)
        )

    def _before_phase(self, at: datetime) -> bool:
        return self.phase_started_at is not None and at < self.phase_started_at

    def _after_stop(self, at: datetime) -> bool:
        return self.stopped_at is not None and at > self.stopped_at

    def concerns(self, event: Seen, since: timedelta) -> bool:
        """Whether an event can matter at all for a unit whose first exposure lies `since` before it."""
        return (
            event.experiment_id in (None, self.experiment_id)
            and since >= -self.look_back
            and not self._after_stop(event.occurred_at)
        )

    def is_over(self, since: timedelta) -> bool:
        """Whether the conversion window has closed."""
        return self.window is not None and since > self.window


def _hours(hours: int | None) -> timedelta | None:
    return None if hours is None else timedelta(hours=hours)
