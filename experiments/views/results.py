"""Pages of experiments: the list, one result (live while it runs), its report as a file, and the moves of its life."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from core import dispatch, errors
from core.members import signed_in
from experiments import queries, reports, services, tasks
from experiments.forms.lists import ExperimentFilter
from experiments.models import Experiment
from experiments.views import links

PAGE_SIZE = 50


@require_safe
@login_required
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_list(request: HttpRequest) -> HttpResponse:
    """All experiments, narrowed by what the address asks for; running ones first where it asks for no order."""
    form = ExperimentFilter(request.GET)
    found = queries.experiment_list(form.asked("q"), seen_by=signed_in(request))
    wanted = {"status": form.asked("state"), "source": form.asked("source")}
    found = found.filter(**{name: value for name, value in wanted.items() if value})
    page = Paginator(found.order_by(*queries.ORDERS[form.order()]), PAGE_SIZE).get_page(request.GET.get("page"))
    reports.say(page.object_list)
    return render(request, "experiments/list.html", {"page": page, "form": form})


@require_safe
@login_required
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_detail(request: HttpRequest, key: str) -> HttpResponse:
    """One result: the verdict first. While it runs the panel asks for itself again every few seconds."""
    experiment = find(request, key)
    context = reports.context(experiment, with_bots=request.GET.get("bots") == "1")
    if context["lacks_chart"]:
        ask_for_chart(context["analysis"].pk)
    context["seen"] = reports.state_of(context)
    if request.headers.get("HX-Request"):
        # Nothing new is not swapped in: who reads, listens or has something open is left in peace.
        same = request.GET.get("seen") == context["seen"]
        return HttpResponse(status=204) if same else render(request, "experiments/_result.html", context)
    context["history"] = reports.history(experiment)
    if signed_in(request).has_perm("experiments.share_report"):
        context["share"] = links.card(experiment)
    return render(request, "experiments/detail.html", context)


@require_safe
@login_required
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_report(request: HttpRequest, key: str) -> HttpResponse:
    """The same result as one HTML file that needs nothing beside it."""
    experiment = find(request, key)
    answer = HttpResponse(reports.render_report(experiment))
    if "download" in request.GET:
        answer["Content-Disposition"] = f'attachment; filename="{experiment.key}.html"'
    return answer


@require_safe
@login_required
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_report_pdf(request: HttpRequest, key: str) -> HttpResponse:
    """The same as PDF; where this machine cannot make one, a page that says how to print it."""
    experiment = find(request, key)
    try:
        content = reports.render_pdf(experiment)
    except errors.Unavailable:
        return render(request, "experiments/no_pdf.html", {"experiment": experiment}, status=503)
    headers = {"Content-Disposition": f'attachment; filename="{experiment.key}.pdf"'}
    return HttpResponse(content, content_type="application/pdf", headers=headers)


@require_safe
@login_required
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_export(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """The same result as data: JSON, CSV, Parquet or a notebook."""
    try:
        content, media_type, file = reports.export(find(request, key), name)
    except errors.NotFound as problem:
        raise Http404(problem.message) from None
    return HttpResponse(
        content, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{file}"'}
    )


@require_POST
@login_required
@permission_required("experiments.launch_experiment", raise_exception=True)
def experiment_move(request: HttpRequest, key: str, move: str) -> HttpResponse:
    """Pause, resume or stop. A move that the state does not allow is said on the page."""
    moves = {"pause": services.pause_experiment, "resume": services.resume_experiment, "stop": services.stop_experiment}
    experiment = find(request, key)
    try:
        moves[move](experiment, actor=signed_in(request))
    except errors.CopyliftError as problem:
        messages.error(request, problem.message)
    return redirect("experiments:detail", key=experiment.key)


def ask_for_chart(analysis_id: int) -> None:
    """Have a worker draw what the page lacks. A broker that is away costs the picture, not the page."""
    dispatch.wish(tasks.draw_missing_chart, analysis_id)


def find(request: HttpRequest, key: str) -> Experiment:
    """The experiment, or the 404 page: also for a member whom its brand does not concern."""
    try:
        return queries.experiment_by_key(key, seen_by=signed_in(request))
    except errors.NotFound as problem:
        raise Http404(problem.message) from None
