"""Models as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ModelsConfig(AppConfig):
    name = "models_ml"
    verbose_name = _("Models")
    default_auto_field = "django.db.models.BigAutoField"
