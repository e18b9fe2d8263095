"""Wiring: settings, urls, the API, Celery, WSGI. Names the apps in strings; no app imports it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
