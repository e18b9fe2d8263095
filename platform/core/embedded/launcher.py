"""`make run` from the servers to the running fleet, without Django: signals, ports, readiness, the watch, the end.

The command `launch` adds what needs Django (migrations, static files, the demo shop) between `open` and `watch`.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from core.embedded import process
from core.embedded.child import PR_SET_PDEATHSIG
from core.embedded.console import Console
from core.embedded.problems import ServiceProblem, plain_sentences
from core.embedded.programs import OTHER_STEPS, WEB_STEPS, WORKER_STAGE, WORKER_STEPS, Fleet
from core.embedded.services import Services
from core.embedded.supervisor import Supervisor
from core.embedded.web import ask_ready, require_free_port

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 120.0


class StopRequested(BaseException):
    """Someone asked us to stop. Not an `Exception`: nothing on the way may take it for a failure."""


class Launcher:
    """The servers and the fleet of one `make run`."""

    def __init__(self, fleet: Fleet, services: Services, console: Console) -> None:
        self.fleet = fleet
        self.services = services
        self.console = console
        self.supervisor = Supervisor(console.note)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Servers up for the body; everything stopped after it, whatever ended it."""
        with stop_on_signals(), plain_sentences(self.fleet.var):
            try:
                self.console.step("Starting PostgreSQL and the broker.")
                self.services.start()
                require_free_port(self.fleet)
                yield
            finally:
                signal_stops(self._hurry)
                if self.supervisor.watched:
                    self.console.line("\nStopping; a second Ctrl-C does not wait for tasks under way.")
                self.supervisor.stop()
                self.services.stop()

    def _hurry(self, _number: int, _frame: FrameType | None) -> None:
        self.supervisor.kill()

    def start_fleet(self, demo: list[list[str]]) -> None:
        """Start web, workers, clock and the demo's own processes."""
        fleet, add = self.fleet, self.supervisor.add
        add(fleet.web(), steps=WEB_STEPS)
        add(fleet.worker("worker", "default,ingest", 2), steps=WORKER_STEPS, stage=WORKER_STAGE)
        add(fleet.worker("gpu-worker", "gpu", 1), steps=WORKER_STEPS, stage=WORKER_STAGE)
        add(fleet.beat(), steps=OTHER_STEPS)
        for arguments in demo:
            add(fleet.command(arguments), steps=OTHER_STEPS)

    def run_to_end(self, arguments: list[str]) -> int:
        """Run one command of manage.py with its output on ours, and answer its exit code. It stops when we stop."""
        child = process.Child(self.fleet.command(arguments, shown=True))
        try:
            while not child.wait(0.2):
                self.services.revive()
        finally:
            child.stop(*OTHER_STEPS)
        return child.code or 0

    def wait_until_ready(self) -> None:
        """Wait for /readyz. Raises `ServiceProblem` after two minutes, or where a process keeps dying."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            self.supervisor.check()
            status, missing = ask_ready(self.fleet)
            if status == http.client.OK:
                return
            if time.monotonic() > deadline:
                sentence = f"Copylift did not get ready within {READY_SECONDS:.0f} s"
                raise ServiceProblem(f"{sentence}: {missing}. Logs: {self.fleet.var / 'log'}")
            time.sleep(0.2)

    def watch(self) -> None:
        """Keep all of it running until a signal ends it. Raises `ServiceProblem` where that is not possible."""
        while True:
            for name in self.services.revive():
                self.console.note(f"{name} had stopped; it runs again.")
            self.supervisor.check()
            time.sleep(0.5)


# --- signals ----------------------------------------------------------------------------------------------------
@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP become `StopRequested`; the former handlers come back at the end."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise StopRequested

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    signal_stops(stop)
    if "MAKELEVEL" in os.environ and process.LINUX:
        # `kill -9` of make reaches only make: end with it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def signal_stops(handler: Callable[[int, FrameType | None], None]) -> None:
    """Set one handler for all the signals that stop us."""
    for number in STOP_SIGNALS:
        signal.signal(number, handler)
