"""A process that folds is killed with SIGKILL, at random statements and at random times, while events keep coming in.

At the end everything is folded: what is stored equals the plain count of fold_by_hand and the audit's recomputation.
Each child is forked from this process, warm, with a connection of its own. A step is the moment before or after a
statement, a COPY or a commit; a step to die at is drawn from a seed that is printed.

Planted faults that these tests were seen to find, at the kills between their two transactions: the cursor moved in a
transaction after the fold's (events count twice), and in one before it (events are lost).
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from experiments import services
from experiments.models import Event, Experiment, FoldCursor
from experiments.services import fold as folding
from experiments.services.counting import next_events
from tests.experiments.fold_by_hand import Drawn, Plan, assert_as_expected, expected
from tests.experiments.shop import event, fold, now, running

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = 50
LIMIT = 40
UNITS = 40
Fold = Callable[[int], int]


# --- a process that dies --------------------------------------------------------------------------------------------
@dataclass
class Life:
    """Counts steps and, at the last, ends the process as a power cut would; without a last it only counts.

    With `commits_only` the steps are those before and after a commit.
    """

    last: int | None = None
    commits_only: bool = False
    steps: int = 0

    def step(self, *, is_commit: bool) -> None:
        """One moment more."""
        self.steps += is_commit or not self.commits_only
        if self.steps == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def bind(life: Life) -> None:
    """From now on each statement, COPY and commit of this process's connection is two steps of this life."""
    made = connections["default"]

    class Cursor(CursorWrapper):
        def execute(self, sql: Any, params: Any = None) -> Any:
            return stepped(lambda: super(Cursor, self).execute(sql, params))

        def copy_expert(self, *args: Any, **options: Any) -> Any:
            return stepped(lambda: self.cursor.copy_expert(*args, **options))

    def stepped(work: Callable[[], Any], *, is_commit: bool = False) -> Any:
        life.step(is_commit=is_commit)
        answer = work()
        life.step(is_commit=is_commit)
        return answer

    commit = made._commit  # type: ignore[attr-defined]
    setattr(made, "make_cursor", lambda cursor: Cursor(cursor, made))  # noqa: B010 - mypy knows it as a method
    setattr(made, "_commit", lambda: stepped(commit, is_commit=True))  # noqa: B010


def steps_of(fold_some: Fold) -> int:
    """How many steps a fold of the waiting events has, about: it varies with the events. A child does it and counts."""
    reading, writing = os.pipe()
    pid = child(fold_some, Life(), lambda life: os.write(writing, str(life.steps).encode()))
    os.waitpid(pid, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        return int(told.read())


def child(fold_some: Fold, life: Life, after: Callable[[Life], Any] = bool) -> int:
    """Start a process that folds until it dies; with `after` it folds once and does that."""
    # A connection cannot be shared: the child's first statement opens one of its own.
    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    try:
        bind(life)
        fold_some(LIMIT)
        after(life)
        while life.last is not None:
            fold_some(LIMIT)
    finally:
        # Never back into pytest, whatever happened.
        os._exit(3)


# --- a shop that goes on --------------------------------------------------------------------------------------------
@dataclass
class Shop:
    """Sends random events, some of them twice, and knows all it sent."""

    draw: random.Random
    start: datetime
    sent: list[Drawn] = field(default_factory=list)

    def send(self, count: int) -> None:
        """One request with new events and a few that were sent before."""
        again = self.draw.choices(range(len(self.sent)), k=3) if self.sent else []
        fresh = range(len(self.sent), len(self.sent) + count)
        self.sent += [self.one() for _ in fresh]
        result = services.ingest([self.made(number) for number in (*fresh, *again)], now())
        assert (result.accepted, result.rejected) == (count, ())

    def one(self) -> Drawn:
        """An event at any minute of three days, so that half of all come before an earlier one."""
        kind = self.draw.choice(("exposure", "click", "conversion", "rating"))
        found: Drawn = {"kind": kind, "unit": f"u-{self.draw.randrange(UNITS)}", "minute": self.draw.randrange(4320)}
        if kind == "exposure":
            arm = "ab"[int(found["unit"][2:]) % 2]
            found |= {"experiment": "welcome", "arm": arm if self.draw.random() < 0.98 else "b"}
        if kind in {"conversion", "rating"}:
            found["value"] = self.draw.randint(1, 5)
        return found

    def made(self, number: int) -> services.EventInput:
        """The same event each time."""
        fields = {name: value for name, value in self.sent[number].items() if name != "minute"}
        at = self.start + timedelta(minutes=self.sent[number]["minute"])
        # Wide enough that the ids are in the order of the numbers, which decides between exposures of one minute.
        return event(fields.pop("kind"), fields.pop("unit"), id=f"e-{number:06}", occurred_at=at, **fields)


def opened(seed: int) -> tuple[Experiment, Shop]:
    """A running experiment with events that nobody folded yet."""
    experiment = running()
    shop = Shop(random.Random(seed), now().astimezone(UTC) - timedelta(days=10))
    shop.send(60)
    return experiment, shop


def assert_nothing_lost_or_doubled(experiment: Experiment, shop: Shop) -> None:
    """After the last fold: each event is there once, is behind the cursor, and counts once."""
    fold()
    assert Event.objects.count() == len(shop.sent)
    assert FoldCursor.objects.get().sequence >= Event.objects.order_by("-sequence")[0].sequence
    assert_as_expected(experiment, expected(Plan("welcome"), shop.sent, [], shop.start))


def assert_killed(pid: int) -> None:
    """The process ended by SIGKILL and by nothing else."""
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


# --- the tests ------------------------------------------------------------------------------------------------------
def test_fifty_kills_at_random_points_lose_nothing_and_double_nothing() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    experiment, shop = opened(seed)
    steps = steps_of(services.fold_events)
    for number in range(KILLS):
        if number % 2:
            pid = child(services.fold_events, Life(last=shop.draw.randint(1, 3 * steps)))
            shop.send(20)
        else:
            until = perf_counter() + 0.15 * shop.draw.random()
            # Lives until it is killed.
            pid = child(services.fold_events, Life(last=10**9))
            while perf_counter() < until:
                shop.send(5)
            os.kill(pid, signal.SIGKILL)
        assert_killed(pid)
    assert FoldCursor.objects.get().sequence > 0
    assert_nothing_lost_or_doubled(experiment, shop)


def test_a_kill_at_one_step_after_the_other_loses_nothing_and_doubles_nothing() -> None:
    experiment, shop = opened(seed=1)
    for last in range(1, steps_of(services.fold_events) + 1):
        shop.send(4)
        assert_killed(child(services.fold_events, Life(last=last)))
    assert_nothing_lost_or_doubled(experiment, shop)


def kill_around_commits(fold_some: Fold) -> tuple[Experiment, Shop]:
    """Kills before and after each commit of a fold in turn, with new events before each."""
    experiment, shop = opened(seed=1)
    for last in [*range(1, 9)] * 3:
        shop.send(10)
        assert_killed(child(fold_some, Life(last=last, commits_only=True)))
    return experiment, shop


def test_kills_around_commits_lose_nothing_and_double_nothing() -> None:
    assert_nothing_lost_or_doubled(*kill_around_commits(services.fold_events))


# --- planted faults -------------------------------------------------------------------------------------------------
def in_pieces(limit: int, *, moved_first: bool) -> int:
    """What fold_events does, with the cursor moved in a transaction of its own."""
    high = folding.last_committed() or 0
    with transaction.atomic():
        cursor = folding.hold_cursor()
        events = next_events(cursor.sequence, high, limit)
    after = cursor.sequence
    cursor.sequence = events[-1].sequence if events else after
    for is_move in (moved_first, not moved_first):
        with transaction.atomic():
            if is_move:
                cursor.save()
            elif events:
                folding._fold(events, after)
    return len(events)


@pytest.fixture(params=[True, False], ids=["moved before", "moved afterwards"])
def torn_fold(request: pytest.FixtureRequest) -> Fold:
    return lambda limit: in_pieces(limit, moved_first=request.param)


def test_a_cursor_moved_in_another_transaction_is_found(torn_fold: Fold) -> None:
    experiment, shop = kill_around_commits(torn_fold)
    with pytest.raises(AssertionError):
        assert_nothing_lost_or_doubled(experiment, shop)
