"""A shop for the tests: experiments, events and requests in a line each."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.test import Client

from core.services.api_keys import issue_api_key
from experiments import services
from experiments.models import Experiment, UnitTotals

_numbers = count(1)


def now() -> datetime:
    """The time, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def draft(key: str = "welcome", *arms: str, **options: Any) -> Experiment:
    """An experiment with a control `a` and the named arms (default: `b`)."""
    keys = ("a", *(arms or ("b",)))
    inputs = [
        services.ArmInput(key=name, name=name.upper(), is_control=name == "a", content={"headline": f"Headline {name}"})
        for name in keys
    ]
    return services.create_experiment(key=key, name=f"The {key} test", arms=inputs, created_by=None, **options)


def running(key: str = "welcome", *arms: str, **options: Any) -> Experiment:
    """The same, started."""
    return services.start_experiment(draft(key, *arms, **options), actor="test")


def event(kind: str, unit: str = "u-1", **fields: Any) -> services.EventInput:
    """An event of now. Money may be given as text."""
    for name in ("value", "margin"):
        if name in fields:
            fields[name] = Decimal(str(fields[name]))
    fields.setdefault("id", f"e-{next(_numbers)}")
    fields.setdefault("occurred_at", now())
    return services.EventInput(kind=kind, unit=unit, **fields)


def exposure(unit: str = "u-1", arm: str = "a", experiment: str = "welcome", **fields: Any) -> services.EventInput:
    """A unit sees an arm."""
    return event("exposure", unit, experiment=experiment, arm=arm, **fields)


def send(*events: services.EventInput) -> services.IngestResult:
    """Take the events in."""
    return services.ingest(events, now())


def fold() -> int:
    """Fold until nothing is left."""
    total = 0
    while folded := services.fold_events():
        total += folded
    return total


def totals(unit: str = "u-1", experiment: str = "welcome") -> UnitTotals | None:
    """What is counted of a unit."""
    return UnitTotals.objects.filter(experiment__key=experiment, unit=unit).first()


def api_key(*scopes: str) -> str:
    """A fresh key's secret."""
    return issue_api_key(name="shop", scopes=list(scopes), created_by=None)[1]


class Api:
    """Requests with a key of these scopes."""

    def __init__(self, *scopes: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {api_key(*scopes)}"}, raise_request_exception=True)

    def post(self, path: str, data: Any, *, content_type: str = "application/json", **headers: str) -> Any:
        """POST data as JSON, or bytes as they are. The answer is the test client's."""
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        return self.client.post(f"/api/v1{path}", body, content_type=content_type, headers=headers or None)

    def get(self, path: str) -> Any:
        """GET."""
        return self.client.get(f"/api/v1{path}")


def later(seconds: float) -> datetime:
    """Some seconds from now; negative for the past."""
    return now() + timedelta(seconds=seconds)
