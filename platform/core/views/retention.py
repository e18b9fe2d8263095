"""How long events and messages are kept: for administrators."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.forms import RetentionForm
from core.members import signed_in
from core.models import ShopSettings
from core.services import shop_settings


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("core.change_shopsettings", raise_exception=True)
def retention(request: HttpRequest) -> HttpResponse:
    """The two lengths; POST changes them."""
    form = RetentionForm(request.POST or None, instance=ShopSettings.current())
    if request.method == "POST" and form.is_valid():
        shop_settings.change_retention(**form.cleaned_data, actor=signed_in(request))
        messages.success(request, _("The lengths were changed. What is too old goes within the hour."))
        return redirect("core:retention")
    context = {"form": form, "environment_days": settings.COPYLIFT_EVENT_RETENTION_DAYS}
    return render(request, "core/retention.html", context, status=422 if form.errors else 200)
