"""The processes `make run` starts on top of the servers: what each is called, how it runs, how long its end may take.

Each dies at once with the launcher (SIGKILL by the kernel): tasks are made to survive that, and a slow end would meet
the next launcher.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.embedded import paths, process

# Answers under way are finished; Celery ends its tasks within 6 s or is cut off, and their jobs are taken up again.
WEB_STEPS = ((signal.SIGTERM, 6.0),)
WORKER_STEPS = ((signal.SIGTERM, 6.0), (signal.SIGQUIT, 2.0))
OTHER_STEPS = ((signal.SIGTERM, 3.0),)
WORKER_STAGE = 1


@dataclass(frozen=True)
class Fleet:
    """The processes of one launch: the folder they write to and the address the web process listens on."""

    var: Path
    host: str
    port: int

    @property
    def address(self) -> str:
        """What to type into a browser."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{'127.0.0.1' if self.host in {'0.0.0.0', '::'} else name}:{self.port}"  # noqa: S104 (compared)

    def web(self) -> process.Program:
        """gunicorn with two processes of four threads."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        arguments = ["config.wsgi:application", "--bind", f"{name}:{self.port}", "--worker-class", "gthread"]
        arguments += ["--workers", "2", "--threads", "4", "--timeout", "60", "--graceful-timeout", "4"]
        return self._module("web", "gunicorn", *arguments, "--no-control-socket", "--log-level", "warning")

    def worker(self, name: str, queues: str, processes: int) -> process.Program:
        """A Celery worker for some queues."""
        arguments = ["-A", "config", "worker", "-Q", queues, "-c", str(processes), "-n", f"{name}@%h", "-l", "INFO"]
        # One torch thread a process: spinning OpenMP threads slow each other down three- to fourfold on a busy machine.
        return self._module(name, "celery", *arguments, "--without-gossip", "--without-mingle", OMP_NUM_THREADS="1")

    def beat(self) -> process.Program:
        """Celery's clock. Its schedule lies in var/, as the settings say."""
        return self._module("beat", "celery", "-A", "config", "beat", "-l", "INFO", "--pidfile=")

    def command(self, arguments: Sequence[str], *, shown: bool = False) -> process.Program:
        """A command of manage.py. `shown`: on our own output and not in a log of its own."""
        argv = [sys.executable, str(paths.ROOT / "manage.py"), *arguments]
        return self._program(arguments[0], argv, shown=shown)

    def _module(self, name: str, module: str, *arguments: str, **variables: str) -> process.Program:
        return self._program(name, [sys.executable, "-m", module, *arguments], variables=variables)

    def _program(
        self, name: str, argv: list[str], *, shown: bool = False, variables: Mapping[str, str] | None = None
    ) -> process.Program:
        path = os.pathsep.join([str(paths.ROOT), str(paths.ROOT / "platform")])
        ours = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "COPYLIFT_PUBLIC_URL": self.address}
        return process.Program(
            name=name,
            argv=argv,
            log=None if shown else self.var / "log" / f"{name}.log",
            owner=self.var,
            env=ours | dict(os.environ) | {"PYTHONPATH": path} | dict(variables or {}),
            last_signal=signal.SIGKILL,
            folder=paths.ROOT,
        )
