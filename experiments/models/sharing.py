"""Links that show one report to somebody without an account: signed, with an end, and taken back at once if need be."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import User
from experiments.models.experiment import Experiment


class ReportLink(models.Model):
    """One link. The address carries a signature over the row's id and `nonce`; neither is guessable from the other."""

    experiment = models.ForeignKey(
        Experiment, models.CASCADE, related_name="report_links", verbose_name=_("experiment")
    )
    nonce = models.CharField(max_length=40, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("made by"))
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("ends"))
    revoked_at = models.DateTimeField(_("taken back"), null=True, blank=True)
    views = models.PositiveIntegerField(_("opened"), default=0)
    viewed_at = models.DateTimeField(_("last opened"), null=True, blank=True)

    class Meta:
        verbose_name = _("report link")
        verbose_name_plural = _("report links")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.experiment_id}#{self.pk}"

    def is_usable(self, now: datetime | None = None) -> bool:
        """Neither taken back nor past its end."""
        return self.revoked_at is None and self.expires_at > (now or timezone.now())
