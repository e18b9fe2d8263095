"""What the shop is: its brands, what it sells with past prices, and the audiences it speaks to.

Names and descriptions stand in English and Chinese side by side. An empty one falls back to the other language, so a
shop that fills in one language only is complete.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.models import Job, User

currency_code = RegexValidator(r"^[A-Z]{3}$", _("Three capital letters, such as USD or CNY."))


class WebAddressField(models.URLField[str | None, str]):
    """A URL field whose form reads `shop.test` as https, without Django 5.2's warning about the coming default."""

    def formfield(self, **kwargs: Any) -> Any:
        """The form's field, which takes an address without a scheme as https."""
        return super().formfield(**{"assume_scheme": "https", **kwargs})

    def deconstruct(self) -> Any:
        """As the plain field: the column is the same."""
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.URLField", arguments, options


class Language(models.TextChoices):
    """The languages copy is written in."""

    EN = "en", _("English")
    ZH = "zh", _("Chinese")


class Brand(models.Model):
    """A name that speaks: its voice and the words it never uses."""

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=60)
    voice = models.CharField(
        _("voice"), max_length=200, blank=True, help_text=_("How the brand speaks, in a few words with commas.")
    )
    tone = models.CharField(_("usual tone"), max_length=20, default="plain")
    banned_words = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("banned words"),
        default=list,
        blank=True,
        help_text=_("Words that copy for this brand must not contain, separated by commas."),
    )
    preferred_words = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("preferred words"),
        default=list,
        blank=True,
        help_text=_("Words the brand likes to use, separated by commas."),
    )
    # [{"text", "language": "en" | "zh" | "", "channels": [...], "jurisdictions": [...]}]; an empty list means all.
    disclaimers: models.JSONField[list[dict[str, Any]]] = models.JSONField(
        _("required disclaimers"), default=list, blank=True
    )
    default_language = models.CharField(_("language"), max_length=2, choices=Language.choices, default=Language.EN)
    jurisdictions = ArrayField(
        models.CharField(max_length=10),
        verbose_name=_("sells in"),
        default=list,
        blank=True,
        help_text=_("Codes such as US, EU, CN, separated by commas."),
    )
    second_approver_from = models.PositiveIntegerField(
        _("second approver from (shoppers)"),
        null=True,
        blank=True,
        help_text=_("Copy for an audience of at least this many shoppers needs two approvers. Empty: one is enough."),
    )
    # --- messages: who sends them, when not, and how many at most ---
    sender_name = models.CharField(_("sender's name"), max_length=80, blank=True)
    sender_email = models.EmailField(_("sender's address"), max_length=254, blank=True)
    postal_address = models.CharField(_("postal address"), max_length=300, blank=True)
    quiet_from = models.TimeField(_("no messages from"), null=True, blank=True)
    quiet_until = models.TimeField(_("no messages until"), null=True, blank=True)
    cap_messages = models.PositiveSmallIntegerField(
        _("messages a shopper gets at most"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    cap_days = models.PositiveSmallIntegerField(_("within (days)"), default=7, validators=[MinValueValidator(1)])
    members: models.ManyToManyField[User, models.Model] = models.ManyToManyField(
        "core.User",
        related_name="brands",
        verbose_name=_("members"),
        blank=True,
        help_text=_("Only they and administrators see the brand. Nobody chosen: the whole team does."),
    )

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """Something on sale. `attributes` is {"en": {"material": "cotton"}, "zh": {"material": "棉"}}."""

    sku = models.CharField(_("SKU"), max_length=60, unique=True)
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="products", verbose_name=_("brand"))
    category = models.CharField(_("category"), max_length=60, blank=True)
    name_en = models.CharField(_("name in English"), max_length=120, blank=True)
    name_zh = models.CharField(_("name in Chinese"), max_length=120, blank=True)
    description_en = models.TextField(_("description in English"), max_length=4000, blank=True)
    description_zh = models.TextField(_("description in Chinese"), max_length=4000, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    list_price = models.DecimalField(
        _("list price"), max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("currency"), max_length=3, default="USD", validators=[currency_code])
    stock = models.PositiveIntegerField(_("in stock"), default=0)
    image_url = WebAddressField(_("image"), max_length=500, blank=True)
    url = WebAddressField(_("page in the shop"), max_length=500, blank=True)
    is_active = models.BooleanField(_("on sale"), default=True)
    # Where the row came from, and the other system's name for it; an import recognises its own rows by these.
    source = models.CharField(_("source"), max_length=20, blank=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["sku"]
        constraints = [
            models.CheckConstraint(condition=~Q(name_en="") | ~Q(name_zh=""), name="campaigns_product_named"),
            models.CheckConstraint(condition=Q(price__gte=0), name="campaigns_product_price"),
        ]

    def __str__(self) -> str:
        return f"{self.name('en')} ({self.sku})"

    def name(self, language: str) -> str:
        """The name in a language, else in the other."""
        return self._in(language, "name")

    def description(self, language: str) -> str:
        """The description in a language, else in the other."""
        return self._in(language, "description")

    def attributes_in(self, language: str) -> dict[str, str]:
        """The attributes in a language, else in the other; only texts."""
        found = self.attributes.get(language) or self.attributes.get("zh" if language == "en" else "en") or {}
        return {str(key): str(value) for key, value in found.items()}

    def _in(self, language: str, field: str) -> str:
        other = "zh" if language == "en" else "en"
        return str(getattr(self, f"{field}_{language}") or getattr(self, f"{field}_{other}"))


class PriceRecord(models.Model):
    """A price as it stood at one time: what a reduction is measured against."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="prices", verbose_name=_("product"))
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2)
    list_price = models.DecimalField(_("list price"), max_digits=12, decimal_places=2, null=True, blank=True)
    seen_at = models.DateTimeField(_("seen"))

    class Meta:
        verbose_name = _("price record")
        verbose_name_plural = _("price records")
        ordering = ["-seen_at"]
        constraints = [models.UniqueConstraint(fields=["product", "seen_at"], name="campaigns_price_once")]

    def __str__(self) -> str:
        return f"{self.product_id} {self.price} {self.seen_at:%Y-%m-%d}"


class ProductImport(models.Model):
    """One product feed: the file as it came, how its columns are read, and what came of each row.

    `counts` are rows by outcome (created, updated, unchanged, failed); `problems` [{"row", "sku", "field", "message"}].
    """

    class State(models.TextChoices):
        """Where it stands."""

        PREVIEW = "preview", _("waits for a look")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    brand = models.ForeignKey(Brand, models.CASCADE, related_name="imports", verbose_name=_("brand"))
    name = models.CharField(_("file"), max_length=200)
    path = models.CharField(max_length=300, editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    format = models.CharField(_("format"), max_length=20)
    language = models.CharField(_("language"), max_length=2, choices=Language.choices, default=Language.EN)
    currency = models.CharField(_("currency"), max_length=3, default="USD", validators=[currency_code])
    mapping = models.JSONField(_("columns"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PREVIEW)
    counts = models.JSONField(_("rows"), default=dict, blank=True)
    problems = models.JSONField(_("rows that were left out"), default=list, blank=True)
    job = models.ForeignKey(Job, models.SET_NULL, related_name="+", null=True, blank=True, verbose_name=_("job"))
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", verbose_name=_("made by"))
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    finished_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("product import")
        verbose_name_plural = _("product imports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class Audience(models.Model):
    """Shoppers described by a rule over their attributes; an empty rule is everybody. See campaigns.audiences."""

    key = models.SlugField(_("key"), max_length=40, unique=True)
    name_en = models.CharField(_("name in English"), max_length=80)
    name_zh = models.CharField(_("name in Chinese"), max_length=80, blank=True)
    description_en = models.CharField(_("description in English"), max_length=300, blank=True)
    description_zh = models.CharField(_("description in Chinese"), max_length=300, blank=True)
    rule: models.JSONField[list[dict[str, Any]]] = models.JSONField(_("rule"), default=list, blank=True)
    is_archived = models.BooleanField(_("put away"), default=False)

    class Meta:
        verbose_name = _("audience")
        verbose_name_plural = _("audiences")
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name_en

    def name(self, language: str) -> str:
        """The name in a language, else in English."""
        return (self.name_zh if language == "zh" else "") or self.name_en

    def description(self, language: str) -> str:
        """The description in a language, else in English."""
        return (self.description_zh if language == "zh" else "") or self.description_en
