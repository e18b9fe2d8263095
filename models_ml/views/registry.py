"""Pages of the registry: all versions, one with its card, gate and history, and the moves a person may make."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core import dispatch
from core.members import signed_in
from core.models import User
from core.models.job import Status
from models_ml import gate, lifecycle, queries, services
from models_ml.lifecycle import Kind, Move
from models_ml.models import ModelVersion
from models_ml.services.stages import SHORTEST_REASON
from models_ml.views.common import JOB_MOVES, attempt, find, move_job
from models_ml.wording import GATE_WORDS, card_lines, detail_lines, history_lines, metric_lines

# What a move needs; a promotion against the gate needs `models_ml.override_gate` beside.
PERMISSIONS = {
    "check": "models_ml.check_modelversion",
    Move.STAGE: "models_ml.check_modelversion",
    Move.RETIRE: "models_ml.check_modelversion",
    Move.REOPEN: "models_ml.check_modelversion",
    Move.PROMOTE: "models_ml.promote_modelversion",
    Move.ROLL_BACK: "models_ml.promote_modelversion",
}


@require_safe
@login_required
@permission_required("models_ml.view_modelversion", raise_exception=True)
def model_list(request: HttpRequest) -> HttpResponse:
    """All versions, those in production first."""
    versions = list(queries.model_versions())
    production = [one for one in versions if one.stage == lifecycle.Stage.PRODUCTION]
    context = {
        "versions": versions,
        "production": [{"row": one, **_shown(one)} for one in production],
        "tab": "models",
    }
    return render(request, "models_ml/list.html", context)


@require_safe
@login_required
@permission_required("models_ml.view_modelversion", raise_exception=True)
def version_detail(request: HttpRequest, version_id: int) -> HttpResponse:
    """One version. While it is checked, the panel of the check asks for itself again."""
    version = find(queries.model_version, version_id)
    job = version.check_job
    if request.headers.get("HX-Request"):
        answer = render(request, "models_ml/_work.html", {"job": job, "address": request.path})
        if job is None or not job.is_open:
            answer.headers["HX-Refresh"] = "true"
        return answer
    lines = services.report_of(version)
    context = {
        "version": version,
        "job": job if job is not None and job.status != Status.SUCCEEDED else None,
        "lines": [{"line": line, **_written(line)} for line in lines] if version.checked_at else [],
        "passes": gate.passes(lines),
        "can": allowed(version, signed_in(request), passes=gate.passes(lines)),
        "shortest_reason": SHORTEST_REASON,
        "details": detail_lines(version),
        "history": history_lines(queries.history(version)),
        "tab": "models",
        **_shown(version),
    }
    return render(request, "models_ml/version.html", context)


def _shown(version: ModelVersion) -> dict[str, Any]:
    measured = {name: value for name, value in version.metrics.items() if name not in ("check", "files", "notes")}
    return {"card": card_lines(version.card), "metrics": metric_lines(measured)}


def _written(line: gate.Line) -> dict[str, str]:
    return {
        "value": gate.written(line.value, line.form),
        "limit": gate.written(line.limit, line.form),
        "label": str(GATE_WORDS.get(line.name, line.label)),
    }


def allowed(version: ModelVersion, user: User, *, passes: bool) -> dict[str, bool]:
    """Which moves this member may make in the present stage, by name."""
    open_check = version.check_job is not None and version.check_job.is_open
    moves = set(lifecycle.allowed(version.stage)) if version.kind != Kind.BASE else {Move.RETIRE, Move.REOPEN}
    can = {move.value: move in moves and user.has_perm(PERMISSIONS[move]) for move in Move}
    can["check"] = lifecycle.can_be_checked(version.stage) and user.has_perm(PERMISSIONS["check"]) and not open_check
    can["check"] = can["check"] and version.kind != Kind.BASE
    can["stage"] = can["stage"] and version.checked_at is not None
    can["overrule"] = can["promote"] and not passes and user.has_perm("models_ml.override_gate")
    can["roll_back"] = can["roll_back"] and version.replaced_id is not None
    return can


@require_POST
@login_required
@permission_required("models_ml.view_modelversion", raise_exception=True)
def version_move(request: HttpRequest, version_id: int, move: str) -> HttpResponseRedirect:
    """One move. The service asks for the role and decides; what it refuses is said on the page."""
    version = find(queries.model_version, version_id)
    moves = _moves(version, signed_in(request), request.POST.get("reason", ""))
    if move not in moves:
        raise Http404
    step, done = moves[move]
    attempt(request, step, done)
    return redirect("models_ml:version", version_id=version.pk)


def _moves(version: ModelVersion, actor: User, reason: str) -> dict[str, tuple[Callable[[], Any], str]]:
    return {
        "check": (lambda: _check(version, actor), ""),
        "stage": (partial(services.stage, version, actor=actor), _("Staged. It can be promoted now.")),
        "promote": (
            partial(services.promote, version, actor=actor, reason=reason),
            _("Promoted. It is in production from the next text on."),
        ),
        "roll_back": (
            partial(services.roll_back, Kind(version.kind), actor=actor, reason=reason),
            _("Rolled back. The version before is in production again."),
        ),
        "retire": (partial(services.retire, version, actor=actor, reason=reason), _("Retired. Its files stay.")),
        "reopen": (partial(services.reopen, version, actor=actor), _("Reopened. Have it checked anew.")),
    }


def _check(version: ModelVersion, actor: User) -> None:
    job = services.request_check(version, actor=actor)
    if job.status == Status.QUEUED:
        dispatch.send_on_commit(job)


@require_POST
@login_required
@permission_required("models_ml.check_modelversion", raise_exception=True)
@permission_required("core.cancel_job", raise_exception=True)
def version_job(request: HttpRequest, version_id: int, move: str) -> HttpResponseRedirect:
    """Cancel the check, or resume it."""
    version = find(queries.model_version, version_id)
    if move in JOB_MOVES:
        move_job(request, version.check_job, move)
    return redirect("models_ml:version", version_id=version.pk)
