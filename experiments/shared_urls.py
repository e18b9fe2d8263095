"""Addresses of shared reports, below /r/: short, since people send them, and open to whoever has one."""

from __future__ import annotations

from django.urls import include, path, re_path

from experiments.views import shared

pages = [
    path("<slug:token>/", shared.shared_report, name="report"),
    path("<slug:token>/report.pdf", shared.shared_pdf, name="pdf"),
    re_path(r"^(?P<token>[-\w]+)/(?P<name>csv|parquet|details_csv|details_parquet)/$", shared.shared_file, name="file"),
]

urlpatterns = [path("", include((pages, "shared")))]
