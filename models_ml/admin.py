"""The registry in Django's admin, to read."""

from __future__ import annotations

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from models_ml.models import ModelVersion


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Model versions: a stage is moved by a gate, never by hand."""

    list_display = ["name", "stage", "base", "content_hash", "size_bytes", "created_at"]
    list_filter = ["stage"]
    search_fields = ["name", "location", "content_hash"]
