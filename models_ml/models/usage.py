"""What was asked of which provider, and what it cost. One row a call, however often the call was tried."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ProviderCall(models.Model):
    """One call: `key` is the caller's own name for it, so that telling twice counts once. Texts are not kept here."""

    provider = models.CharField(_("provider"), max_length=40)
    model = models.CharField(_("model"), max_length=500)
    purpose = models.CharField(_("purpose"), max_length=40)
    prompt_tokens = models.PositiveIntegerField(_("tokens in"), default=0)
    completion_tokens = models.PositiveIntegerField(_("tokens out"), default=0)
    seconds = models.FloatField(_("seconds"), default=0)
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=6, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=1)
    outcome = models.CharField(_("outcome"), max_length=40)
    key = models.CharField(max_length=200, unique=True)
    job = models.ForeignKey("core.Job", models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        verbose_name = _("call to a provider")
        verbose_name_plural = _("calls to providers")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["provider", "-created_at"], name="models_ml_call_provider")]

    def __str__(self) -> str:
        return f"{self.provider}: {self.purpose}"
