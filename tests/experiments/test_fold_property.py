"""Streamed moments equal a computation from scratch, for any order, duplication, delay and batching of events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from experiments import services
from experiments.models import ArmMoments, Experiment
from experiments.services import auditing
from experiments.stats.metrics import UNIT_COLUMNS
from experiments.stats.moments import Moments
from tests.experiments.shop import event, now, running

pytestmark = pytest.mark.django_db

UNITS = ("u-1", "u-2", "u-3", "u-4")
# Minutes from the start: around the hour of slack, over a midnight, and days apart.
MINUTES = st.sampled_from([0, 1, 30, 59, 60, 61, 119, 600, 1439, 1440, 4000])
MONEY = st.integers(1, 10**6).map(lambda cents: cents / 100)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["exposure", "exposure", "click", "conversion", "rating", "cost"]))
    values = {"conversion": MONEY, "cost": MONEY, "rating": st.integers(1, 5)}
    found: dict[str, Any] = {"kind": kind, "unit": draw(st.sampled_from(UNITS)), "minute": draw(MINUTES)}
    if kind in values:
        found["value"] = draw(values[kind])
    if kind == "conversion":
        found["margin"] = draw(MONEY)
    if kind == "exposure":
        # Rarely the other arm, or hardly a unit would be left to count.
        found |= {"experiment": draw(st.sampled_from(["first", "second"])), "arm": draw(st.sampled_from("aaaab"))}
    elif draw(st.booleans()):
        found["experiment"] = draw(st.sampled_from(["first", "second"]))
    return found


# What happens, in which order it is sent (an event may come twice), and after which sends there is a fold.
HISTORIES = st.lists(events(), min_size=1, max_size=25).flatmap(
    lambda drawn: st.tuples(
        st.just(drawn),
        st.lists(st.integers(0, len(drawn) - 1), max_size=10).flatmap(
            lambda again: st.permutations([*range(len(drawn)), *again])
        ),
        st.sets(st.integers(0, 34)),
        st.integers(1, 6),
    )
)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Each example on the same empty tables."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


# Not shrunk: each step of that folds in a database, and takes minutes in all.
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
@given(HISTORIES)
def test_streamed_equals_from_scratch(history: tuple[list[dict[str, Any]], list[int], set[int], int]) -> None:
    drawn, order, folds, limit = history
    start = now() - timedelta(days=10)
    with rolled_back():
        experiments = [running("first"), running("second")]
        made = [made_event(number, start, **one) for number, one in enumerate(drawn)]
        for step, number in enumerate(order):
            services.ingest([made[number]], now())
            if step in folds:
                services.fold_events(limit=limit)
        while services.fold_events(limit=limit):
            pass
        for experiment in experiments:
            assert services.audit_moments(experiment) == []
            for arm, expected in by_hand(experiment, drawn).items():
                streamed = ArmMoments.objects.get(arm__experiment=experiment, arm__key=arm).value()
                assert list(auditing.differences(streamed, expected)) == []


def made_event(number: int, start: Any, *, kind: str, unit: str, minute: int, **fields: Any) -> services.EventInput:
    return event(kind, unit, id=f"e-{number}", occurred_at=start + timedelta(minutes=minute), **fields)


def by_hand(experiment: Experiment, drawn: list[dict[str, Any]]) -> dict[str, Moments]:
    """The rule of docs/events.md, written a second time and in the plainest way."""
    rows: dict[str, list[list[float]]] = defaultdict(list)
    for unit in UNITS:
        mine = [one for one in drawn if one["unit"] == unit and one.get("experiment", experiment.key) == experiment.key]
        exposures = [one for one in mine if one["kind"] == "exposure"]
        if not exposures or len({one["arm"] for one in exposures}) == 2:
            continue
        first = min(one["minute"] for one in exposures)
        counted = [one for one in mine if one["minute"] >= first - 60]

        def of(kind: str, field: str | None = None, counted: list[dict[str, Any]] = counted) -> float:
            return sum(one[field] if field else 1 for one in counted if one["kind"] == kind)

        orders = of("conversion")
        revenue, margin = of("conversion", "value"), of("conversion", "margin")
        rows[exposures[0]["arm"]].append(
            [
                len(exposures),
                of("click"),
                min(orders, 1),
                orders,
                revenue,
                margin,
                of("cost", "value"),
                of("rating", "value"),
                of("rating"),
                min(of("click"), 1),
                revenue,
                0,
                0,
                0,
                0,
                0,
            ]
        )
    return {
        arm: Moments.from_rows(UNIT_COLUMNS, rows[arm]) if rows[arm] else Moments.empty(UNIT_COLUMNS) for arm in "ab"
    }
