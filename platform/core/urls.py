"""Addresses of the ground. Signing in bears no namespace, as Django's own views expect."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import views as auth
from django.urls import include, path
from django.views.generic import RedirectView

from core.sign_in import SignInForm
from core.views import account, api_keys, health, jobs, members, notifications, retention, trail, webhooks

pages = [
    path("jobs/", jobs.job_list, name="jobs"),
    path("jobs/<uuid:job_id>/", jobs.job_detail, name="job"),
    path("jobs/<uuid:job_id>/cancel/", jobs.job_cancel, name="job_cancel"),
    path("jobs/<uuid:job_id>/resume/", jobs.job_resume, name="job_resume"),
    path("settings/", account.account, name="settings"),
    path("settings/members/", members.member_list, name="members"),
    path("settings/members/<int:member_id>/", members.member_detail, name="member"),
    path("settings/members/<int:member_id>/invite/", members.member_again, name="member_again"),
    path("settings/notifications/", notifications.notifications, name="notifications"),
    path("settings/retention/", retention.retention, name="retention"),
    path("settings/audit/", trail.trail, name="trail"),
    path("settings/audit.csv", trail.trail_csv, name="trail_csv"),
    path("settings/webhooks/", webhooks.webhook_list, name="webhooks"),
    path("settings/webhooks/<int:webhook_id>/", webhooks.webhook_detail, name="webhook"),
    path("settings/webhooks/<int:webhook_id>/rotate/", webhooks.webhook_rotate, name="webhook_rotate"),
    path("settings/webhooks/<int:webhook_id>/switch/", webhooks.webhook_switch, name="webhook_switch"),
    path("settings/webhooks/<int:webhook_id>/ping/", webhooks.webhook_ping, name="webhook_ping"),
    path("settings/webhooks/deliveries/<int:delivery_id>/again/", webhooks.webhook_again, name="webhook_again"),
    path("settings/api-keys/", api_keys.api_key_list, name="api_keys"),
    path("settings/api-keys/<int:key_id>/revoke/", api_keys.api_key_revoke, name="api_key_revoke"),
]

urlpatterns = [
    # Browsers ask for this where a page names no icon, as the admin does.
    path("favicon.ico", RedirectView.as_view(url=f"/{settings.STATIC_URL.strip('/')}/copylift/icon.svg")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path(
        "login/",
        auth.LoginView.as_view(redirect_authenticated_user=True, authentication_form=SignInForm),
        name="login",
    ),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    # A password that was forgotten: the answer is the same whether the address is a member's or not.
    path("password/forgotten/", auth.PasswordResetView.as_view(), name="password_reset"),
    path("password/sent/", auth.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path("password/new/<uidb64>/<token>/", auth.PasswordResetConfirmView.as_view(), name="password_reset_confirm"),
    path("password/done/", auth.PasswordResetCompleteView.as_view(), name="password_reset_complete"),
    path("settings/password/", account.PasswordChange.as_view(), name="password_change"),
    path("language/", account.set_language, name="set_language"),
    path("", include((pages, "core"))),
]
