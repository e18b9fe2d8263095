"""A training run and the figures it left step by step. How far it is stands in its job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from models_ml.models.registry import ModelVersion


class TrainingRun(models.Model):
    """One fine-tuning of one base on one dataset version. `plan` is all that decides its weights."""

    name = models.CharField(_("name"), max_length=120)
    plan = models.JSONField(_("plan"), default=dict)
    objective = models.CharField(_("objective"), max_length=20)
    method = models.CharField(_("method"), max_length=20)
    seed = models.PositiveBigIntegerField(_("seed"), default=0)
    dataset = models.ForeignKey("DatasetVersion", models.PROTECT, verbose_name=_("dataset"), related_name="runs")
    base = models.CharField(_("base"), max_length=500)
    base_version = models.ForeignKey("ModelVersion", models.PROTECT, null=True, blank=True, related_name="children")
    folder = models.CharField(_("kept in"), max_length=500, blank=True)
    metrics = models.JSONField(_("measures"), default=dict, blank=True)
    # Comes with the form: sending it twice makes one run.
    request_key = models.CharField(max_length=64, unique=True, editable=False)
    job = models.ForeignKey("core.Job", models.SET_NULL, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey("core.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def model_version(self) -> ModelVersion | None:
        """The version registered from this run, if it came so far."""
        try:
            return self.version
        except ObjectDoesNotExist:
            return None


class TrainingPoint(models.Model):
    """What was measured at one step: a resumed run overwrites what it passes again."""

    run = models.ForeignKey(TrainingRun, models.CASCADE, related_name="points")
    step = models.PositiveIntegerField(_("step"))
    values = models.JSONField(_("values"), default=dict)

    class Meta:
        verbose_name = _("training point")
        verbose_name_plural = _("training points")
        ordering = ["run", "step"]
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="models_ml_point_once")]

    def __str__(self) -> str:
        return f"step {self.step}"
