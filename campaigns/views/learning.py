"""Learning from results: how much there is to learn from, and the two things that are made of it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from campaigns import services
from campaigns.views.scores import hit_rate
from core import dispatch, errors
from core import queries as core_queries
from core.members import signed_in
from models_ml.lifecycle import Kind
from models_ml.queries import production_model


@require_safe
@login_required
@permission_required("models_ml.view_modelversion", raise_exception=True)
def learning(request: HttpRequest) -> HttpResponse:
    """What past tests and reviews hold, and the scorer in use."""
    user = signed_in(request)
    scorer = production_model(Kind.SCORER)
    context = {
        "material": services.material(),
        "scorer": scorer,
        "hit_rate": hit_rate(scorer.metrics) if scorer is not None else "",
        "jobs": core_queries.jobs_by_task(services.SCORER_TASK, 5),
        "can_build": user.has_perm("models_ml.add_datasetversion"),
        "can_train": user.has_perm("models_ml.add_trainingrun"),
    }
    return render(request, "campaigns/learning.html", context)


@require_POST
@login_required
@permission_required("models_ml.add_datasetversion", raise_exception=True)
def learning_dataset(request: HttpRequest) -> HttpResponse:
    """Make a dataset of past copy; its page shows how it goes."""
    task = request.POST.get("task", "")
    name = _("Past copy, %(day)s") if task == services.COPY else _("Past preferences, %(day)s")
    try:
        made = services.make_dataset(
            task=task, name=name % {"day": timezone.localdate().isoformat()}, actor=signed_in(request)
        )
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()))
        return redirect("campaigns:learning")
    if made.job is not None and made.job.is_open:
        dispatch.send_on_commit(made.job)
    return redirect("models_ml:dataset", dataset_id=made.pk)


@require_POST
@login_required
@permission_required("models_ml.add_trainingrun", raise_exception=True)
def learning_scorer(request: HttpRequest) -> HttpResponse:
    """Ask for a scorer; the job's page shows how it goes."""
    try:
        job = services.request_scorer(actor=signed_in(request))
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()))
        return redirect("campaigns:learning")
    dispatch.send_on_commit(job)
    return redirect("core:job", job_id=job.pk)
