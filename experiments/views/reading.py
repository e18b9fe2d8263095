"""What people conclude from a result: what is done now, and what was learned."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import errors
from core.members import signed_in
from experiments import services
from experiments.services.learned import write_learned
from experiments.views.results import find

LONGEST_REASON = 1000


@require_POST
@login_required
@permission_required("experiments.launch_experiment", raise_exception=True)
def experiment_decide(request: HttpRequest, key: str) -> HttpResponse:
    """Ship an arm or keep the control: `choice` is `keep` or `ship:` and the arm's key."""
    experiment = find(request, key)
    action, _colon, arm = request.POST.get("choice", "").partition(":")
    reason = request.POST.get("reason", "").strip()[:LONGEST_REASON]
    try:
        services.decide_experiment(experiment, action=action, arm=arm or None, reason=reason, actor=signed_in(request))
    except errors.CopyliftError as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, _("Decided."))
    return redirect("experiments:detail", key=experiment.key)


@require_POST
@login_required
@permission_required("experiments.change_experiment", raise_exception=True)
def experiment_learned(request: HttpRequest, key: str) -> HttpResponse:
    """Keep what was learned."""
    experiment = find(request, key)
    try:
        kept = write_learned(experiment, text=request.POST.get("learned", ""), actor=signed_in(request))
    except errors.InvalidInput as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, _("Written down.") if kept else _("Nothing was changed."))
    return redirect("experiments:detail", key=experiment.key)
