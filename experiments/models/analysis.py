"""An analysis: what the moments of one moment in time say. The same moments give the same bytes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
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
    phase = models.PositiveSmallIntegerField(_("phase"), default=1)
    # A planned look of a group sequential design: its number, and the share of the planned units seen by then.
    look = models.PositiveSmallIntegerField(_("look"), null=True, blank=True)
    information = models.FloatField(_("share of the plan"), null=True, blank=True)
    moments = models.JSONField(_("moments, by arm"), default=dict)
    settings = models.JSONField(_("settings"))
    results = models.JSONField(_("results"))
    verdict = models.CharField(_("verdict"), max_length=20)
    sentence = models.TextField(_("sentence"))
    # What needs rows and not moments (quantiles, ranks, slices): made by a worker after the results.
    details = models.JSONField(_("details"), null=True, blank=True)
    chart_svg = models.TextField(blank=True)

    class Meta:
        verbose_name = _("analysis")
        verbose_name_plural = _("analyses")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["experiment", "-created_at"], name="experiments_newest_analysis")]
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "phase", "look"], condition=Q(look__isnull=False), name="experiments_one_look"
            )
        ]

    def __str__(self) -> str:
        return f"{self.experiment_id}: {self.verdict}"


class LearnedPrior(models.Model):
    """What this shop's past experiments say of the next one: the spread of true relative effects on one metric."""

    metric = models.CharField(_("metric"), max_length=80, unique=True)
    experiments = models.PositiveIntegerField(_("experiments"))
    mean = models.FloatField(_("mean effect, log scale"))
    spread = models.FloatField(_("standard deviation of true effects, log scale"))
    details = models.JSONField(_("details"), default=dict)
    updated_at = models.DateTimeField(_("learned"), auto_now=True)

    class Meta:
        verbose_name = _("learned prior")
        verbose_name_plural = _("learned priors")
        ordering = ["metric"]

    def __str__(self) -> str:
        return f"{self.metric}: {self.spread:.3f}"
