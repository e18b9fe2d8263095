"""Campaigns as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = _("Campaigns")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say which rows belong to which brand, and how the arms of a test looked."""
        from campaigns.queries import access, arm_looks

        access.install()
        arm_looks.install()
