"""Streamed moments equal a computation from scratch, for any order, duplication, delay and batching of events; for any
windows, slices, marks and custom columns; with names joined, a phase begun anew and a stop at any time between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from experiments import services
from experiments.models import Allocation, Experiment
from experiments.services.fold import exclude_after_stop, reset_experiment
from experiments.services.identities import identify
from tests.experiments.fold_by_hand import Drawn, Plan, assert_as_expected, expected, take_in
from tests.experiments.shop import now, running

pytestmark = pytest.mark.django_db

UNITS = ("u-1", "u-2", "u-3", "u-4")
# Minutes from the start: around the hour of slack, over a midnight, around windows and the look-back, and days apart.
MINUTES = st.sampled_from([0, 1, 30, 59, 60, 61, 119, 120, 121, 600, 1439, 1440, 1500, 2879, 2880, 2881, 4000])
CUTS = st.sampled_from([30, 60, 61, 121, 1440, 2000, 3000])
MONEY = st.integers(1, 10**6).map(lambda cents: cents / 100)
CURRENCIES = st.sampled_from(["USD", "USD", "EUR"])
VALUES = {"conversion": MONEY, "cost": MONEY, "rating": st.integers(1, 5), "custom": MONEY}
KINDS = ("exposure", "exposure", "exposure", "click", "conversion", "rating", "cost", "custom")
CUSTOM = (("saves", "save", "count", 1), ("worth", "save", "sum", None), ("came", "visit", "any", 48))


@st.composite
def events(draw: st.DrawFn) -> Drawn:
    kind = draw(st.sampled_from(KINDS))
    found: Drawn = {"kind": kind, "unit": draw(st.sampled_from(UNITS)), "minute": draw(MINUTES)}
    if kind in VALUES:
        found["value"] = draw(VALUES[kind])
    if kind == "conversion":
        found["margin"] = draw(MONEY)
    if kind == "custom":
        found["name"] = draw(st.sampled_from(["save", "visit", "unasked", None]))
    if kind == "exposure":
        # Rarely the other arm, or hardly a unit would be left to count.
        found |= {"experiment": draw(st.sampled_from(["first", "second"])), "arm": draw(st.sampled_from("aaaaaab"))}
        found["properties"] = draw(st.sampled_from([{}, {"country": "US", "batch": 1}, {"country": "FR", "batch": 2}]))
    elif draw(st.booleans()):
        found["experiment"] = draw(st.sampled_from(["first", "second"]))
    elif kind in {"conversion", "cost", "custom"}:
        # Ingest refuses it beside an experiment.
        found["currency"] = draw(CURRENCIES)
    if draw(st.integers(0, 11)) == 0:
        found["is_bot"] = True
    if draw(st.integers(0, 7)) == 0:
        found["is_prefetch"] = True
    return found


PLANS = st.builds(
    Plan,
    key=st.just("first"),
    window=st.sampled_from([None, 60, 120, 2880]),
    history_days=st.sampled_from([0, 1, 2, 28]),
    cap=st.sampled_from([None, 100.0, 5000.0]),
    custom=st.sampled_from([(), CUSTOM]),
    dimensions=st.sampled_from([{}, {"country": ["US", "GB"]}]),
    adaptive=st.booleans(),
    phase=st.none() | CUTS,
    stop=st.none() | CUTS,
)
PAIRS = st.lists(
    st.tuples(st.sampled_from(UNITS), st.sampled_from(UNITS)).filter(lambda two: two[0] != two[1]), max_size=2
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Drawn], Plan, list[tuple[Any, ...]]]:
    """Events, settings, and all that happens in some order: each event is sent once or twice."""
    drawn = draw(st.lists(events(), min_size=10, max_size=30))
    plan = draw(PLANS)
    steps: list[tuple[Any, ...]] = [("send", number) for number in range(len(drawn))]
    steps += [("send", number) for number in draw(st.lists(st.integers(0, len(drawn) - 1), max_size=6))]
    steps += [("fold", limit) for limit in draw(st.lists(st.integers(1, 20), max_size=8))]
    steps += [("identify", *pair) for pair in draw(PAIRS)]
    steps += [("phase",)] * (plan.phase is not None) + [("stop",)] * (plan.stop is not None)
    return drawn, plan, draw(st.permutations(steps))


@contextmanager
def rolled_back() -> Iterator[None]:
    """Each example on the same empty tables."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def check(history: tuple[list[Drawn], Plan, list[tuple[Any, ...]]]) -> None:
    drawn, plan, steps = history
    # Over a midnight, at any time of the day.
    start = now().astimezone(UTC).replace(hour=22, minute=0, second=0, microsecond=0) - timedelta(days=10)
    with rolled_back():
        first, second = launched(plan), running("second")
        for step in steps:
            take_step(step, drawn, first, plan, start)
        while services.fold_events(limit=7):
            pass
        same = [(step[1], step[2]) for step in steps if step[0] == "identify"]
        first.refresh_from_db()
        assert_as_expected(first, expected(plan, drawn, same, start))
        assert_as_expected(second, expected(Plan("second"), drawn, same, start))


def launched(plan: Plan) -> Experiment:
    experiment = running("first")
    metrics = [
        {"key": key, "kind": "mean", "event": name, "aggregate": aggregate, "window_hours": hours}
        for key, name, aggregate, hours in plan.custom
    ]
    Experiment.objects.filter(pk=experiment.pk).update(
        conversion_window_hours=None if plan.window is None else plan.window // 60,
        covariate_days=plan.history_days,
        revenue_cap=None if plan.cap is None else Decimal(plan.cap),
        metrics=metrics,
        dimensions=[{"key": key, "values": values} for key, values in plan.dimensions.items()],
        allocation=Allocation.ADAPTIVE if plan.adaptive else Allocation.FIXED,
    )
    reset_experiment(experiment)
    return experiment


def take_step(step: tuple[Any, ...], drawn: list[Drawn], experiment: Experiment, plan: Plan, start: datetime) -> None:
    match step:
        case ("send", number):
            take_in(drawn[number], number, start)
        case ("fold", limit):
            services.fold_events(limit=limit)
        case ("identify", unit, anonymous):
            identify(unit=unit, anonymous=anonymous)
        case ("phase",):
            at = start + timedelta(minutes=plan.phase or 0)
            Experiment.objects.filter(pk=experiment.pk).update(phase=2, phase_started_at=at)
            reset_experiment(experiment)
        case ("stop",):
            at = start + timedelta(minutes=plan.stop or 0)
            Experiment.objects.filter(pk=experiment.pk).update(started_at=start, stopped_at=at)
            experiment.refresh_from_db()
            exclude_after_stop(experiment)


# Of ten events at least: forty histories of any length met half of the faults of test_fold_faults.
# Not shrunk: each step of that folds in a database, and takes minutes in all.
FEW = settings(
    max_examples=60,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)


@FEW
@given(histories())
def test_streamed_equals_from_scratch(history: tuple[list[Drawn], Plan, list[tuple[Any, ...]]]) -> None:
    check(history)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(FEW, max_examples=1000)
@given(histories())
def test_streamed_equals_from_scratch_for_a_thousand_histories(
    history: tuple[list[Drawn], Plan, list[tuple[Any, ...]]],
) -> None:
    check(history)
