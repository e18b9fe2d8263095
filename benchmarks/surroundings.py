"""What every benchmark needs: private servers that end with it, and the lines that say on what it ran.

Not a benchmark itself (`make bench` runs bench_*.py). Nothing of a running platform is touched: the servers live in a
folder of their own, which is removed at the end.
"""

from __future__ import annotations

import http.client
import os
import platform as machine
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

PEERS = Path(".venv-peers/bin/python")
FIRST_PORT = 8310


@contextmanager
def private_platform(*, durable: bool = True, valkey: bool = False) -> Iterator[Path]:
    """An empty, migrated platform: Django is set up on a PostgreSQL of its own. Yields its folder."""
    from core.embedded import paths, urls
    from core.embedded.services import Services

    var = Path(tempfile.mkdtemp(prefix="cl-bench-"))
    os.environ["COPYLIFT_VAR"] = str(var)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    servers = Services(var, postgres=True, valkey=valkey, durable=durable, purpose="benchmark")
    servers.start()
    try:
        os.environ["DATABASE_URL"] = urls.database_url(var)
        if valkey:
            os.environ["REDIS_URL"] = urls.redis_url(var)
        os.environ.setdefault("COPYLIFT_SECRET_KEY", paths.secrets(var)["secret_key"])
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield var
    finally:
        servers.stop()
        shutil.rmtree(var, ignore_errors=True)


@contextmanager
def serving(var: Path) -> Iterator[tuple[int, int]]:
    """The web process of `make run` on a free port above 8300; yields the port and the process's number."""
    from core.embedded import process
    from core.embedded.problems import ServiceProblem
    from core.embedded.programs import WEB_STEPS, Fleet
    from core.embedded.web import require_free_port

    for port in range(FIRST_PORT, FIRST_PORT + 50):
        fleet = Fleet(var=var, host="127.0.0.1", port=port)
        try:
            require_free_port(fleet)
        except ServiceProblem:
            continue
        break
    child = process.Child(fleet.web())
    try:
        wait_for(port)
        yield port, child.pid
    finally:
        child.stop(*WEB_STEPS)


def wait_for(port: int) -> None:
    """Wait until the server answers at all."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    sys.exit("the web process did not start")


def describe(*packages: str) -> str:
    """Machine, cores, Python and the versions of packages, in one line."""
    from importlib.metadata import version

    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else len(os.sched_getaffinity(0))
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{machine.machine()}, {cores} cores, Python {sys.version.split()[0]}{', ' if versions else ''}{versions}"


def timed(action: Callable[[], object], *, times: int = 5) -> list[float]:
    """Seconds of each of several runs."""
    found = []
    for _ in range(times):
        begun = perf_counter()
        action()
        found.append(perf_counter() - begun)
    return found


def spread(seconds: Sequence[float]) -> str:
    """Median with least and most, in the unit that reads well."""
    unit, factor = ("s", 1.0) if statistics.median(seconds) >= 1 else ("ms", 1e3)
    middle, least, most = (value * factor for value in (statistics.median(seconds), min(seconds), max(seconds)))
    return f"{middle:.3g} {unit} ({least:.3g} to {most:.3g})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Ours over theirs, of medians of seconds: below 1 is faster."""
    return statistics.median(ours) / statistics.median(theirs)


def quantile(values: list[float], share: float) -> float:
    """The value below which this share lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]
