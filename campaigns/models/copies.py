"""Copy and what is said of it: the text as written (with slots) and as shown (filled), findings, reviews.

Two things the database itself holds: the text of an approved copy cannot change, and a review cannot change or vanish
(triggers in migration 0002). A copy's text never changes in any state: an edit is a new row with a `parent`.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaign import Campaign
from campaigns.models.shop import Audience, Product
from core.models import Job, User
from models_ml.models import ModelVersion


class CopyStatus(models.TextChoices):
    """Where a copy stands; the moves are in campaigns.lifecycle."""

    DRAFT = "draft", _("candidate")
    PENDING = "pending", _("waiting for review")
    APPROVED = "approved", _("approved")
    EDITED = "edited", _("replaced by an edit")
    REJECTED = "rejected", _("rejected")
    DISCARDED = "discarded", _("set aside")


class Copy(models.Model):
    """One text for one channel and one audience. `author` is empty where a model wrote it."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="copies", verbose_name=_("campaign"))
    audience = models.ForeignKey(Audience, models.PROTECT, related_name="copies", verbose_name=_("audience"))
    product = models.ForeignKey(
        Product, models.PROTECT, related_name="copies", null=True, blank=True, verbose_name=_("product")
    )
    version = models.PositiveIntegerField(_("version"), default=1)
    parent = models.ForeignKey(
        "self", models.PROTECT, related_name="edits", null=True, blank=True, verbose_name=_("edited from")
    )
    theme = models.CharField(_("theme"), max_length=120, blank=True)
    headline = models.TextField(_("headline"), max_length=300, blank=True)
    body = models.TextField(_("text"), max_length=1000, blank=True)
    call_to_action = models.TextField(_("call to action"), max_length=100, blank=True)
    filled: models.JSONField[dict[str, str]] = models.JSONField(_("as shown"), default=dict)
    status = models.CharField(
        _("state"), max_length=10, choices=CopyStatus.choices, default=CopyStatus.PENDING, db_index=True
    )
    content_hash = models.CharField(_("hash"), max_length=64)
    provenance = models.JSONField(_("provenance"), default=dict, blank=True)
    author = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, blank=True, verbose_name=_("written by")
    )
    requested_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, blank=True, verbose_name=_("asked by")
    )
    job = models.ForeignKey(Job, models.SET_NULL, related_name="+", null=True, blank=True, verbose_name=_("job"))
    candidate_index = models.PositiveIntegerField(null=True, blank=True, editable=False)
    # The first of two approvers, where the brand asks for two; the copy stays pending until the second.
    first_approved_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, blank=True, verbose_name=_("first approved by")
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("copy")
        verbose_name_plural = _("copies")
        ordering = ["campaign", "audience", "id"]
        permissions = [
            ("generate_copy", _("Can ask a model for copy")),
            ("submit_copy", _("Can write copy and hand it in for review")),
            ("review_copy", _("Can approve, edit and reject copy")),
        ]
        constraints = [
            # A task that runs twice stores each candidate once.
            models.UniqueConstraint(
                fields=["job", "audience", "candidate_index"],
                name="campaigns_copy_once_per_job",
                condition=Q(candidate_index__isnull=False),
            ),
            # The same text twice for one audience would be two arms without a difference.
            models.UniqueConstraint(
                fields=["campaign", "audience", "content_hash"],
                name="campaigns_copy_text_once",
                condition=~Q(status__in=["rejected", "edited", "discarded"]),
            ),
            # Of two edits of one copy the second must build on the first.
            models.UniqueConstraint(
                fields=["parent"],
                name="campaigns_copy_one_edit",
                condition=Q(status__in=["draft", "pending", "approved"]),
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="campaigns_copy_version"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "pending"], decided_at=None)
                | ~Q(status__in=["draft", "pending"]) & ~Q(decided_at=None),
                name="campaigns_copy_decided_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shown('headline') or self.theme} (v{self.version})"

    def shown(self, part: str) -> str:
        """One part as the shopper sees it."""
        return str(self.filled.get(part, ""))


class Finding(models.Model):
    """What a rule says of a copy; `start` and `end` are character positions in the part as shown."""

    class Severity(models.TextChoices):
        """How much it weighs: a block must be removed before approval."""

        BLOCK = "block", _("must be changed")
        WARN = "warn", _("look closely")
        INFO = "info", _("for your information")

    copy = models.ForeignKey(Copy, models.CASCADE, related_name="findings", verbose_name=_("copy"))
    rule = models.CharField(_("rule"), max_length=60)
    severity = models.CharField(_("weight"), max_length=5, choices=Severity.choices)
    part = models.CharField(_("part"), max_length=20)
    start = models.PositiveIntegerField(default=0)
    end = models.PositiveIntegerField(default=0)
    excerpt = models.CharField(_("excerpt"), max_length=200, blank=True)
    message = models.CharField(_("what is wrong"), max_length=300)
    remedy = models.CharField(_("what to do"), max_length=300, blank=True)
    # --- which rule of which pack: what a person must be able to look up ---
    pack = models.CharField(_("rule pack"), max_length=40, blank=True)
    pack_version = models.CharField(_("version"), max_length=20, blank=True)
    jurisdiction = models.CharField(_("applies in"), max_length=10, blank=True)
    article = models.CharField(_("article"), max_length=200, blank=True)
    source_url = models.CharField(_("source"), max_length=300, blank=True)
    why = models.CharField(_("why"), max_length=500, blank=True)
    verified = models.BooleanField(_("the rule's official text was read"), default=False)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ["copy", "id"]
        constraints = [models.CheckConstraint(condition=Q(end__gte=F("start")), name="campaigns_finding_range")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


class CopyScore(models.Model):
    """What one scorer expects of a copy: how likely it is to beat what is shown today. Never a fact, so kept apart.

    `effects` are [{"part", "start", "end", "word", "effect"}] over the parts as shown, the strongest first: how much
    the log-odds fall when the word is taken out. Where the text as shown or the control changes, the row goes.
    """

    copy = models.ForeignKey(Copy, models.CASCADE, related_name="scores", verbose_name=_("copy"))
    scorer = models.ForeignKey(ModelVersion, models.CASCADE, related_name="+", verbose_name=_("scorer"))
    beats_control = models.FloatField(_("chance to beat what is shown today"))
    effects = models.JSONField(_("words that moved it"), default=list, blank=True)
    created_at = models.DateTimeField(_("scored"), auto_now_add=True)

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        ordering = ["copy", "-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["copy", "scorer"], name="campaigns_score_once"),
            models.CheckConstraint(
                condition=Q(beats_control__gte=0, beats_control__lte=1), name="campaigns_score_is_chance"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.copy_id}: {self.beats_control:.2f}"


class Review(models.Model):
    """One decision of one person about one copy. `before` and `after` are the written parts; rows never change."""

    class Decision(models.TextChoices):
        """What the person did."""

        APPROVE = "approve", _("approved")
        EDIT = "edit", _("edited")
        REJECT = "reject", _("rejected")

    copy = models.ForeignKey(Copy, models.PROTECT, related_name="reviews", verbose_name=_("copy"))
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("by"))
    decision = models.CharField(_("decision"), max_length=7, choices=Decision.choices)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    diff = models.TextField(_("difference"), blank=True)
    created_at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_decision_display()}: {self.copy_id}"
