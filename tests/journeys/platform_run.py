"""One `manage.py launch` with a folder of its own, for tests that kill it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from core.embedded import urls

ROOT = Path(__file__).resolve().parents[2]
# What the pytest run itself set; a launch of its own must not see it.
NOT_INHERITED = {"DATABASE_URL", "REDIS_URL", "COPYLIFT_SECRET_KEY", "COPYLIFT_OWNER", "MAKELEVEL"}


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class PlatformRun:
    """The platform under `var`, as often as it is started."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a shell of the user would hold."""
        kept = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        return kept | {"COPYLIFT_VAR": str(self.var)}

    def start(self) -> None:
        """Start; returns at once."""
        command = [sys.executable, "manage.py", "launch", "--port", str(self.port), "--no-browser"]
        with (self.var.parent / "launch.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def output(self) -> str:
        """All that was printed so far, over all starts."""
        return (self.var.parent / "launch.log").read_text(encoding="utf-8")

    def processes(self) -> set[int]:
        """Every process that works in this folder, found by its environment."""
        wanted = f"COPYLIFT_VAR={self.var}".encode()
        found = set()
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
            except OSError:
                continue
        return found

    def kill_everything(self) -> None:
        """`kill -9` of the whole tree at once."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self._process:
            self._process.wait(10)
        self.wait_for(lambda: not self.processes(), 10, "every process to be gone")

    def stop(self) -> int:
        """SIGTERM, as `kill` and a service manager send it; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One management command beside the running platform."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the database answers; an empty list while it is away."""
        try:
            with closing(psycopg2.connect(urls.database_url(self.var))) as connection, connection.cursor() as cursor:
                cursor.execute(query, parameters)
                return list(cursor.fetchall())
        except (psycopg2.OperationalError, psycopg2.errors.UndefinedTable):
            return []

    def value(self, query: str, *parameters: Any) -> Any:
        """The first cell, or None."""
        found = self.rows(query, *parameters)
        return found[0][0] if found else None

    def demo(self) -> dict[str, Any]:
        """What load_demo left for the simulator."""
        found: dict[str, Any] = json.loads((self.var / "demo.json").read_text(encoding="utf-8"))
        return found

    def wait_for(self, condition: Callable[[], Any], seconds: float, what: str) -> None:
        """Until it is so, or fail with what was printed."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds:.0f} s in vain for {what}\n{self.output()[-3000:]}")
            time.sleep(0.05)
