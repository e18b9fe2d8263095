"""What models learn from: the files that were handed in, and the dataset versions that were built from them.

A version is what its content hash says: building the same rows again gives no second version, it points to the first.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Task(models.TextChoices):
    """What a row teaches; models_ml.data says which columns each has."""

    COPY = "copy", _("writing copy from a brief")
    TEXT = "text", _("reading the shop's texts")
    LABELS = "labels", _("sorting texts by label")
    PAIRS = "pairs", _("preferring one copy to another")


class BuildStatus(models.TextChoices):
    """How far a dataset version is. `duplicate`: built, and found to hold what another version holds."""

    BUILDING = "building", _("being built")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")
    DUPLICATE = "duplicate", _("same as another")


class SourceFile(models.Model):
    """One file as it was handed in, kept under its SHA-256 and never changed."""

    name = models.CharField(_("name"), max_length=200)
    format = models.CharField(_("format"), max_length=10)
    path = models.CharField(_("kept in"), max_length=500)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size_bytes = models.PositiveBigIntegerField(_("size"))
    origin = models.CharField(_("comes from"), max_length=40, default="upload")
    created_by = models.ForeignKey("core.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("handed in"), auto_now_add=True)

    class Meta:
        verbose_name = _("source file")
        verbose_name_plural = _("source files")
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["sha256", "format"], name="models_ml_source_once")]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """One cleaned, split and hashed set of rows. `plan` says from which files and how; `report` what was dropped."""

    name = models.CharField(_("name"), max_length=120)
    task = models.CharField(_("teaches"), max_length=10, choices=Task.choices)
    plan = models.JSONField(_("plan"), default=dict)
    status = models.CharField(_("state"), max_length=10, choices=BuildStatus.choices, default=BuildStatus.BUILDING)
    # Over the files and the plan: asking twice for the same is one building.
    request_key = models.CharField(max_length=64, editable=False)
    content_hash = models.CharField(_("hash of the rows"), max_length=64, blank=True)
    counts = models.JSONField(_("rows"), default=dict, blank=True)
    report = models.JSONField(_("report"), default=dict, blank=True)
    sample = models.JSONField(_("sample"), default=list, blank=True)
    folder = models.CharField(_("kept in"), max_length=500, blank=True)
    same_as = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    job = models.ForeignKey("core.Job", models.SET_NULL, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey("core.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)
    ready_at = models.DateTimeField(_("ready"), null=True, blank=True)

    class Meta:
        verbose_name = _("dataset version")
        verbose_name_plural = _("dataset versions")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["content_hash"], name="models_ml_dataset_once", condition=Q(status=BuildStatus.READY.value)
            ),
            models.UniqueConstraint(
                fields=["request_key"],
                name="models_ml_dataset_asked_once",
                condition=Q(status__in=[BuildStatus.BUILDING.value, BuildStatus.READY.value]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.content_hash[:8]})" if self.content_hash else self.name

    def rows(self, split: str) -> int:
        """Rows of a split; 0 before the version is built."""
        return int(self.counts.get(split, {}).get("rows", 0))
