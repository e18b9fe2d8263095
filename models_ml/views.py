"""The page of the registry: what writes the copy, in plain words."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from models_ml import queries
from models_ml.models import ModelVersion
from models_ml.wording import card_lines, metric_lines


@require_safe
@login_required
@permission_required("models_ml.view_modelversion", raise_exception=True)
def model_list(request: HttpRequest) -> HttpResponse:
    """All versions, the one in production first."""
    return render(request, "models_ml/list.html", {"versions": [_shown(one) for one in queries.model_versions()]})


def _shown(version: ModelVersion) -> dict[str, Any]:
    return {"row": version, "card": card_lines(version.card), "metrics": metric_lines(version.metrics)}
