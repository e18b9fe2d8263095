"""Experiments and their results out."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from core import errors
from core.answers import answer
from core.api_auth import member_of
from experiments import queries, reports
from experiments.api.common import READ
from experiments.models import Experiment

router = Router()

Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


@router.get("/experiments", auth=READ, summary="All experiments")
def experiments(request: HttpRequest, limit: Limit = 100, offset: Offset = 0) -> HttpResponse:
    """Running ones first, then the newest; `total` counts all of them."""
    found = queries.experiment_list(seen_by=member_of(request))
    page = [describe(experiment) for experiment in found[offset : offset + limit]]
    return answer({"total": found.count(), "limit": limit, "offset": offset, "experiments": page})


@router.get("/experiments/{key}", auth=READ, summary="One experiment")
def experiment(request: HttpRequest, key: str) -> HttpResponse:
    """Its state and arms."""
    return answer(describe(queries.experiment_by_key(key, seen_by=member_of(request))))


@router.get("/experiments/{key}/results", auth=READ, summary="The newest results")
def results(request: HttpRequest, key: str) -> HttpResponse:
    """The newest analysis. 404 with the code `no_results` where nothing was analysed yet."""
    analysis = queries.latest_analysis(queries.experiment_by_key(key, seen_by=member_of(request)))
    if analysis is None:
        raise errors.NotFound(f"Experiment {key!r} has no results yet.", code="no_results")
    return answer({"experiment": key, "created_at": analysis.created_at.isoformat(), **analysis.results})


def describe(experiment: Experiment) -> dict[str, Any]:
    """An experiment and its arms for JSON."""
    times = ("created_at", "started_at", "stopped_at", "decided_at", "planned_end")
    plain = ("key", "name", "hypothesis", "status", "source", "currency", "goal_metric", "planned_units", "coverage")
    return {
        **{name: getattr(experiment, name) for name in plain},
        **{name: moment.isoformat() if (moment := getattr(experiment, name)) else None for name in times},
        "decision": experiment.decision,
        "arms": [
            {
                "key": arm.key,
                "name": arm.name,
                "is_control": arm.is_control,
                "weight": arm.weight,
                "content": arm.content,
            }
            for arm in experiment.arms.all()
        ],
    }


@router.get("/experiments/{key}/export", auth=READ, summary="The newest results as a file")
def export(request: HttpRequest, key: str, format: str = "json") -> HttpResponse:  # noqa: A002 - what senders call it
    """`format` is json (the whole analysis with its moments), csv or parquet (a tidy table), details_csv or
    details_parquet (groups, days and checks of health as one), or notebook."""
    content, media_type, file = reports.export(queries.experiment_by_key(key, seen_by=member_of(request)), format)
    return HttpResponse(
        content, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{file}"'}
    )
