"""Addresses of this app's pages."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from models_ml import views

pages = [path("", views.model_list, name="list")]

urlpatterns: list[URLPattern | URLResolver] = [path("", include((pages, "models_ml")))]
