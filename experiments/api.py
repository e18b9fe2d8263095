"""REST of experiments: which arm a unit gets, events in, results out. docs/events.md is the guide to it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from core import errors
from core.api_auth import KeyAuth
from core.models import ApiKey, User
from core.models.access import Scope
from experiments import queries, schemas, services
from experiments.models import Experiment
from experiments.schemas.events import usable_id

router = Router(tags=["experiments"])


class ReadAuth(KeyAuth):
    """A key that may read, or a signed-in member whose role may see experiments, as on the pages."""

    def __call__(self, request: HttpRequest) -> ApiKey | User:
        """The key or the member; raises Forbidden for a member without the permission."""
        found = super().__call__(request)
        if isinstance(found, User) and not found.has_perm("experiments.view_experiment"):
            raise errors.Forbidden("Your role may not see experiments.")
        return found


READ = ReadAuth(Scope.READ)

Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


class EventsOut(Schema):
    """What became of the events sent; each rejected one has index, id, field and message."""

    accepted: int
    duplicates: int
    rejected: list[dict[str, Any]] = Field(default_factory=list)


@router.post(
    "/decide",
    auth=KeyAuth(Scope.DECIDE),
    response={200: schemas.DecisionOut | schemas.BatchOut},
    summary="Which arm a unit gets",
)
def decide(request: HttpRequest, payload: schemas.DecideIn) -> HttpResponse:
    """One decision for `unit`, or a list for `units`. Nothing is written: send an exposure when the arm is shown."""
    units = payload.units if payload.units is not None else [payload.unit or ""]
    decisions = [decision.to_dict() for decision in queries.decide(payload.experiment, units)]
    if payload.units is None:
        return answer(decisions[0])
    return answer({"experiment": payload.experiment, "decisions": decisions})


@router.post(
    "/events",
    auth=KeyAuth(Scope.EVENTS),
    response={202: EventsOut},
    summary="Send events",
    openapi_extra={"requestBody": schemas.EVENT_BODY},
)
def events(request: HttpRequest) -> HttpResponse:
    """One event, `{"events": [...]}`, or one JSON line each. 202 once they are stored; 422 where none can be used."""
    raw = schemas.read_events(request)
    result = take(raw)
    if result.accepted + result.duplicates == 0:
        raise none_usable(result, single=len(raw) == 1)
    rejected = [rejection.to_dict() for rejection in result.rejected]
    return answer({"accepted": result.accepted, "duplicates": result.duplicates, "rejected": rejected}, status=202)


@router.get("/experiments", auth=READ, summary="All experiments")
def experiments(request: HttpRequest, limit: Limit = 100, offset: Offset = 0) -> HttpResponse:
    """Running ones first, then the newest; `total` counts all of them."""
    found = queries.experiment_list()
    page = [describe(experiment) for experiment in found[offset : offset + limit]]
    return answer({"total": found.count(), "limit": limit, "offset": offset, "experiments": page})


@router.get("/experiments/{key}", auth=READ, summary="One experiment")
def experiment(request: HttpRequest, key: str) -> HttpResponse:
    """Its state and arms."""
    return answer(describe(queries.experiment_by_key(key)))


@router.get("/experiments/{key}/results", auth=READ, summary="The newest results")
def results(request: HttpRequest, key: str) -> HttpResponse:
    """The newest analysis. 404 with the code `no_results` where nothing was analysed yet."""
    analysis = queries.latest_analysis(queries.experiment_by_key(key))
    if analysis is None:
        raise errors.NotFound(f"Experiment {key!r} has no results yet.", code="no_results")
    return answer({"experiment": key, "created_at": analysis.created_at.isoformat(), **analysis.results})


def take(raw: list[Any]) -> services.IngestResult:
    """Check each event, store those that can be used, and put all refusals in the order of the request."""
    received_at = timezone.now()
    places: list[int] = []
    checked: list[services.EventInput] = []
    rejected: list[services.Rejection] = []
    for index, event in enumerate(raw):
        try:
            checked.append(schemas.parse_event(event, received_at=received_at))
            places.append(index)
        except services.Refused as refusal:
            rejected.append(services.Rejection(index, usable_id(event), refusal.field, refusal.message))
    if not checked:
        return services.IngestResult(0, 0, tuple(rejected))
    stored = services.ingest(checked, received_at)
    rejected += (services.Rejection(places[one.index], one.id, one.field, one.message) for one in stored.rejected)
    rejected.sort(key=lambda one: one.index)
    return services.IngestResult(stored.accepted, stored.duplicates, tuple(rejected))


def none_usable(result: services.IngestResult, *, single: bool) -> errors.InvalidInput:
    """The error for a request of which nothing was stored."""
    problems = [
        errors.FieldProblem(one.field if single else f"events.{one.index}.{one.field}", "invalid", one.message)
        for one in result.rejected
    ]
    return errors.InvalidInput(
        f"None of the events can be used; the first: {problems[0].field}: {problems[0].message}",
        problems=problems,
        accepted=0,
        duplicates=0,
        rejected=[one.to_dict() for one in result.rejected],
    )


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


def answer(data: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """JSON in UTF-8. Built by hand: a schema would check again what we have just made."""
    return HttpResponse(json.dumps(data, ensure_ascii=False), status=status, content_type="application/json")
