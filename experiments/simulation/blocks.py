"""One play's state and the work on one block of shoppers: decisions, outcomes, events. Used by the threads of `player`.

What is known of an experiment (its arms, start and currency) is asked for once, at the first shopper who is in it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from core import errors
from experiments.simulation import shoppers as model
from experiments.simulation.client import Shop, Stopped
from experiments.simulation.events import Visit, events_of
from experiments.simulation.truth import ArmTruth, truth

Attributes = Callable[[int, int], dict[str, object]]
# Enough of the refusals to see what is wrong; the platform's own answer names each.
REJECTED_KEPT = 20


@dataclass(slots=True)
class Played:
    """What was sent. `truths` and `arms` (shoppers by arm) are by experiment key; `outside` counts decisions by the
    reason for which a shopper was in no experiment; `sums` are unit column totals by (experiment, arm).
    """

    shoppers: int = 0
    accepted: int = 0
    duplicates: int = 0
    seconds: float = 0.0
    retries: int = 0
    stopped: bool = False
    rejected: list[dict[str, Any]] = field(default_factory=list)
    outside: Counter[str] = field(default_factory=Counter)
    arms: dict[str, Counter[str]] = field(default_factory=dict)
    sums: dict[tuple[str, str], model.Floats] = field(default_factory=dict)
    truths: dict[str, dict[str, ArmTruth]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clock:
    """When shoppers come: `begun_at`, or else the experiment's start, and a step from one to the next."""

    begun_at: datetime | None
    step: timedelta

    def at(self, start: datetime, index: int) -> datetime:
        """When shopper `index` of an experiment begun at `start` comes."""
        return (self.begun_at or start) + index * self.step


@dataclass(frozen=True, slots=True)
class _World:
    """What the player knows of one experiment."""

    plan: model.Plan
    start: datetime
    currency: str
    places: dict[str, int]


@dataclass(slots=True)
class Run:
    """The state of one play, shared by its threads; names either an experiment or a campaign."""

    shop: Shop
    seed: int
    experiment: str | None
    campaign: str | None
    batch: bool
    clock: Clock
    attributes: Attributes = model.attributes
    played: Played = field(default_factory=Played)
    _worlds: dict[str, _World] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def block(self, start: int, count: int) -> None:
        """Play a block to its end: decisions, then its events in one go."""
        units = [model.unit_name(self.seed, index) for index in range(start, start + count)]
        decisions = self._decide(start, units)
        events: list[dict[str, Any]] = []
        for key in sorted({str(decision["experiment"]) for decision in decisions if _counts(decision)}):
            events += self._visit(key, start, units, decisions)
        answer = self.shop.send(events) if events else {"accepted": 0, "duplicates": 0, "rejected": []}
        self._note(decisions, answer)

    def finish(self, seconds: float) -> Played:
        """The account of the play."""
        self.played.seconds, self.played.retries = seconds, self.shop.retries
        self.played.truths = {key: truth(world.plan) for key, world in sorted(self._worlds.items())}
        return self.played

    def _decide(self, start: int, units: Sequence[str]) -> list[dict[str, Any]]:
        if self.experiment is not None and self.batch:
            decisions = self.shop.decide_many(self.experiment, units)
            return [{"experiment": self.experiment, **decision} for decision in decisions]
        return [self._decide_one(start + offset, unit) for offset, unit in enumerate(units)]

    def _decide_one(self, index: int, unit: str) -> dict[str, Any]:
        if self.shop.should_stop():
            raise Stopped
        attributes = self.attributes(self.seed, index)
        if self.campaign is not None:
            return self.shop.decide_campaign(self.campaign, unit, attributes)
        return self.shop.decide(str(self.experiment), unit, attributes)

    def _visit(
        self, key: str, start: int, units: Sequence[str], decisions: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        world = self._world(key)
        rows = [row for row, decision in enumerate(decisions) if _counts(decision) and decision["experiment"] == key]
        arms = np.array([world.places[decisions[row]["arm"]] for row in rows], dtype=np.intp)
        outcomes = model.outcomes(world.plan, arms, model.draws(self.seed, start, len(units))[rows])
        self._add(key, world, arms, outcomes.units())
        events: list[dict[str, Any]] = []
        for place, row in enumerate(rows):
            at = self.clock.at(world.start, start + row)
            visit = Visit(key, str(decisions[row]["arm"]), units[row], at, world.currency)
            events += events_of(visit, outcomes, place)
        return events

    def _world(self, key: str) -> _World:
        with self._lock:
            if key not in self._worlds:
                self._worlds[key] = _read_world(self.shop.experiment(key), self.seed)
            return self._worlds[key]

    def _add(self, key: str, world: _World, arms: Any, units: model.Floats) -> None:
        with self._lock:
            for place in np.unique(arms):
                arm = world.plan.behaviours[place].arm
                mine = units[arms == place]
                self.played.arms.setdefault(key, Counter())[arm] += len(mine)
                self.played.sums[key, arm] = self.played.sums.get((key, arm), 0.0) + mine.sum(axis=0)

    def _note(self, decisions: Sequence[dict[str, Any]], answer: dict[str, Any]) -> None:
        with self._lock:
            played = self.played
            played.shoppers += len(decisions)
            played.outside.update(str(one.get("reason", "")) for one in decisions if not _counts(one))
            played.accepted += answer["accepted"]
            played.duplicates += answer["duplicates"]
            played.rejected += answer["rejected"][: max(0, REJECTED_KEPT - len(played.rejected))]
            nobody = played.outside.get("not_running", 0) == played.shoppers
        if nobody and decisions:
            raise errors.Conflict(
                f"{self.experiment or self.campaign} is not running: every shopper gets the control copy and nothing "
                "is counted. Start it, then play again."
            )


def _read_world(about: dict[str, Any], seed: int) -> _World:
    arms = sorted(about["arms"], key=lambda arm: not arm["is_control"])
    keys = [str(arm["key"]) for arm in arms]
    start = about.get("started_at")
    return _World(
        plan=model.make_plan(seed, keys),
        start=datetime.fromisoformat(start) if start else datetime.now(UTC),
        currency=str(about.get("currency") or "USD"),
        places={key: place for place, key in enumerate(keys)},
    )


def _counts(decision: dict[str, Any]) -> bool:
    return bool(decision.get("in_experiment")) and bool(decision.get("experiment")) and bool(decision.get("arm"))
