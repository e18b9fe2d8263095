"""What events fold into: one row a unit, one value of moments an arm, and how far the fold has come.

All three change in one transaction with the cursor (services.fold), which is why each event counts exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from experiments.models.experiment import Arm, Experiment
from experiments.stats.moments import Moments


class UnitTotals(models.Model):
    """Everything that counts of one unit in one experiment. Money is exact, so the order of events cannot matter."""

    experiment = models.ForeignKey(Experiment, models.CASCADE, related_name="+", db_index=False)
    unit = models.CharField(max_length=200)
    arm = models.ForeignKey(Arm, models.CASCADE, related_name="+", db_index=False)
    first_exposed_at = models.DateTimeField()
    last_event_at = models.DateTimeField()
    impressions = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    orders = models.BigIntegerField(default=0)
    converted = models.PositiveSmallIntegerField(default=0)
    revenue = models.DecimalField(max_digits=24, decimal_places=6, default=0)
    margin = models.DecimalField(max_digits=24, decimal_places=6, default=0)
    cost = models.DecimalField(max_digits=24, decimal_places=6, default=0)
    rating_sum = models.DecimalField(max_digits=24, decimal_places=6, default=0)
    rating_count = models.BigIntegerField(default=0)
    detractors = models.BigIntegerField(default=0)
    # 1 where anything happened a day or more after the first exposure.
    returned = models.PositiveSmallIntegerField(default=0)
    pre_clicks = models.BigIntegerField(default=0)
    pre_orders = models.BigIntegerField(default=0)
    pre_revenue = models.DecimalField(max_digits=24, decimal_places=6, default=0)
    # One number for each custom column of the experiment, in their order.
    extra = ArrayField(models.DecimalField(max_digits=24, decimal_places=6), default=list)
    slices = models.JSONField(default=dict)
    batch = models.PositiveIntegerField(null=True)
    in_two_arms = models.BooleanField(default=False)
    # A bot, or seen by prefetching alone: kept, and counted apart.
    is_marked = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("unit")
        verbose_name_plural = _("units")
        constraints = [models.UniqueConstraint(fields=["experiment", "unit"], name="experiments_unit")]
        indexes = [
            models.Index(fields=["unit"], name="experiments_totals_unit"),
            # How many units saw two arms is shown on each result page: it reads those alone.
            models.Index(fields=["experiment"], condition=Q(in_two_arms=True), name="experiments_two_arms"),
        ]

    def __str__(self) -> str:
        return f"{self.experiment_id}/{self.unit}"


class ArmMoments(models.Model):
    """The moments of an arm: all that statistics ever read. `cross` is row major."""

    arm = models.OneToOneField(Arm, models.CASCADE, related_name="moments")
    n = models.BigIntegerField(default=0)
    columns = ArrayField(models.TextField())
    mean = ArrayField(models.FloatField())
    cross = ArrayField(models.FloatField())
    last_event_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("moments of an arm")
        verbose_name_plural = _("moments of arms")

    def __str__(self) -> str:
        return f"{self.arm_id}: {self.n}"

    def value(self) -> Moments:
        """The stored moments as a value."""
        size = len(self.columns)
        return Moments(tuple(self.columns), self.n, np.array(self.mean), np.array(self.cross).reshape(size, size))

    def take(self, moments: Moments) -> None:
        """Put a value into the fields. Does not save."""
        self.n, self.columns = moments.n, list(moments.columns)
        self.mean, self.cross = moments.mean_vector.tolist(), moments.cross.ravel().tolist()

    @classmethod
    def of(cls, arm: Arm, moments: Moments) -> ArmMoments:
        """An unsaved row for an arm; for imports: `ArmMoments.objects.bulk_create([ArmMoments.of(arm, m), ...])`."""
        row = cls(arm=arm)
        row.take(moments)
        return row

    @classmethod
    def empty(cls, arm: Arm, columns: Sequence[str]) -> ArmMoments:
        """An unsaved row of no unit."""
        return cls.of(arm, Moments.empty(columns))


class SliceMoments(models.Model):
    """The moments of the units of an arm that share one value of a dimension.

    Besides the declared dimensions: "day" (of the first exposure, UTC), "marked" (units that count only where results
    are read with bots) and "batch" (of adaptive allocation).
    """

    arm = models.ForeignKey(Arm, models.CASCADE, related_name="slices", db_index=False)
    dimension = models.CharField(max_length=80)
    value = models.CharField(max_length=200)
    n = models.BigIntegerField(default=0)
    columns = ArrayField(models.TextField())
    mean = ArrayField(models.FloatField())
    cross = ArrayField(models.FloatField())

    class Meta:
        verbose_name = _("moments of a slice")
        verbose_name_plural = _("moments of slices")
        constraints = [models.UniqueConstraint(fields=["arm", "dimension", "value"], name="experiments_slice")]

    def __str__(self) -> str:
        return f"{self.arm_id} {self.dimension}={self.value}: {self.n}"

    def moments(self) -> Moments:
        """The stored moments as a value."""
        size = len(self.columns)
        return Moments(tuple(self.columns), self.n, np.array(self.mean), np.array(self.cross).reshape(size, size))

    def take(self, moments: Moments) -> None:
        """Put a value into the fields. Does not save."""
        self.n, self.columns = moments.n, list(moments.columns)
        self.mean, self.cross = moments.mean_vector.tolist(), moments.cross.ravel().tolist()


class UnitIdentity(models.Model):
    """One name of a unit that has several: an anonymous id, the account it turned out to be. All count as `canonical`.

    The canonical name is the one first randomised by, so nobody changes arm by signing in.
    """

    unit = models.CharField(max_length=200, unique=True)
    canonical = models.CharField(max_length=200, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("name of a unit")
        verbose_name_plural = _("names of units")

    def __str__(self) -> str:
        return f"{self.unit} = {self.canonical}"


class FoldCursor(models.Model):
    """One row: the last sequence that was folded. Whoever folds holds it locked."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sequence = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("fold cursor")
        verbose_name_plural = _("fold cursors")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="experiments_one_cursor")]

    def __str__(self) -> str:
        return str(self.sequence)
