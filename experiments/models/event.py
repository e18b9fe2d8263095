"""Raw events: one partition a day, added to and never changed.

The table is made by SQL (0002): Django knows its columns and not its partitions. A day's rows are unique by id, so the
key of an event is (UTC day it occurred on, id). `sequence` is the order of arrival, which the fold follows.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class EventKind(models.TextChoices):
    """What happened to a unit."""

    EXPOSURE = "exposure", _("exposure")
    CLICK = "click", _("click")
    CONVERSION = "conversion", _("conversion")
    RATING = "rating", _("rating")
    COST = "cost", _("cost")
    CUSTOM = "custom", _("custom")


class Event(models.Model):
    """One thing that happened to a unit. `value` is revenue, stars or an amount, by kind."""

    pk = models.CompositePrimaryKey("day", "id")
    id = models.CharField(max_length=100)
    day = models.DateField()
    sequence = models.BigIntegerField()
    kind = models.CharField(max_length=20, choices=EventKind.choices)
    # No foreign key constraints: each would cost a lookup and a row lock for every event.
    experiment_id = models.BigIntegerField(null=True)
    arm_id = models.BigIntegerField(null=True)
    unit = models.CharField(max_length=200)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    value = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    margin = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    currency = models.CharField(max_length=3, null=True)  # noqa: DJ001 - most events have none
    is_bot = models.BooleanField(default=False)
    # A browser fetched the page ahead: nobody may ever have seen it.
    is_prefetch = models.BooleanField(default=False, db_default=False)
    # What a custom event is called.
    name = models.CharField(max_length=80, null=True)  # noqa: DJ001 - only custom events have one
    properties = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["sequence"], name="experiments_event_sequence_idx"),
            models.Index(fields=["unit"], name="experiments_event_unit_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
