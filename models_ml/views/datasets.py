"""Pages of dataset versions: the list, handing in files, mapping their columns, and one version with its report."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import dispatch, errors
from core.members import signed_in
from core.models.job import Status
from models_ml import queries, services
from models_ml.forms import DatasetForm, SourceForm, UploadForm
from models_ml.models import DatasetVersion, SourceFile, Task
from models_ml.services.sources import Look, look_into
from models_ml.views.common import JOB_MOVES, find, move_job
from models_ml.wording import history_lines, needed_roles, report_lines, sample_lines

PAGE_SIZE = 25


@require_safe
@login_required
@permission_required("models_ml.view_datasetversion", raise_exception=True)
def dataset_list(request: HttpRequest) -> HttpResponse:
    """All versions, the newest first."""
    page = Paginator(queries.dataset_versions(), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "models_ml/datasets.html", {"page": page, "tab": "datasets"})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("models_ml.add_datasetversion", raise_exception=True)
def dataset_upload(request: HttpRequest) -> HttpResponse:
    """The first step: files in. What was kept is mapped on the next page."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_bound and form.is_valid():
        kept = _keep(request, form)
        if kept:
            query = [("name", form.cleaned_data["name"]), ("task", form.cleaned_data["task"])]
            files = [("file", str(file.pk)) for file in kept]
            return redirect(f"{reverse('models_ml:dataset_map')}?{urlencode([*query, *files])}")
    context = {"form": form, "tab": "datasets"}
    return render(request, "models_ml/dataset_upload.html", context, status=422 if form.errors else 200)


def _keep(request: HttpRequest, form: UploadForm) -> list[SourceFile]:
    try:
        return [_keep_one(request, file) for file in form.cleaned_data["data_files"]]
    except (errors.InvalidInput, errors.TooLarge) as problem:
        form.take(problem)
        return []


def _keep_one(request: HttpRequest, file: UploadedFile[Any]) -> SourceFile:
    name = file.name or ""
    return services.store_file(name=name, chunks=file.chunks(), actor=signed_in(request))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("models_ml.add_datasetversion", raise_exception=True)
def dataset_map(request: HttpRequest) -> HttpResponse:
    """The second step: the first rows of each file, and which column is what. POST makes the version."""
    task = request.GET.get("task", "")
    files = [find(queries.file_of, int(pk)) for pk in request.GET.getlist("file") if pk.isdecimal()]
    if not files or task not in Task.values:
        return redirect("models_ml:dataset_upload")
    looks = [look_into(file) for file in files]
    data = request.POST if request.method == "POST" else None
    form = DatasetForm(data, task=task, initial={"name": request.GET.get("name", "")[:120]})
    parts = [SourceForm(data, file=look.file, task=task, columns=look.columns) for look in looks]
    if data is not None:
        dataset = _create(request, form, parts, task)
        if dataset is not None:
            return redirect("models_ml:dataset", dataset_id=dataset.pk)
    return _mapping_page(request, form, parts, looks=looks, task=task)


def _mapping_page(
    request: HttpRequest, form: DatasetForm, parts: list[SourceForm], *, looks: list[Look], task: str
) -> HttpResponse:
    wrong = [one for one in (form, *parts) if one.errors]
    context = {
        "form": form,
        "parts": list(zip(parts, looks, strict=True)),
        "task": Task(task),
        "wrong": wrong,
        "needed": needed_roles(task),
        "unreadable": any(look.problem for look in looks),
        "tab": "datasets",
    }
    return render(request, "models_ml/dataset_map.html", context, status=422 if wrong else 200)


def _create(request: HttpRequest, form: DatasetForm, parts: list[SourceForm], task: str) -> DatasetVersion | None:
    # A list, so that every form says what is wrong with it, not only the first.
    if not all([form.is_valid(), *(part.is_valid() for part in parts)]):
        return None
    try:
        with transaction.atomic():
            dataset = services.create_dataset(
                name=form.cleaned_data["name"],
                task=task,
                sources=[part.chosen() for part in parts],
                actor=signed_in(request),
                **form.options(),
            )
            if dataset.job is not None and dataset.job.status == Status.QUEUED:
                dispatch.send_on_commit(dataset.job)
    except errors.InvalidInput as problem:
        form.take(problem)
        return None
    return dataset


@require_safe
@login_required
@permission_required("models_ml.view_datasetversion", raise_exception=True)
def dataset_detail(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """One version; while it is built its upper part asks for itself again."""
    dataset = find(queries.dataset_version, dataset_id)
    context: dict[str, Any] = {"dataset": dataset, "job": dataset.job, "tab": "datasets"}
    if request.headers.get("HX-Request"):
        return _panel(request, context)
    context |= {
        **report_lines(dataset),
        "files": queries.source_files(dataset),
        "sample": [sample_lines(row) for row in dataset.sample],
        "runs": list(dataset.runs.all()[:10]),
        "history": history_lines(queries.history(dataset)),
    }
    return render(request, "models_ml/dataset.html", context)


def _panel(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The job's panel; once the job has ended the whole page is fetched anew, since all of it changes."""
    job = context["job"]
    answer = render(request, "models_ml/_work.html", context | {"address": request.path})
    if job is None or not job.is_open:
        answer.headers["HX-Refresh"] = "true"
    return answer


@require_POST
@login_required
@permission_required("models_ml.add_datasetversion", raise_exception=True)
@permission_required("core.cancel_job", raise_exception=True)
def dataset_job(request: HttpRequest, dataset_id: int, move: str) -> HttpResponseRedirect:
    """Cancel the building, or resume it."""
    dataset = find(queries.dataset_version, dataset_id)
    if move in JOB_MOVES:
        move_job(request, dataset.job, move)
    return redirect("models_ml:dataset", dataset_id=dataset.pk)
