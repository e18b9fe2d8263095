"""All addresses: the API, the admin, health, signing in, and each app's pages by dotted string."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from config.api import api

admin.site.site_header = "Copylift"
admin.site.site_title = "Copylift"
admin.site.index_title = "Operations"

urlpatterns = [
    path("", include("core.urls")),
    path("", include("campaigns.urls")),
    path("experiments/", include("experiments.urls")),
    path("r/", include("experiments.shared_urls")),
    path("models/", include("models_ml.urls")),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
]

handler404 = "core.views.errors.not_found"
handler403 = "core.views.errors.forbidden"
handler500 = "core.views.errors.server_error"
handler400 = "core.views.errors.bad_request"
