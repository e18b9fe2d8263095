"""Shoppers the shop has told us of, what they agreed to, and who must never be written to. All of it is personal data.

A shopper is a unit of the experiments; `unit` is the shop's own id. Consent is a history that is only added to, and
`channels` on the shopper is what it comes to now. An address that is suppressed gets nothing, whatever was agreed.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models import User


class Channel(models.TextChoices):
    """The ways a shopper can be written to."""

    EMAIL = "email", _("e-mail")
    SMS = "sms", _("text message")
    PUSH = "push", _("push")


class Shopper(models.Model):
    """Somebody who buys, or may. `attributes` is what audiences are rules over."""

    unit = models.CharField(_("unit"), max_length=200, unique=True)
    attributes: models.JSONField[dict[str, Any]] = models.JSONField(_("attributes"), default=dict, blank=True)
    email = models.EmailField(_("e-mail address"), max_length=254, blank=True)
    phone = models.CharField(_("telephone"), max_length=32, blank=True)
    push_token = models.CharField(_("push token"), max_length=300, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=60, blank=True)
    channels = ArrayField(
        models.CharField(max_length=5, choices=Channel.choices), verbose_name=_("agreed to"), default=list, blank=True
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("shopper")
        verbose_name_plural = _("shoppers")
        ordering = ["id"]
        indexes = [
            GinIndex(fields=["attributes"], opclasses=["jsonb_path_ops"], name="campaigns_shopper_attributes"),
            models.Index(fields=["email"], name="campaigns_shopper_email"),
        ]

    def __str__(self) -> str:
        # Never the unit or an address: this is what logs and the audit trail write, which outlive an erasure.
        return f"shopper {self.pk}"


class Consent(models.Model):
    """One time a shopper agreed to a channel, or took it back. `source` is where: "checkout", "import", "stop"."""

    shopper = models.ForeignKey(Shopper, models.CASCADE, related_name="consents", verbose_name=_("shopper"))
    channel = models.CharField(_("channel"), max_length=5, choices=Channel.choices)
    given = models.BooleanField(_("agreed"))
    source = models.CharField(_("source"), max_length=80)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.shopper_id} {self.channel} {self.given}"


class Suppression(models.Model):
    """An address or unit that gets nothing by a channel. `value` is in lower case; no `channel` means every channel."""

    class Reason(models.TextChoices):
        """Why."""

        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
        BOUNCED = "bounced", _("the address does not exist")
        COMPLAINED = "complained", _("complained")
        OBJECTED = "objected", _("objected to marketing")
        MANUAL = "manual", _("entered by hand")

    channel = models.CharField(_("channel"), max_length=5, choices=Channel.choices, blank=True)
    value = models.CharField(_("address or unit"), max_length=254)
    reason = models.CharField(_("why"), max_length=12, choices=Reason.choices)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["channel", "value"], name="campaigns_suppressed_once")]

    def __str__(self) -> str:
        return f"suppression {self.pk} ({self.reason})"
