"""Folding new events into per-unit totals and per-arm moments, each exactly once.

One transaction reads the next events after the cursor, changes totals and moments, and moves the cursor. The cursor's
row is locked throughout, so folds queue up; a fold that dies leaves nothing behind, and the next does the same work.

A known unit's event is added to its totals. A unit that is exposed for the first time, or earlier than known, is
totalled anew from its stored events: that is how a click that arrived before its exposure comes to count. Both ways
use one rule (services.unit_totals), and moments change by taking out the unit's old row and putting in the new one.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from django.db import OperationalError, connection, transaction

from experiments.models import ArmMoments, EventKind, Experiment, FoldCursor, UnitTotals
from experiments.services.ingest import FENCE_LOCK
from experiments.services.unit_totals import CLOCK_SLACK, Seen, count, countable, seen, total_up, vector
from experiments.stats.metrics import UNIT_COLUMNS
from experiments.stats.moments import Moments

logger = logging.getLogger(__name__)

BATCH = 10_000
FENCE_PATIENCE = "2s"
LOCK_NOT_AVAILABLE = "55P03"
TOTALS = [field.attname for field in UnitTotals._meta.concrete_fields if field.name not in {"id", "experiment", "unit"}]

Pair = tuple[int, str]


def fold_events(limit: int = BATCH) -> int:
    """Fold at most `limit` events. Returns how many were passed; less than `limit` where nothing is left.

    0 also where an ingest has held the fence for two seconds: the next call goes on.
    """
    high = last_committed()
    if high is None:
        return 0
    with transaction.atomic():
        cursor = hold_cursor()
        events = list(_next(cursor.sequence, high, limit))
        if events:
            Batch(events, through=events[-1].sequence).fold()
        # Numbers of refused duplicates and of transactions that failed are never used: the cursor steps over them.
        cursor.sequence = events[-1].sequence if len(events) == limit else max(high, cursor.sequence)
        cursor.save()
    return len(events)


def last_committed() -> int | None:
    """The highest sequence number given out, at an instant when no ingest is in flight; None where that never came."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Without a limit, one ingest that hangs would make all others queue up behind us.
            cursor.execute(f"set local lock_timeout = '{FENCE_PATIENCE}'")
            cursor.execute("select pg_advisory_xact_lock(%s)", [FENCE_LOCK])
            cursor.execute("select case when is_called then last_value else 0 end from experiments_event_sequence")
            row = cursor.fetchone()
            cursor.execute("set local lock_timeout = 0")
            return int(row[0]) if row else None
    except OperationalError as problem:
        if getattr(problem.__cause__, "pgcode", None) != LOCK_NOT_AVAILABLE:
            raise
        logger.warning("the fold waits: an ingest is still in flight")
        return None


def hold_cursor() -> FoldCursor:
    """The cursor, locked until the end of the transaction."""
    FoldCursor.objects.bulk_create([FoldCursor(id=1)], ignore_conflicts=True)
    return FoldCursor.objects.select_for_update().get(id=1)


def exclude_after_stop(experiment: Experiment) -> None:
    """Take back what is counted already of times after the stop (a sender's clock may run ahead). In a transaction."""
    cursor = hold_cursor()
    late = UnitTotals.objects.filter(experiment=experiment, last_event_at__gt=experiment.stopped_at)
    if known := list(late):
        Batch((), through=cursor.sequence).total_anew(known, {experiment.pk: experiment})


def _next(after: int, through: int, limit: int) -> Iterable[Seen]:
    if after >= through:
        return ()
    fresh = countable().filter(sequence__gt=after, sequence__lte=through).order_by("sequence")
    return seen(fresh[:limit])


class Batch:
    """The work on one batch: what it knows of the units in it, which are totalled anew, and what changed."""

    def __init__(self, events: Sequence[Seen], *, through: int) -> None:
        self.events = events
        self.through = through
        self.known: dict[Pair, UnitTotals] = {}
        self.before: dict[Pair, tuple[int, list[float]] | None] = {}
        self.anew: dict[Pair, datetime] = {}
        self.experiments: dict[int, Experiment] = {}

    def fold(self) -> None:
        """Count the batch."""
        self._load()
        self._find_new_exposures()
        self._add_to_known()
        self._finish()

    def total_anew(self, known: Iterable[UnitTotals], experiments: dict[int, Experiment]) -> None:
        """Total these units from their stored events, whatever was counted before."""
        self.experiments = experiments
        self.known = {(totals.experiment_id, totals.unit): totals for totals in known}
        self.anew = {pair: totals.first_exposed_at for pair, totals in self.known.items()}
        self._finish()

    # --- what is known ------------------------------------------------------------------------------------------
    def _load(self) -> None:
        units = {event.unit for event in self.events}
        for totals in UnitTotals.objects.filter(unit__in=units):
            self.known[totals.experiment_id, totals.unit] = totals
        named = {event.experiment_id for event in self.events if event.experiment_id is not None}
        self.experiments = Experiment.objects.in_bulk(named | {pair[0] for pair in self.known})

    def _find_new_exposures(self) -> None:
        for event in self.events:
            if event.kind != EventKind.EXPOSURE or event.experiment_id not in self.experiments:
                continue
            pair = (event.experiment_id, event.unit)
            earliest = self._first_exposed(pair)
            # At the very same time too: which arm is the first is then decided by the ids of all its exposures.
            if earliest is None or event.occurred_at <= earliest:
                self.anew[pair] = event.occurred_at

    def _first_exposed(self, pair: Pair) -> datetime | None:
        if pair in self.anew:
            return self.anew[pair]
        return self.known[pair].first_exposed_at if pair in self.known else None

    # --- the common way: one more event of a known unit ---------------------------------------------------------
    def _add_to_known(self) -> None:
        of_unit: dict[str, list[Pair]] = defaultdict(list)
        for pair in self.known.keys() - self.anew.keys():
            of_unit[pair[1]].append(pair)
        for event in self.events:
            for pair in of_unit.get(event.unit, ()):
                self._remember(pair)
                count(self.known[pair], event, self.experiments[pair[0]])

    def _remember(self, pair: Pair) -> None:
        if pair not in self.before:
            totals = self.known.get(pair)
            counted = totals is not None and not totals.in_two_arms
            self.before[pair] = (totals.arm_id, vector(totals)) if totals and counted else None

    # --- the thorough way: all events of a unit ------------------------------------------------------------------
    def _finish(self) -> None:
        gone: list[int] = []
        for pair in self.anew:
            self._remember(pair)
        stored = self._events_of_anew()
        for pair in self.anew:
            totals = total_up(pair[1], self.experiments[pair[0]], stored[pair[1]])
            old = self.known.pop(pair, None)
            if totals is not None:
                self.known[pair] = totals
            elif old is not None:
                gone.append(old.pk)
        self._save(gone)
        self._change_moments()

    def _events_of_anew(self) -> dict[str, list[Seen]]:
        """All stored events that can count for the units totalled anew, read through the days that can hold them."""
        units_from: dict[date, set[str]] = defaultdict(set)
        starts: dict[str, date] = {}
        for (_, unit), first in self.anew.items():
            day = (first - CLOCK_SLACK).astimezone(UTC).date()
            starts[unit] = min(day, starts.get(unit, day))
        for unit, day in starts.items():
            units_from[day].add(unit)
        stored: dict[str, list[Seen]] = defaultdict(list)
        for day, units in units_from.items():
            for event in seen(countable().filter(unit__in=units, day__gte=day, sequence__lte=self.through)):
                stored[event.unit].append(event)
        return stored

    # --- writing ------------------------------------------------------------------------------------------------
    def _save(self, gone: list[int]) -> None:
        changed = [self.known[pair] for pair in self.before if pair in self.known]
        UnitTotals.objects.bulk_create(
            changed,
            batch_size=2000,
            update_conflicts=True,
            unique_fields=["experiment", "unit"],
            update_fields=TOTALS,
        )
        if gone:
            UnitTotals.objects.filter(pk__in=gone).delete()

    def _change_moments(self) -> None:
        taken: dict[int, list[list[float]]] = defaultdict(list)
        put: dict[int, list[list[float]]] = defaultdict(list)
        latest: dict[int, datetime] = {}
        for pair, old in self.before.items():
            totals = self.known.get(pair)
            new = (totals.arm_id, vector(totals)) if totals and not totals.in_two_arms else None
            if old != new:
                for rows, value in ((taken, old), (put, new)):
                    if value is not None:
                        rows[value[0]].append(value[1])
            if totals is not None:
                latest[totals.arm_id] = max(totals.last_event_at, latest.get(totals.arm_id, totals.last_event_at))
        arms = taken.keys() | put.keys() | latest.keys()
        rows_of_arms = list(ArmMoments.objects.filter(arm__in=arms))
        for row in rows_of_arms:
            row.take(_exchanged(row.value(), put=put[row.arm_id], taken=taken[row.arm_id]))
            row.last_event_at = max(filter(None, (row.last_event_at, latest.get(row.arm_id))), default=None)
        ArmMoments.objects.bulk_update(rows_of_arms, ["n", "columns", "mean", "cross", "last_event_at"])


def _exchanged(moments: Moments, *, put: list[list[float]], taken: list[list[float]]) -> Moments:
    # Put before taken: the count never falls below what is taken out.
    if put:
        moments = moments + Moments.from_rows(UNIT_COLUMNS, put)
    return moments - Moments.from_rows(UNIT_COLUMNS, taken) if taken else moments
