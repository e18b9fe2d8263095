"""Addresses of this app's pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from models_ml.views import datasets, registry, runs

pages = [
    path("", registry.model_list, name="list"),
    path("versions/<int:version_id>/", registry.version_detail, name="version"),
    path("versions/<int:version_id>/<slug:move>/", registry.version_move, name="version_move"),
    path("versions/<int:version_id>/job/<slug:move>/", registry.version_job, name="version_job"),
    path("datasets/", datasets.dataset_list, name="datasets"),
    path("datasets/new/", datasets.dataset_upload, name="dataset_upload"),
    path("datasets/new/columns/", datasets.dataset_map, name="dataset_map"),
    path("datasets/<int:dataset_id>/", datasets.dataset_detail, name="dataset"),
    path("datasets/<int:dataset_id>/job/<slug:move>/", datasets.dataset_job, name="dataset_job"),
    path("runs/", runs.run_list, name="runs"),
    path("runs/new/", runs.run_new, name="run_new"),
    path("runs/compare/", runs.run_compare, name="compare"),
    path("runs/<int:run_id>/", runs.run_detail, name="run"),
    path("runs/<int:run_id>/job/<slug:move>/", runs.run_job_move, name="run_job"),
]

urlpatterns: list[URLPattern | URLResolver] = [path("", include((pages, "models_ml")))]
