"""Folding new events into per-unit totals and moments of arms and slices, each exactly once.

One transaction reads the next events after the cursor, changes totals and moments, and moves the cursor. The cursor's
row is locked throughout, so folds queue up; a fold that dies leaves nothing behind, and the next does the same work.

A known unit's event is added to its totals. A unit that is exposed for the first time, or earlier than known, is
totalled anew from its stored events: that is how a click that arrived before its exposure comes to count. Both ways
use one rule (services.counting), and moments change by taking out the unit's old row and putting in the new one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import OperationalError, connection, transaction

from experiments.models import Arm, ArmMoments, Experiment, FoldCursor, SliceMoments, UnitTotals
from experiments.services.counting import Rule, Seen, exposed_units, next_events, table
from experiments.services.counting.batch import Batch, misfitting
from experiments.services.ingest import FENCE_LOCK

logger = logging.getLogger(__name__)

BATCH = 20_000
FENCE_PATIENCE = "2s"
LOCK_NOT_AVAILABLE = "55P03"
# Units totalled anew at a time, which bounds the memory that takes.
ANEW = 10_000


def fold_events(limit: int = BATCH) -> int:
    """Fold at most `limit` events. Returns how many were passed; less than `limit` where nothing is left.

    0 also where an ingest has held the fence for two seconds: the next call goes on.
    """
    high = last_committed()
    if high is None:
        return 0
    with transaction.atomic():
        cursor = hold_cursor()
        events = next_events(cursor.sequence, high, limit)
        if events:
            _fold(events, cursor.sequence)
        # Numbers of refused duplicates and of transactions that failed are never used: the cursor steps over them.
        cursor.sequence = events[-1].sequence if len(events) == limit else max(high, cursor.sequence)
        cursor.save()
    return len(events)


def _fold(events: Sequence[Seen], after: int) -> None:
    batch = Batch(events, after=after)
    misfits = Experiment.objects.filter(pk__in=misfitting(batch.rules))
    for experiment in misfits:
        logger.warning("experiment %s is counted anew: its columns changed", experiment.key)
        _reset(experiment, after)
    if misfits:
        batch = Batch(events, after=after)
    batch.fold()


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
    rule = Rule.of(experiment)
    if misfitting({experiment.pk: rule}):
        _reset(experiment, cursor.sequence)
    elif rule.stopped_at is not None:
        late = [(totals.unit, totals.first_exposed_at) for totals in table.later_than(experiment.pk, rule.stopped_at)]
        _total_anew(experiment.pk, late, cursor.sequence)


def reset_experiment(experiment: Experiment) -> None:
    """Forget what is counted of an experiment and count what is stored, by its rule as it is now. In a transaction.

    For a new phase, and for whatever else changes the rule. Reads all days since the phase began.
    """
    cursor = hold_cursor()
    _reset(Experiment.objects.get(pk=experiment.pk), cursor.sequence)


def _reset(experiment: Experiment, through: int) -> None:
    rule = Rule.of(experiment)
    arms = list(Arm.objects.filter(experiment=experiment))
    UnitTotals.objects.filter(experiment=experiment).delete()
    SliceMoments.objects.filter(arm__in=arms).delete()
    ArmMoments.objects.filter(arm__in=arms).delete()
    ArmMoments.objects.bulk_create(ArmMoments.empty(arm, rule.columns) for arm in arms)
    exposed = exposed_units(experiment.pk, since=rule.phase_started_at, through=through)
    _total_anew(experiment.pk, exposed, through)


def _total_anew(experiment_id: int, units: Sequence[tuple[str, datetime]], through: int) -> None:
    for start in range(0, len(units), ANEW):
        part = {(experiment_id, unit): first for unit, first in units[start : start + ANEW]}
        Batch(after=through, anew=part).fold()
