"""The ground as a Django app."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Members and operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from core import session_limits
        from core.roles import sync_roles

        # Django makes permissions after each migrate; the groups that hold them are laid right after.
        post_migrate.connect(sync_roles, dispatch_uid="core.sync_roles")
        session_limits.connect()
