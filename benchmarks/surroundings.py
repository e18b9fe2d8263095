"""What every benchmark needs: private servers that end with it, and the lines that say on what it ran.

Not a benchmark itself (`make bench` runs bench_*.py). Nothing of a running platform is touched: the servers live in a
folder of their own, which is removed at the end.
"""

from __future__ import annotations

import os
import platform as machine
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

PEERS = Path(".venv-peers/bin/python")


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
