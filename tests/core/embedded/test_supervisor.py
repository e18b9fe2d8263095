"""The watch: what dies is started again, what keeps dying ends everything with its last words, the end is in order."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.embedded import process, supervisor
from core.embedded.problems import ServiceProblem
from core.embedded.process import Program
from core.embedded.supervisor import Supervisor, describe_end
from tests.core.embedded.helpers import wait_for

STEPS = ((signal.SIGTERM, 5.0),)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def watch(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.01)
    watch = Supervisor(lines.append)
    yield watch
    watch.stop()


def shell(name: str, script: str, folder: Path) -> Program:
    return Program(name=name, argv=["/bin/sh", "-c", script], log=folder / f"{name}.log", owner=folder)


def check_until(watch: Supervisor, lines: list[str], count: int) -> None:
    def enough() -> bool:
        watch.check()
        return len(lines) >= count

    assert wait_for(enough)


def test_a_process_that_dies_is_started_again_and_said(watch: Supervisor, lines: list[str], tmp_path: Path) -> None:
    watch.add(shell("web", "sleep 60", tmp_path), steps=STEPS)
    first = watch.watched[0].child
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    check_until(watch, lines, 1)
    assert lines == ["The web process was ended by SIGKILL; it is started again in 0.0 s."]
    time.sleep(0.02)
    watch.check()
    second = watch.watched[0].child
    assert second is not None
    assert second.alive()
    assert second.pid != first.pid


def test_pauses_double_and_the_fifth_quick_death_is_the_last(
    watch: Supervisor, lines: list[str], tmp_path: Path
) -> None:
    watch.add(shell("worker", "echo the broker is gone; exit 3", tmp_path), steps=STEPS)
    with pytest.raises(ServiceProblem) as caught:
        check_until(watch, lines, 99)
    assert [float(re.findall(r"in ([\d.]+) s", line)[0]) for line in lines] == [0.0, 0.0, 0.0, 0.1]
    assert caught.value.message.startswith("The worker process ended with code 3, 5 times in a row. The last lines of")
    assert caught.value.message.endswith("  the broker is gone")


def test_a_death_after_a_good_run_does_not_count_with_the_quick_ones(
    watch: Supervisor, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "QUICK_SECONDS", 0.0)
    watch.add(shell("beat", "exit 0", tmp_path), steps=STEPS)
    check_until(watch, lines, 8)
    assert watch.watched[0].quick_deaths == 1


def test_stages_end_in_order_and_a_stage_ends_together(watch: Supervisor, tmp_path: Path) -> None:
    last_words = "trap 'sleep 0.5; date +%s%N; exit' TERM; echo ready; while :; do sleep 0.05; done"
    for name, stage in (("web", 0), ("beat", 0), ("worker", 1)):
        watch.add(shell(name, last_words, tmp_path), steps=STEPS, stage=stage)
    logs = [tmp_path / f"{name}.log" for name in ("web", "beat", "worker")]
    assert wait_for(lambda: all(log.read_text() == "ready\n" for log in logs))
    begun = time.monotonic()
    watch.stop()
    assert time.monotonic() - begun < 2.5
    web, beat, worker = (int(log.read_text().split()[1]) for log in logs)
    assert abs(web - beat) < 0.4e9
    assert worker - max(web, beat) > 0.3e9


def test_a_process_that_does_not_end_is_killed(watch: Supervisor, tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    watch.add(shell("worker", script, tmp_path), steps=((signal.SIGTERM, 0.2),))
    child = watch.watched[0].child
    assert child is not None
    assert wait_for(lambda: process.tail(tmp_path / "worker.log") == ["ready"])
    watch.stop()
    assert child.code == -signal.SIGKILL
    assert watch.watched == []


def test_a_second_ctrl_c_ends_all_at_once(watch: Supervisor, tmp_path: Path) -> None:
    watch.add(shell("worker", "trap '' TERM; sleep 60", tmp_path), steps=((signal.SIGTERM, 30.0),))
    child = watch.watched[0].child
    assert child is not None
    watch.kill()
    assert wait_for(lambda: not child.alive())


@pytest.mark.parametrize(("code", "words"), [(0, "ended with code 0"), (-9, "was ended by SIGKILL"), (None, "ended")])
def test_an_end_in_words(code: int | None, words: str) -> None:
    assert describe_end(code) == words
