"""The registry: model versions, what was measured of them, and how far each has come."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from models_ml.lifecycle import Kind, Stage

STAGES = [
    (Stage.CANDIDATE.value, _("candidate")),
    (Stage.STAGED.value, _("staged")),
    (Stage.PRODUCTION.value, _("production")),
    (Stage.RETIRED.value, _("retired")),
]
KINDS = [
    (Kind.WRITER.value, _("writes copy")),
    (Kind.SCORER.value, _("scores copy")),
    (Kind.BASE.value, _("to be trained further")),
]


class ModelVersion(models.Model):
    """One set of weights that can write or score. `location` is a folder or a hub id, as transformers takes it.

    `replaced` is the version that was in production before this one: a roll back leads there.
    """

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=10, choices=KINDS, default=Kind.WRITER.value)
    base = models.CharField(_("base"), max_length=500, blank=True)
    method = models.CharField(_("method"), max_length=20, blank=True)
    location = models.CharField(_("location"), max_length=500)
    stage = models.CharField(_("stage"), max_length=10, choices=STAGES, default=Stage.CANDIDATE.value)
    content_hash = models.CharField(_("hash of the weights"), max_length=64, blank=True)
    tokenizer_hash = models.CharField(_("hash of the tokenizer"), max_length=64, blank=True)
    code_version = models.CharField(_("code version"), max_length=64, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("size"), null=True, blank=True)
    dataset = models.ForeignKey("DatasetVersion", models.PROTECT, null=True, blank=True, related_name="versions")
    run = models.OneToOneField("TrainingRun", models.PROTECT, null=True, blank=True, related_name="version")
    card = models.JSONField(_("card"), default=dict, blank=True)
    # --- what was measured; models_ml.gate says which figures the gate reads ---
    metrics = models.JSONField(_("measures"), default=dict, blank=True)
    forgetting = models.JSONField(_("forgetting"), default=dict, blank=True)
    robustness = models.JSONField(_("robustness"), default=dict, blank=True)
    safety = models.JSONField(_("safety"), default=dict, blank=True)
    gate = models.JSONField(_("report of the gate"), default=dict, blank=True)
    check_job = models.ForeignKey("core.Job", models.SET_NULL, null=True, blank=True, related_name="+")
    checked_at = models.DateTimeField(_("checked"), null=True, blank=True)
    # --- its life ---
    replaced = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    promoted_at = models.DateTimeField(_("promoted"), null=True, blank=True)
    created_by = models.ForeignKey("core.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("registered"), auto_now_add=True)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-created_at", "-id"]
        permissions = [
            ("check_modelversion", "Can have model versions checked, and stage and retire them"),
            ("promote_modelversion", "Can promote model versions and roll back"),
            ("override_gate", "Can promote against a failing gate, with a written reason"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["location", "content_hash"], name="models_ml_version_once"),
            models.UniqueConstraint(
                fields=["kind"], name="models_ml_one_production", condition=Q(stage=Stage.PRODUCTION.value)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.content_hash[:8]})" if self.content_hash else self.name
