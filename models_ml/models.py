"""Tables of what is learned: model versions. Weights stay in files; a row has their place and their hash."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Stage(models.TextChoices):
    """How far a version has come. At most one is in production."""

    CANDIDATE = "candidate", _("candidate")
    STAGED = "staged", _("staged")
    PRODUCTION = "production", _("production")
    RETIRED = "retired", _("retired")


class ModelVersion(models.Model):
    """One set of weights that can write copy. `location` is a folder or a hub id, as transformers takes it."""

    name = models.CharField(_("name"), max_length=120)
    base = models.CharField(_("base"), max_length=200, blank=True)
    location = models.CharField(_("location"), max_length=500)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices, default=Stage.CANDIDATE)
    content_hash = models.CharField(_("hash of the weights"), max_length=64, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("size"), null=True, blank=True)
    card = models.JSONField(_("card"), default=dict, blank=True)
    metrics = models.JSONField(_("measures"), default=dict, blank=True)
    created_at = models.DateTimeField(_("registered"), auto_now_add=True)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["location", "content_hash"], name="models_ml_version_once"),
            models.UniqueConstraint(
                fields=["stage"], name="models_ml_one_production", condition=Q(stage=Stage.PRODUCTION.value)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.content_hash[:8]})" if self.content_hash else self.name
