"""An analysis: what the moments of one moment in time say. The same moments give the same bytes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from experiments.models.experiment import Experiment


class Analysis(models.Model):
    """Results of one experiment at one time, with the sentence a marketer reads."""

    experiment = models.ForeignKey(
        Experiment, models.CASCADE, related_name="analyses", verbose_name=_("experiment"), db_index=False
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    is_final = models.BooleanField(_("final"), default=False)
    inputs_hash = models.CharField(max_length=64)
    settings = models.JSONField(_("settings"))
    results = models.JSONField(_("results"))
    verdict = models.CharField(_("verdict"), max_length=20)
    sentence = models.TextField(_("sentence"))
    chart_svg = models.TextField(blank=True)

    class Meta:
        verbose_name = _("analysis")
        verbose_name_plural = _("analyses")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["experiment", "-created_at"], name="experiments_newest_analysis")]

    def __str__(self) -> str:
        return f"{self.experiment_id}: {self.verdict}"
