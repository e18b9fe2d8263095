"""What leaves the platform for other systems: webhooks, each event of theirs as a row until it is taken."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class WebhookEvent(models.TextChoices):
    """What a webhook may be told."""

    COPY_SUBMITTED = "copy.submitted", _("copy waits for review")
    COPY_APPROVED = "copy.approved", _("copy was approved")
    COPY_REJECTED = "copy.rejected", _("copy was rejected")
    CAMPAIGN_LAUNCHED = "campaign.launched", _("a campaign was launched")
    CAMPAIGN_FINISHED = "campaign.finished", _("a campaign has ended")
    CAMPAIGN_TRIPPED = "campaign.tripped", _("a circuit breaker was pulled")
    EXPERIMENT_VERDICT = "experiment.verdict", _("an experiment has a new verdict")
    MESSAGE_PUSH = "message.push", _("a push message is to be sent")
    MESSAGE_SMS = "message.sms", _("a text message is to be sent")
    PING = "ping", _("a try")


# What is told today; the others are kept for what is still to come and offered nowhere.
TOLD_EVENTS = (
    WebhookEvent.COPY_SUBMITTED,
    WebhookEvent.COPY_APPROVED,
    WebhookEvent.COPY_REJECTED,
    WebhookEvent.CAMPAIGN_LAUNCHED,
    WebhookEvent.CAMPAIGN_FINISHED,
    WebhookEvent.CAMPAIGN_TRIPPED,
    WebhookEvent.EXPERIMENT_VERDICT,
    WebhookEvent.MESSAGE_PUSH,
    WebhookEvent.MESSAGE_SMS,
)


class Webhook(models.Model):
    """An address of another system that is told of events. `secret` signs; it is shown once and never logged."""

    name = models.CharField(_("name"), max_length=100)
    url = models.CharField(_("address"), max_length=500)
    secret = models.CharField(max_length=100, editable=False)
    events = ArrayField(models.CharField(max_length=40, choices=WebhookEvent.choices), verbose_name=_("is told of"))
    is_active = models.BooleanField(_("active"), default=True)
    created_by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+", verbose_name=_("made by"))
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class DeliveryState(models.TextChoices):
    """Where one event for one webhook stands."""

    WAITING = "waiting", _("waiting")
    SENT = "sent", _("taken")
    FAILED = "failed", _("given up")


class WebhookDelivery(models.Model):
    """One event for one webhook. `key` is the same in every attempt, so that the other side can drop repeats."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries", verbose_name=_("webhook"))
    event = models.CharField(_("event"), max_length=40, choices=WebhookEvent.choices)
    key = models.CharField(_("idempotency key"), max_length=120)
    payload = models.JSONField(_("content"), default=dict)
    state = models.CharField(_("state"), max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(_("last answer"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    sent_at = models.DateTimeField(_("taken at"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["webhook", "key"], name="core_webhook_event_once")]
        indexes = [
            models.Index(fields=["next_attempt_at"], name="core_webhook_due", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.key}"
