"""The model factory in Django's admin, to read: what is done to it is done on its pages, under their rules."""

from __future__ import annotations

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from models_ml.models import DatasetVersion, ModelVersion, ProviderCall, SourceFile, TrainingRun


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Model versions: a stage is moved by a gate, never by hand."""

    list_display = ["name", "kind", "stage", "method", "base", "content_hash", "size_bytes", "checked_at", "created_at"]
    list_filter = ["kind", "stage", "method"]
    list_select_related = ["dataset", "run"]
    search_fields = ["name", "location", "content_hash"]


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ReadOnlyAdmin):
    """Dataset versions with their reports."""

    list_display = ["name", "task", "status", "content_hash", "created_at", "ready_at"]
    list_filter = ["task", "status"]
    search_fields = ["name", "content_hash"]


@admin.register(SourceFile)
class SourceFileAdmin(ReadOnlyAdmin):
    """Files as they were handed in."""

    list_display = ["name", "format", "origin", "size_bytes", "sha256", "created_at"]
    list_filter = ["origin", "format"]
    search_fields = ["name", "sha256"]


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    """Training runs; how far each is stands in its job."""

    list_display = ["name", "objective", "method", "base", "dataset", "seed", "created_at"]
    list_filter = ["objective", "method"]
    list_select_related = ["dataset"]
    search_fields = ["name", "base"]


@admin.register(ProviderCall)
class ProviderCallAdmin(ReadOnlyAdmin):
    """What calls to providers used and cost."""

    list_display = [
        *("created_at", "provider", "model", "purpose", "prompt_tokens", "completion_tokens", "seconds", "cost"),
        *("currency", "attempts", "outcome"),
    ]
    list_filter = ["provider", "purpose", "outcome"]
    search_fields = ["model", "key"]
