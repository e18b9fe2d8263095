"""The audit trail: who did what to which thing, and when. Rows can be added and never changed.

A trigger in the database refuses UPDATE, DELETE and TRUNCATE, so neither our code nor an operator's query can rewrite
history by accident. The actor is kept as an id and a label without a foreign key: deleting a member must not touch it.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """One thing that happened."""

    at = models.DateTimeField(_("at"), auto_now_add=True)
    actor_id = models.BigIntegerField(_("member id"), null=True, blank=True)
    actor_label = models.CharField(_("by"), max_length=254)
    action = models.CharField(_("action"), max_length=80)
    object_type = models.CharField(_("kind"), max_length=80)
    object_id = models.CharField(_("id"), max_length=80)
    object_label = models.CharField(_("what"), max_length=200, blank=True)
    data = models.JSONField(_("details"), default=dict, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ["-id"]
        indexes = [
            # The history shown on one thing's page.
            models.Index(fields=["object_type", "object_id", "-id"], name="core_audit_object"),
            models.Index(fields=["-at"], name="core_audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.object_type} {self.object_id}"
