"""A loop in a thread: results, errors, work that goes on meanwhile, and a caller that has a loop of its own."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from models_ml.providers.loops import LoopThread


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def broken() -> None:
    raise ValueError("no")


def test_results_and_errors_come_back() -> None:
    with LoopThread() as loop:
        assert loop.run(doubled(4)) == 8
        with pytest.raises(ValueError, match="no"):
            loop.run(broken())


def test_it_works_beside_a_running_loop() -> None:
    async def caller() -> int:
        with LoopThread() as loop:
            return loop.run(doubled(3))

    found: list[int] = []
    # In a thread: this one may have a loop already, of a browser that an earlier test drove.
    thread = threading.Thread(target=lambda: found.append(asyncio.run(caller())))
    thread.start()
    thread.join()
    assert found == [6]


def test_what_was_started_goes_on_meanwhile_and_ends_with_the_loop() -> None:
    done = threading.Event()

    async def start() -> asyncio.Task[None]:
        async def later() -> None:
            await asyncio.sleep(0.01)
            done.set()
            await asyncio.sleep(3600)

        return asyncio.create_task(later())

    before = time.monotonic()
    with LoopThread() as loop:
        task = loop.run(start())
        assert done.wait(10)
    assert task.cancelled()
    assert time.monotonic() - before < 60
    assert not [thread for thread in threading.enumerate() if thread.name == "provider-loop"]


def test_a_loop_that_was_not_entered_refuses() -> None:
    with pytest.raises(RuntimeError, match="not entered"):
        LoopThread().run(doubled(1))
