"""The stored moments of an experiment's slices."""

from __future__ import annotations

from collections import defaultdict

from experiments.models import Experiment, SliceMoments
from experiments.stats.moments import Moments

# Kept for every experiment, beside the dimensions that it declares.
OWN = frozenset({"day", "marked", "batch"})


def by_dimension(experiment: Experiment) -> dict[str, dict[str, dict[str, Moments]]]:
    """By dimension and value, the moments of each arm by its key. One query; slices of nobody are left out."""
    found: dict[str, dict[str, dict[str, Moments]]] = defaultdict(lambda: defaultdict(dict))
    rows = SliceMoments.objects.filter(arm__experiment=experiment, n__gt=0).select_related("arm")
    for row in rows.order_by("dimension", "value", "arm__position"):
        found[row.dimension][row.value][row.arm.key] = row.moments()
    return {dimension: dict(values) for dimension, values in found.items()}
