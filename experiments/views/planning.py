"""The page of the plan: a form in the address, so that a plan can be sent to somebody."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core import errors
from experiments.forms.planning import PlanForm
from experiments.planning.recommending import NAMES
from experiments.services import planning


@require_safe
@login_required
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_plan(request: HttpRequest) -> HttpResponse:
    """The form; below it the recommendation, once the form was sent."""
    if not request.GET:
        return render(request, "experiments/plan.html", {"form": PlanForm()})
    form = PlanForm.of(request.GET.dict())
    return render(request, "experiments/plan.html", {"form": form} | _plan(form))


def _plan(form: PlanForm) -> dict[str, Any]:
    if not form.is_valid():
        return {}
    try:
        plan = planning.plan_experiment(**form.arguments())
    except errors.InvalidInput as problem:
        form.take(problem)
        return {}
    rows = [{"name": NAMES[one.kind], "outcome": one, "chosen": one == plan.recommended} for one in plan.outcomes]
    return {"plan": plan, "rows": rows}
