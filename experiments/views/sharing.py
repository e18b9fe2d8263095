"""Members share a report by a link and take links back; who opens one comes in by `experiments.views.shared`."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import errors
from core.members import signed_in
from experiments.forms.sharing import ShareForm
from experiments.models import Experiment
from experiments.queries.sharing import links_of
from experiments.services import sharing
from experiments.views.results import find


@require_POST
@login_required
@permission_required("experiments.share_report", raise_exception=True)
def report_share(request: HttpRequest, key: str) -> HttpResponse:
    """A new link."""
    experiment, form = find(request, key), ShareForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(one) for one in form.errors["days"]))
        return back(experiment)
    try:
        sharing.share_report(experiment, days=form.cleaned_data["days"], actor=signed_in(request))
    except errors.CopyliftError as problem:
        messages.error(request, problem.said())
    else:
        messages.success(request, _("The link is made. Whoever has it can read this report."))
    return back(experiment)


@require_POST
@login_required
@permission_required("experiments.share_report", raise_exception=True)
def report_revoke(request: HttpRequest, key: str, link_id: int) -> HttpResponse:
    """Take a link back."""
    experiment = find(request, key)
    link = links_of(experiment).filter(pk=link_id).first()
    if link is None:
        raise Http404
    if sharing.revoke_link(link, actor=signed_in(request)):
        messages.success(request, _("The link is taken back and opens nothing any more."))
    else:
        messages.info(request, _("Nothing was changed."))
    return back(experiment)


def back(experiment: Experiment) -> HttpResponse:
    """To the card."""
    return redirect(reverse("experiments:detail", args=[experiment.key]) + "#share")
