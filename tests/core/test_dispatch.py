"""A wish that nobody waits for: asked, dropped while the broker is away, and asked again a minute later."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from core import dispatch, tasks


class Broker:
    """Takes what is sent, or is away; counts both."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_away = False

    def apply_async(self, *_arguments: Any, **_options: Any) -> None:
        self.asked += 1
        if self.is_away:
            raise OperationalError


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    found = Broker()
    monkeypatch.setattr(tasks.sweep_jobs, "apply_async", found.apply_async)
    monkeypatch.setattr(dispatch, "_quiet_until", [0.0])
    return found


def test_a_wish_reaches_a_broker_that_answers(broker: Broker) -> None:
    assert dispatch.wish(tasks.sweep_jobs)
    assert dispatch.wish(tasks.sweep_jobs)
    assert broker.asked == 2


def test_a_broker_that_is_away_is_asked_once_a_minute(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("core.dispatch.time", SimpleNamespace(monotonic=lambda: now[0]))
    broker.is_away = True
    assert [dispatch.wish(tasks.sweep_jobs) for _ in range(3)] == [False, False, False]
    assert broker.asked == 1
    now[0] += dispatch.QUIET_SECONDS
    broker.is_away = False
    assert dispatch.wish(tasks.sweep_jobs)
    assert broker.asked == 2
