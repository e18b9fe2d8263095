"""Addresses of the experiments' pages, below /experiments/."""

from __future__ import annotations

from django.urls import include, path, re_path

from experiments import views

pages = [
    path("", views.experiment_list, name="list"),
    # Before the keys: an experiment whose key is "plan" is found through the API alone.
    path("plan/", views.experiment_plan, name="plan"),
    path("<slug:key>/", views.experiment_detail, name="detail"),
    path("<slug:key>/decide/", views.experiment_decide, name="decide"),
    path("<slug:key>/learned/", views.experiment_learned, name="learned"),
    path("<slug:key>/report/", views.experiment_report, name="report"),
    path("<slug:key>/report.pdf", views.experiment_report_pdf, name="report_pdf"),
    path("<slug:key>/share/", views.report_share, name="share"),
    path("<slug:key>/share/<int:link_id>/revoke/", views.report_revoke, name="revoke"),
    re_path(
        r"^(?P<key>[-\w]+)/export/(?P<name>json|csv|parquet|notebook|details_csv|details_parquet)/$",
        views.experiment_export,
        name="export",
    ),
    re_path(r"^(?P<key>[-\w]+)/(?P<move>pause|resume|stop)/$", views.experiment_move, name="move"),
]

urlpatterns = [path("", include((pages, "experiments")))]
