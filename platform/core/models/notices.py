"""What members are told, and how they want to be told; and the few settings of the whole shop."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class NoticeKind(models.TextChoices):
    """What a member may be told of."""

    REVIEW = "review", _("copy waits for my review")
    DECIDED = "decided", _("my copy was approved or rejected")
    VERDICT = "verdict", _("an experiment has a new verdict")
    ALERT = "alert", _("a guardrail was broken or a circuit breaker pulled")
    JOB = "job", _("a job of mine failed")
    DIGEST = "digest", _("the weekly digest")


# What the platform tells today; the other kinds are kept for what is still to come and offered nowhere.
TOLD = (NoticeKind.REVIEW, NoticeKind.DECIDED, NoticeKind.VERDICT, NoticeKind.ALERT, NoticeKind.DIGEST)
# A digest of the week is a letter; on the home page stands what it tells of.
BY_EMAIL_ONLY = frozenset({NoticeKind.DIGEST})


class Notice(models.Model):
    """One thing one member is told: on the home page, and by e-mail where the member wants that."""

    user = models.ForeignKey("core.User", models.CASCADE, related_name="notices", verbose_name=_("member"))
    kind = models.CharField(_("kind"), max_length=10, choices=NoticeKind.choices)
    key = models.CharField(max_length=120, editable=False)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"), blank=True)
    url = models.CharField(_("page"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("at"), auto_now_add=True)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    wants_email = models.BooleanField(default=False, editable=False)
    emailed_at = models.DateTimeField(_("sent by e-mail"), null=True, blank=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="core_notice_once")]
        indexes = [
            models.Index(fields=["user"], name="core_notice_unread", condition=Q(read_at=None)),
            models.Index(fields=["id"], name="core_notice_to_mail", condition=Q(wants_email=True, emailed_at=None)),
        ]

    def __str__(self) -> str:
        return self.subject


class NoticeChoice(models.Model):
    """How one member wants to be told of one kind. Without a row: on the home page only; the digest not at all."""

    user = models.ForeignKey("core.User", models.CASCADE, related_name="notice_choices", verbose_name=_("member"))
    kind = models.CharField(_("kind"), max_length=10, choices=NoticeKind.choices)
    on_page = models.BooleanField(_("on the home page"), default=True)
    by_email = models.BooleanField(_("by e-mail"), default=False)

    class Meta:
        verbose_name = _("notification choice")
        verbose_name_plural = _("notification choices")
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="core_notice_choice_once")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.kind}"


class ShopSettings(models.Model):
    """The settings of the whole shop that are kept in the database: one row. Empty: what the environment says."""

    event_retention_days = models.PositiveIntegerField(
        _("keep raw events for (days)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(36_500)],
        help_text=_("Results stay; only raw events go. 0 keeps them for ever. Empty: what the environment says."),
    )
    message_retention_days = models.PositiveIntegerField(
        _("keep sent messages for (days)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(36_500)],
        help_text=_("Addresses of sent messages are forgotten after this many days. Empty: never."),
    )
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("shop settings")
        verbose_name_plural = _("shop settings")
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="core_shop_settings_one_row")]

    def __str__(self) -> str:
        return "shop settings"

    @classmethod
    def current(cls) -> ShopSettings:
        """The row, or an unsaved one with nothing set."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)
