"""Reads of training runs and their curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core import errors
from models_ml.models import TrainingPoint, TrainingRun

# name of a figure: [(step, value), ...] in the order of the steps
Curves = dict[str, list[tuple[int, float]]]


def training_runs() -> QuerySet[TrainingRun]:
    """All runs, the newest first, with all that a row of the list shows."""
    return TrainingRun.objects.select_related("job", "dataset", "base_version", "created_by", "version").order_by(
        "-created_at", "-id"
    )


def training_run(run_id: int) -> TrainingRun:
    """One run. Raises NotFound."""
    found = training_runs().filter(pk=run_id).first()
    if found is None:
        raise errors.NotFound(_("There is no such training run."))
    return found


def curves_of(runs: Iterable[TrainingRun]) -> dict[int, Curves]:
    """What was measured step by step, by run and name, in one query. Values that were not numbers are left out."""
    found: dict[int, Curves] = defaultdict(lambda: defaultdict(list))
    points = TrainingPoint.objects.filter(run__in=list(runs)).order_by("run_id", "step")
    for run_id, step, values in points.values_list("run_id", "step", "values"):
        for name, value in values.items():
            if value is not None:
                found[run_id][name].append((step, value))
    return {run_id: dict(curves) for run_id, curves in found.items()}
