"""Webhooks: the list, a new one (its secret is shown once), one with its last deliveries, and its moves."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import errors, queries
from core.forms import WebhookForm
from core.members import signed_in
from core.models import Webhook, WebhookDelivery
from core.services import webhooks as services

may_change = permission_required("core.change_webhook", raise_exception=True)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@may_change
def webhook_list(request: HttpRequest) -> HttpResponse:
    """The webhooks; POST makes one and shows its secret on this answer only."""
    form, secret = WebhookForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _hook, secret = services.add_webhook(**form.cleaned_data, created_by=signed_in(request))
            form = WebhookForm()
        except errors.CopyliftError as problem:
            form.add_error("url", problem.said())
    context = {"hooks": queries.webhooks(), "form": form, "secret": secret}
    return render(request, "core/webhooks.html", context)


@require_safe
@login_required
@may_change
def webhook_detail(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """One webhook and its last deliveries."""
    return page(request, get_object_or_404(Webhook, pk=webhook_id))


@require_POST
@never_cache
@login_required
@may_change
def webhook_rotate(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """A new secret, shown on this answer only."""
    hook = get_object_or_404(Webhook, pk=webhook_id)
    return page(request, hook, secret=services.rotate_secret(hook, actor=signed_in(request)))


@require_POST
@login_required
@may_change
def webhook_switch(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """On or off, as the form says."""
    hook = get_object_or_404(Webhook, pk=webhook_id)
    services.switch(hook, active=request.POST.get("active") == "1", actor=signed_in(request))
    return redirect("core:webhook", webhook_id)


@require_POST
@login_required
@may_change
def webhook_ping(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Send a try."""
    services.ping(get_object_or_404(Webhook, pk=webhook_id), actor=signed_in(request))
    messages.success(request, _("A ping is on its way. Its answer will stand in the list of deliveries."))
    return redirect("core:webhook", webhook_id)


@require_POST
@login_required
@may_change
def webhook_again(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Send an ended delivery again."""
    delivery = get_object_or_404(WebhookDelivery, pk=delivery_id)
    if services.send_again(delivery, actor=signed_in(request)):
        messages.success(request, _("It will be sent again in a few seconds, under the same id."))
    return redirect("core:webhook", delivery.webhook_id)


def page(request: HttpRequest, hook: Webhook, *, secret: str = "") -> HttpResponse:
    """The page of one webhook."""
    context = {"hook": hook, "deliveries": queries.last_deliveries(hook), "secret": secret}
    return render(request, "core/webhook.html", context)
