"""Running the embedded servers in processes of their own, to kill those, and counting what is left afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.embedded import paths, process

HOLD = """
import sys, time
from core.embedded.services import ensure
owned = ensure(purpose="a test")
print(*(server.child.pid for server in owned.servers) if owned else ["attached"], flush=True)
time.sleep(60)
"""


def clean_environment(var: Path, **more: str) -> dict[str, str]:
    """This process's environment, with `var` for the data and no server named."""
    path = os.pathsep.join([str(paths.ROOT), str(paths.ROOT / "platform")])
    dropped = {"DATABASE_URL", "REDIS_URL", "COPYLIFT_SECRET_KEY", "PYTEST_VERSION", "MAKELEVEL", "MAKEFLAGS"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"COPYLIFT_VAR": str(var), "PYTHONPATH": path, "PYTHONWARNINGS": "default"} | more


def hold_servers(var: Path) -> subprocess.Popen[str]:
    """A process that has the servers of `var` for a minute; its first line holds their pids, or `attached`."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=clean_environment(var),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def first_line(holder: subprocess.Popen[str]) -> list[str]:
    """The words of the first line a process writes."""
    assert holder.stdout is not None
    return holder.stdout.readline().split()


def end(holder: subprocess.Popen[str]) -> int:
    """Stop a process by SIGTERM and close its pipe. Answers its exit code."""
    holder.terminate()
    code = holder.wait(timeout=30)
    if holder.stdout:
        holder.stdout.close()
    return code


def wait_for(condition: Callable[[], bool], *, seconds: float = 15.0) -> bool:
    """Wait until `condition` holds, at most so long; whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def remains(var: Path) -> list[str]:
    """The command lines of processes that still work for `var`: by our marker, or by a folder in their arguments."""
    marked = {pid: process.command_line(pid) for pid in process.leftovers(var)}
    named = {
        int(entry.name): line
        for entry in Path("/proc").glob("[0-9]*")
        if process.alive(int(entry.name))
        and (str(var) in (line := process.command_line(int(entry.name))) or str(paths.valkey_socket(var)) in line)
        and int(entry.name) != os.getpid()
    }
    return sorted((marked | named).values())
