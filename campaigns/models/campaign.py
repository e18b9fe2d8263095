"""A campaign: one brief for several audiences, and what the shop shows today as the control."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.shop import Audience, Brand, Language, Product, WebAddressField
from experiments.models import Experiment
from models_ml.channels import CHANNELS

# The names are those of models_ml, which knows no catalogue; the pages of a brief bring them into it.
CHANNEL_CHOICES = [(channel.key, _(channel.name)) for channel in CHANNELS.values()]


class CampaignStatus(models.TextChoices):
    """Where a campaign stands; the moves are in campaigns.lifecycle."""

    DRAFT = "draft", _("draft")
    GENERATING = "generating", _("copy is being written")
    REVIEW = "review", _("in review")
    READY = "ready", _("ready to launch")
    SCHEDULED = "scheduled", _("scheduled")
    RUNNING = "running", _("running")
    FINISHED = "finished", _("finished")
    ARCHIVED = "archived", _("archived")


class Goal(models.TextChoices):
    """What the campaign is for; the words are those of a brief."""

    AWARENESS = "awareness", _("make known")
    LAUNCH = "launch", _("launch something new")
    PROMOTE = "promote", _("sell more")
    WIN_BACK = "win_back", _("win back")
    LOYALTY = "loyalty", _("keep and thank")


class Tone(models.TextChoices):
    """How the copy sounds; the words are those of a brief."""

    PLAIN = "plain", _("plain")
    WARM = "warm", _("warm")
    PLAYFUL = "playful", _("playful")
    PREMIUM = "premium", _("premium")
    URGENT = "urgent", _("urgent")


class OfferKind(models.TextChoices):
    """What the shopper gets; the words are those of a brief."""

    NONE = "none", _("no offer")
    PERCENT = "percent", _("percent off")
    AMOUNT = "amount", _("amount off")
    FREE_SHIPPING = "free_shipping", _("free delivery")
    BUNDLE = "bundle", _("bundle")
    GIFT = "gift", _("gift")


class Campaign(models.Model):
    """One idea to sell something. Its copy speaks of the first of its products (`queries.lead_product`).

    `key` has at most 38 characters, so that with the audience's 40 it fits an experiment's key of 80.
    """

    key = models.SlugField(_("key"), max_length=38, unique=True)
    name = models.CharField(_("name"), max_length=120)
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="campaigns", verbose_name=_("brand"))
    language = models.CharField(_("language"), max_length=2, choices=Language.choices)
    channel = models.CharField(_("channel"), max_length=20, choices=CHANNEL_CHOICES)
    goal = models.CharField(_("goal"), max_length=20, choices=Goal.choices, default=Goal.PROMOTE)
    tone = models.CharField(_("tone"), max_length=20, choices=Tone.choices, default=Tone.PLAIN)
    offer_kind = models.CharField(_("offer"), max_length=20, choices=OfferKind.choices, default=OfferKind.NONE)
    offer_value = models.CharField(
        _("offer value"),
        max_length=60,
        blank=True,
        help_text=_("20 for 20 % off; an amount in the shop's currency; the least order for free delivery; or words."),
    )
    code = models.CharField(_("code"), max_length=30, blank=True)
    deadline = models.DateField(_("last day"), null=True, blank=True)
    landing_url = WebAddressField(_("landing page"), max_length=500, blank=True)
    products = models.ManyToManyField(Product, related_name="campaigns", verbose_name=_("products"))
    audiences = models.ManyToManyField(Audience, related_name="campaigns", verbose_name=_("audiences"))
    control_headline = models.TextField(_("headline shown today"), max_length=300, blank=True)
    control_body = models.TextField(_("text shown today"), max_length=1000, blank=True)
    control_call_to_action = models.TextField(_("call to action shown today"), max_length=100, blank=True)
    # --- the plan: filled by the planner, used at the launch ---
    coverage = models.FloatField(_("share of shoppers in the test"), default=1.0)
    planned_units = models.PositiveBigIntegerField(_("shoppers planned for each audience"), null=True, blank=True)
    plan = models.JSONField(_("plan"), null=True, blank=True, editable=False)
    starts_at = models.DateTimeField(_("starts"), null=True, blank=True)
    # --- the circuit breaker: while it is pulled everyone gets the control ---
    tripped_at = models.DateTimeField(_("stopped by the circuit breaker"), null=True, blank=True, editable=False)
    tripped_reason = models.CharField(_("why"), max_length=500, blank=True, editable=False)
    status = models.CharField(
        _("state"), max_length=12, choices=CampaignStatus.choices, default=CampaignStatus.DRAFT, editable=False
    )
    created_by = models.ForeignKey(
        "core.User", models.SET_NULL, null=True, related_name="campaigns", verbose_name=_("made by"), editable=False
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["-created_at"]
        permissions = [("trip_campaign", _("Can pull and reset the circuit breaker of a campaign"))]
        constraints = [
            models.CheckConstraint(condition=Q(coverage__gt=0, coverage__lte=1), name="campaigns_coverage_0_to_1")
        ]
        indexes = [models.Index(fields=["starts_at"], name="campaigns_due", condition=Q(status="scheduled"))]

    def __str__(self) -> str:
        return self.name


class CampaignDraft(models.Model):
    """A brief that is not finished: what its author has entered so far, page by page, before a campaign is made of it.

    `data` maps field names to what was entered, whether it can be used or not; `step` is the page to go on with.
    """

    owner = models.ForeignKey("core.User", models.CASCADE, related_name="drafts", verbose_name=_("made by"))
    name = models.CharField(_("name"), max_length=120, blank=True)
    step = models.CharField(_("step"), max_length=20, default="brief")
    data = models.JSONField(_("entered"), default=dict, blank=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("unfinished brief")
        verbose_name_plural = _("unfinished briefs")
        ordering = ["-changed_at"]

    def __str__(self) -> str:
        return self.name or f"#{self.pk}"


class CampaignExperiment(models.Model):
    """The experiment of one audience of a launched campaign. `position` is the order in which audiences are tried.

    `rule` is the audience's as it stood at the launch: changing the audience later must move nobody.
    """

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="experiment_links", verbose_name=_("campaign"))
    audience = models.ForeignKey(Audience, models.PROTECT, related_name="experiment_links", verbose_name=_("audience"))
    experiment = models.OneToOneField(
        Experiment, models.PROTECT, related_name="campaign_link", verbose_name=_("experiment")
    )
    position = models.PositiveSmallIntegerField(_("position"))
    rule: models.JSONField[list[dict[str, Any]]] = models.JSONField(_("rule at the launch"), default=list, blank=True)

    class Meta:
        verbose_name = _("campaign experiment")
        verbose_name_plural = _("campaign experiments")
        ordering = ["campaign", "position"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "audience"], name="campaigns_one_experiment_each"),
            models.UniqueConstraint(fields=["campaign", "position"], name="campaigns_experiment_position"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.audience_id}"
