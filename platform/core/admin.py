"""The ground in Django's admin: members, keys (never their secrets), the audit trail and jobs, both to read only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core import access
from core.members import signed_in
from core.models import ApiKey, AuditEntry, Job, User
from core.sign_in import AdminSignInForm

# The admin has its own way in, which must be no quicker to guess at.
admin.site.login_form = AdminSignInForm


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows that a process writes: to look at, never to change by hand, and only those a member may see."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows of what concerns the member."""
        return access.visible(signed_in(request), super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class MemberAdmin(UserAdmin[User]):
    """Members by e-mail address, with their roles."""

    ordering = ["email"]
    list_display = ["email", "name", "roles", "is_active", "is_staff", "last_login"]
    list_filter = ["groups", "is_active", "is_staff"]
    search_fields = ["email", "name"]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["email", "password", "name", "language"]}),
        (_("Roles"), {"fields": ["groups", "is_active", "is_staff", "is_superuser"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (
            None,
            {"classes": ["wide"], "fields": ["email", "name", "usable_password", "password1", "password2", "groups"]},
        )
    ]

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        """The roles in one cell."""
        return ", ".join(group.name for group in user.groups.all())

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys are made and revoked on the dashboard, where the secret is shown once."""

    list_display = ["name", "prefix", "scopes", "created_by", "last_used_at", "expires_at", "revoked_at"]
    fields = ["name", "prefix", "scopes", "created_by", "created_at", "last_used_at", "expires_at", "revoked_at"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, when."""

    list_display = ["at", "actor_label", "action", "object_type", "object_label"]
    list_filter = ["action", "object_type"]
    search_fields = ["actor_label", "object_label", "object_id", "request_id"]
    date_hierarchy = "at"


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Long work."""

    list_display = ["title", "status", "stage", "percent", "attempt", "created_at", "finished_at"]
    list_filter = ["status", "queue"]
