"""Pages of training runs: the list, some of them over each other, a new one, and one live with its curve."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import dispatch, errors
from core.members import signed_in
from core.models.job import Status
from models_ml import queries, services
from models_ml.forms import RunForm
from models_ml.models import TrainingRun
from models_ml.nn.tuning.methods import METHODS
from models_ml.views.common import JOB_MOVES, find, move_job
from models_ml.views.shown import comparison, run_panel
from models_ml.wording import history_lines

PAGE_SIZE = 25
MOST_COMPARED = 6


@require_safe
@login_required
@permission_required("models_ml.view_trainingrun", raise_exception=True)
def run_list(request: HttpRequest) -> HttpResponse:
    """All runs, the newest first; some of them can be chosen for a comparison."""
    page = Paginator(queries.training_runs(), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "models_ml/runs.html", {"page": page, "tab": "runs", "most_compared": MOST_COMPARED})


@require_safe
@login_required
@permission_required("models_ml.view_trainingrun", raise_exception=True)
def run_compare(request: HttpRequest) -> HttpResponse:
    """The chosen runs over each other: their curves, and what differs in settings and figures."""
    keys = [int(pk) for pk in request.GET.getlist("run") if pk.isdecimal()][:MOST_COMPARED]
    runs = list(queries.training_runs().filter(pk__in=keys).order_by("pk"))
    context = comparison(runs, queries.curves_of(runs))
    return render(request, "models_ml/compare.html", context | {"tab": "runs"})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("models_ml.add_trainingrun", raise_exception=True)
def run_new(request: HttpRequest) -> HttpResponse:
    """The plan of a run, or a new run from it."""
    form = RunForm(request.POST) if request.method == "POST" else RunForm(initial=_first_values(request))
    run = _start(request, form) if form.is_bound and form.is_valid() else None
    if run is not None:
        return redirect("models_ml:run", run_id=run.pk)
    context = {
        "form": form,
        "methods": METHODS.values(),
        "tab": "runs",
        "any_dataset": queries.ready_datasets().exists(),
    }
    return render(request, "models_ml/run_new.html", context, status=422 if form.errors else 200)


def _first_values(request: HttpRequest) -> dict[str, Any]:
    dataset = request.GET.get("dataset", "")
    chosen = queries.ready_datasets().filter(pk=int(dataset)).first() if dataset.isdecimal() else None
    objectives = {"text": "causal", "labels": "classify", "pairs": "dpo"}
    objective = objectives.get(chosen.task, "supervised") if chosen else "supervised"
    return {"dataset": chosen, "base_version": queries.production_model(), "objective": objective}


def _start(request: HttpRequest, form: RunForm) -> TrainingRun | None:
    try:
        with transaction.atomic():
            run = services.start_training(actor=signed_in(request), **form.arguments())
            if run.job is not None and run.job.status == Status.QUEUED:
                dispatch.send_on_commit(run.job)
    except (errors.InvalidInput, errors.Conflict) as problem:
        form.take(problem)
        return None
    return run


@require_safe
@login_required
@permission_required("models_ml.view_trainingrun", raise_exception=True)
def run_detail(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run; its panel with the curve renews itself while the job is open."""
    run = find(queries.training_run, run_id)
    context = run_panel(run, queries.curves_of([run]).get(run.pk, {}))
    if request.headers.get("HX-Request"):
        return render(request, "models_ml/_run_panel.html", context)
    context |= {"history": history_lines(queries.history(run)), "tab": "runs"}
    return render(request, "models_ml/run.html", context)


@require_POST
@login_required
@permission_required("models_ml.add_trainingrun", raise_exception=True)
@permission_required("core.cancel_job", raise_exception=True)
def run_job_move(request: HttpRequest, run_id: int, move: str) -> HttpResponseRedirect:
    """Cancel the run, or resume it from its last checkpoint."""
    run = find(queries.training_run, run_id)
    if move in JOB_MOVES:
        move_job(request, run.job, move)
    return redirect("models_ml:run", run_id=run.pk)
