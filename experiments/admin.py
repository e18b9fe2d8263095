"""Experiments in Django's admin: to look at. What changes them is on the dashboard, with its checks and audit trail.

Raw events are not here: Django's admin has no pages for rows with a composite key.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.admin import ReadOnlyAdmin
from experiments.models import Analysis, Arm, Experiment, UnitTotals


class ArmInline(admin.TabularInline[Arm, Experiment]):
    """The arms on their experiment's page."""

    model = Arm
    fields = ["position", "key", "name", "is_control", "weight", "content"]
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Experiment)
class ExperimentAdmin(ReadOnlyAdmin):
    """Experiments with their arms."""

    list_display = ["key", "name", "status", "source", "started_at", "stopped_at", "created_by"]
    list_filter = ["status", "source"]
    search_fields = ["key", "name"]
    list_select_related = ["created_by"]
    inlines = [ArmInline]


@admin.register(Analysis)
class AnalysisAdmin(ReadOnlyAdmin):
    """What was said of an experiment, and when."""

    list_display = ["experiment", "created_at", "is_final", "verdict", "sentence"]
    list_filter = ["verdict", "is_final"]
    search_fields = ["experiment__key"]
    list_select_related = ["experiment"]
    exclude = ["chart_svg"]


@admin.register(UnitTotals)
class UnitTotalsAdmin(ReadOnlyAdmin):
    """One unit's totals, found by its exact name: there may be millions."""

    list_display = ["unit", "experiment", "arm", "impressions", "clicks", "orders", "revenue", "in_two_arms"]
    search_fields = ["=unit"]
    list_select_related = ["experiment", "arm"]
    show_full_result_count = False
    ordering = ["-id"]
