"""How copy reaches shoppers: placements on pages, waves of messages, one row a message; and the weekly digests sent.

A message has one row per campaign and shopper whatever happens, so that a wave that runs twice sends once. Who may not
be written to (suppressed, without consent or address) is left out before an arm is decided, so the row has none. Who
had enough messages keeps row and arm, and counts in the test like those who were written to (intention to treat): so
whatever becomes of a message, the arms are compared by whom chance put there.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign
from campaigns.models.people import Channel, Shopper
from campaigns.models.shop import Brand
from core.models import Job, User


class Placement(models.Model):
    """A spot on the shop's pages that the JavaScript snippet fills. `public_key` names it there and is no secret."""

    key = models.SlugField(_("key"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    brand = models.ForeignKey(Brand, models.CASCADE, related_name="placements", verbose_name=_("brand"))
    campaign = models.ForeignKey(
        Campaign, models.SET_NULL, null=True, blank=True, related_name="placements", verbose_name=_("campaign")
    )
    public_key = models.CharField(max_length=40, unique=True, editable=False)
    origins = ArrayField(
        models.CharField(max_length=200),
        verbose_name=_("pages of"),
        default=list,
        help_text=_("Origins such as https://shop.example, separated by commas; only their pages may ask."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("placement")
        verbose_name_plural = _("placements")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Wave(models.Model):
    """One sending of a running campaign to its audiences by one channel. `counts` are messages by state."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("being sent")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")
        FAILED = "failed", _("failed")

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="waves", verbose_name=_("campaign"))
    channel = models.CharField(_("channel"), max_length=5, choices=Channel.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    job = models.ForeignKey(Job, models.SET_NULL, related_name="+", null=True, blank=True, verbose_name=_("job"))
    counts = models.JSONField(_("messages"), default=dict, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("made by"))
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    finished_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("wave of messages")
        verbose_name_plural = _("waves of messages")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"], name="campaigns_one_open_wave", condition=Q(state__in=["waiting", "sending"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.channel}"


class Message(models.Model):
    """One message to one shopper, or why there was none. `address` goes when the shop's retention says so."""

    class State(models.TextChoices):
        """What came of it."""

        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        CAPPED = "capped", _("enough messages already")
        SUPPRESSED = "suppressed", _("must not be written to")
        NO_CONSENT = "no_consent", _("has not agreed")
        NO_ADDRESS = "no_address", _("no address is known")

    wave = models.ForeignKey(Wave, models.CASCADE, related_name="messages", verbose_name=_("wave"))
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="messages", verbose_name=_("campaign"))
    shopper = models.ForeignKey(Shopper, models.CASCADE, related_name="messages", verbose_name=_("shopper"))
    experiment_key = models.CharField(max_length=80, blank=True)
    arm_key = models.CharField(_("arm"), max_length=80, blank=True)
    address = models.CharField(_("address"), max_length=300, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.WAITING)
    not_before = models.DateTimeField(_("not before"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.CharField(_("error"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["campaign", "shopper"], name="campaigns_message_once")]
        indexes = [
            models.Index(fields=["wave", "not_before"], name="campaigns_message_due", condition=Q(state="waiting")),
            models.Index(fields=["shopper", "sent_at"], name="campaigns_message_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.shopper_id} {self.state}"


class Digest(models.Model):
    """A weekly digest that was sent to one member: the week is never sent twice."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("member"))
    week = models.DateField(_("week beginning"))
    sent_at = models.DateTimeField(_("sent at"), auto_now_add=True)

    class Meta:
        verbose_name = _("weekly digest")
        verbose_name_plural = _("weekly digests")
        ordering = ["-week"]
        constraints = [models.UniqueConstraint(fields=["user", "week"], name="campaigns_digest_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.week}"
