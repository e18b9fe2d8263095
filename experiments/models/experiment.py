"""An experiment and its arms. What decides who sees what (seed, weights, coverage) never changes once it ran."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from experiments.lifecycle import Status

STATUSES = [
    (Status.DRAFT.value, _("draft")),
    (Status.RUNNING.value, _("running")),
    (Status.PAUSED.value, _("paused")),
    (Status.STOPPED.value, _("stopped")),
    (Status.DECIDED.value, _("decided")),
]


class Source(models.TextChoices):
    """Where the figures come from."""

    LIVE = "live", _("live")
    IMPORTED = "imported", _("imported")


class Design(models.TextChoices):
    """How a running experiment is read. Empty means: group sequential where a plan is fixed, else open-ended."""

    AUTOMATIC = "", _("automatic")
    GROUP_SEQUENTIAL = "group_sequential", _("group sequential")
    CONFIDENCE_SEQUENCE = "confidence_sequence", _("confidence sequence")
    FIXED = "fixed", _("one look at the end")


class Allocation(models.TextChoices):
    """How units are shared out while it runs."""

    FIXED = "fixed", _("fixed weights")
    ADAPTIVE = "adaptive", _("adaptive (Thompson sampling with floors)")


class Experiment(models.Model):
    """One randomised comparison of arms over units.

    `version` grows with every change of state, so that a cached plan of an older one is never used.
    """

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=200)
    hypothesis = models.TextField(_("hypothesis"), blank=True)
    status = models.CharField(_("status"), max_length=20, choices=STATUSES, default=Status.DRAFT.value)
    source = models.CharField(_("source"), max_length=20, choices=Source.choices, default=Source.LIVE)
    version = models.PositiveIntegerField(default=1, editable=False)
    seed = models.CharField(_("seed"), max_length=200)
    hash_version = models.PositiveSmallIntegerField(_("hash version"), default=2)
    coverage = models.FloatField(_("coverage"), default=1.0)
    namespace = models.JSONField(_("namespace"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    goal_metric = models.CharField(_("goal metric"), max_length=80, default="conversion")
    planned_units = models.PositiveBigIntegerField(_("planned units"), null=True, blank=True)
    planned_end = models.DateTimeField(_("planned end"), null=True, blank=True)
    # --- who may enter ---
    condition = models.JSONField(_("targeting condition"), default=dict, blank=True)
    forced = models.JSONField(_("forced arms, by unit"), default=dict, blank=True)
    holdouts: models.ManyToManyField[Holdout, models.Model] = models.ManyToManyField(
        "Holdout", verbose_name=_("holdouts"), blank=True, related_name="experiments"
    )
    phase = models.PositiveSmallIntegerField(_("phase"), default=1)
    phase_started_at = models.DateTimeField(_("phase started"), null=True, blank=True)
    allocation = models.CharField(_("allocation"), max_length=20, choices=Allocation, default=Allocation.FIXED)
    adaptive_settings = models.JSONField(_("settings of adaptive allocation"), default=dict, blank=True)
    # --- what is measured ---
    metrics = models.JSONField(_("further metrics"), default=list, blank=True)
    guardrails = models.JSONField(_("guardrails"), default=list, blank=True)
    dimensions = models.JSONField(_("dimensions"), default=list, blank=True)
    conversion_window_hours = models.PositiveIntegerField(_("conversion window in hours"), null=True, blank=True)
    covariate_days = models.PositiveSmallIntegerField(_("days of history before the exposure"), default=28)
    revenue_cap = models.DecimalField(_("revenue cap"), max_digits=18, decimal_places=6, null=True, blank=True)
    # --- how it is judged ---
    design = models.CharField(_("design"), max_length=20, choices=Design, default=Design.AUTOMATIC, blank=True)
    planned_looks = models.PositiveSmallIntegerField(_("planned looks"), null=True, blank=True)
    alpha = models.FloatField(_("chance of a false call"), default=0.05)
    minimum_hours = models.PositiveIntegerField(_("hours it runs at least"), default=0)
    pause_on_breach = models.BooleanField(_("pause when a guardrail is broken"), default=True)
    plan = models.JSONField(_("plan"), null=True, blank=True)
    notice = models.JSONField(_("notice"), null=True, blank=True)
    created_by = models.ForeignKey(
        "core.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("made by")
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decision = models.JSONField(_("decision"), null=True, blank=True)
    origin = models.JSONField(_("origin"), null=True, blank=True)
    learned = models.TextField(_("what we learned"), max_length=4000, blank=True)

    class Meta:
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        ordering = ["-created_at", "-id"]
        permissions = [
            ("launch_experiment", "Can start, pause, stop and decide experiments"),
            ("import_experiment", "Can import past experiments"),
            ("share_report", "Can share a report by a link"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in Status]), name="experiments_experiment_status"
            ),
            models.CheckConstraint(condition=Q(coverage__gte=0, coverage__lte=1), name="experiments_coverage_0_to_1"),
            models.CheckConstraint(condition=Q(alpha__gt=0, alpha__lt=1), name="experiments_alpha_0_to_1"),
            models.CheckConstraint(condition=Q(hash_version__in=[1, 2]), name="experiments_hash_version_1_or_2"),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True) | Q(started_at__isnull=True) | Q(stopped_at__gte=F("started_at")),
                name="experiments_stopped_after_started",
            ),
        ]
        indexes = [models.Index(fields=["source", "status"], name="experiments_source_status")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_final(self) -> bool:
        """Whether its figures are read at fixed horizon: no new unit will enter."""
        return self.source == Source.IMPORTED or self.status in {Status.STOPPED, Status.DECIDED}


class Arm(models.Model):
    """One thing that is shown, or done, to a share of the units. `content` is whatever the caller wants back."""

    experiment = models.ForeignKey(
        Experiment, models.CASCADE, related_name="arms", verbose_name=_("experiment"), db_index=False
    )
    position = models.PositiveSmallIntegerField(_("position"))
    key = models.SlugField(_("key"), max_length=80, db_index=False)
    name = models.CharField(_("name"), max_length=200)
    is_control = models.BooleanField(_("control"), default=False)
    weight = models.FloatField(_("weight"))
    content = models.JSONField(_("content"), default=dict, blank=True)
    # Its range of the hash stays empty from then on, so that nobody else moves.
    dropped_at = models.DateTimeField(_("dropped"), null=True, blank=True)

    class Meta:
        verbose_name = _("arm")
        verbose_name_plural = _("arms")
        ordering = ["experiment_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "key"], name="experiments_arm_key"),
            models.UniqueConstraint(fields=["experiment", "position"], name="experiments_arm_position"),
            models.UniqueConstraint(
                fields=["experiment"], condition=Q(is_control=True), name="experiments_one_control"
            ),
            models.CheckConstraint(condition=Q(weight__gte=0), name="experiments_weight_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.experiment_id}/{self.key}"


class Phase(models.Model):
    """One stretch of an experiment with one seed, one set of weights and one coverage; figures are of one phase."""

    experiment = models.ForeignKey(
        Experiment, models.CASCADE, related_name="phases", verbose_name=_("experiment"), db_index=False
    )
    number = models.PositiveSmallIntegerField(_("number"))
    seed = models.CharField(_("seed"), max_length=200)
    weights = models.JSONField(_("weights, by arm"))
    coverage = models.FloatField(_("coverage"))
    reason = models.TextField(_("reason"), blank=True)
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("phase")
        verbose_name_plural = _("phases")
        ordering = ["experiment_id", "number"]
        constraints = [models.UniqueConstraint(fields=["experiment", "number"], name="experiments_phase_number")]

    def __str__(self) -> str:
        return f"{self.experiment_id}#{self.number}"


class AllocationBatch(models.Model):
    """The weights in use from one moment on, where allocation is adaptive. Never changed: they are the propensities."""

    experiment = models.ForeignKey(
        Experiment, models.CASCADE, related_name="batches", verbose_name=_("experiment"), db_index=False
    )
    number = models.PositiveIntegerField(_("number"))
    weights = models.JSONField(_("weights, by arm"))
    basis = models.JSONField(_("what they were computed from"), default=dict)
    started_at = models.DateTimeField(_("started"))

    class Meta:
        verbose_name = _("batch of adaptive allocation")
        verbose_name_plural = _("batches of adaptive allocation")
        ordering = ["experiment_id", "number"]
        constraints = [models.UniqueConstraint(fields=["experiment", "number"], name="experiments_batch_number")]

    def __str__(self) -> str:
        return f"{self.experiment_id}/{self.number}"


class Holdout(models.Model):
    """A share of all units kept out: of every experiment (global), or of those that name it."""

    key = models.SlugField(_("key"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=200)
    share = models.FloatField(_("share"))
    seed = models.CharField(_("seed"), max_length=200)
    is_global = models.BooleanField(_("of every experiment"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("holdout")
        verbose_name_plural = _("holdouts")
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(condition=Q(share__gte=0, share__lte=1), name="experiments_holdout_share_0_to_1")
        ]

    def __str__(self) -> str:
        return self.name
