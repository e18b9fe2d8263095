"""API keys: the list, a new one (its secret is shown once), revoking."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core import queries
from core.forms import ApiKeyForm
from core.members import signed_in
from core.models import ApiKey
from core.services import api_keys as services


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required("core.add_apikey", raise_exception=True)
def api_key_list(request: HttpRequest) -> HttpResponse:
    """The keys; POST makes one and shows its secret on this answer only, which is never stored or cached."""
    form, secret = ApiKeyForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        secret = issue(request, form)
        form = ApiKeyForm()
    return render(request, "core/api_keys.html", {"keys": queries.api_keys(), "form": form, "secret": secret})


def issue(request: HttpRequest, form: ApiKeyForm) -> str:
    """A new key from the form; an error of the service is shown at the form."""
    _key, secret = services.issue_api_key(
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        created_by=signed_in(request),
        expires_at=form.expires_at(),
    )
    return secret


@require_POST
@login_required
@permission_required("core.change_apikey", raise_exception=True)
def api_key_revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """End a key at once."""
    key = get_object_or_404(ApiKey, pk=key_id)
    if services.revoke_api_key(key, actor=signed_in(request)):
        messages.success(request, _("The key “%(name)s” no longer works.") % {"name": key.name})
    return redirect("core:api_keys")
