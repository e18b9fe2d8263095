"""As whom PostgreSQL runs. It refuses root, and containers are often root: then it runs as nobody, in one of two ways.

In a user namespace the files stay root's and folders above may be closed to others. Where namespaces are forbidden
(often inside Docker) the process really becomes nobody: its folders are given to nobody, and those above must be open.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from core.embedded.child import NOBODY
from core.embedded.problems import ServiceProblem
from core.embedded.process import CHILD


@lru_cache(maxsize=1)
def identity(program: str) -> str:
    """`same`, `userns` or `nobody`: the first way in which `program --version` runs here.

    Raises `ServiceProblem` where root can use neither way.
    """
    if os.geteuid() != 0:
        return "same"
    for way in ("userns", "nobody"):
        if _works(way, program):
            return way
    raise ServiceProblem(
        "PostgreSQL does not run as root, user namespaces are not allowed here, and the user nobody cannot read "
        f"{Path(program).parent}. Start as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
    )


def command(way: str, argv: list[str]) -> list[str]:
    """The command line that runs `argv` under an identity, killed when we die. For programs that are waited for."""
    wrapper = [sys.executable, "-I", "-S", str(CHILD), "--parent", str(os.getpid())]
    return [*wrapper, "--signal", str(int(signal.SIGKILL)), "--identity", way, "--", *argv]


def _works(way: str, program: str) -> bool:
    probe = command(way, [program, "--version"])
    return subprocess.run(probe, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0


def give(folder: Path, way: str) -> Path:
    """Make everything in `folder` belong to the user PostgreSQL runs as. Answers the folder."""
    if os.geteuid() != 0:
        return folder
    owner = NOBODY if way == "nobody" else 0
    if folder.lstat().st_uid != owner:
        for place, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                os.chown(Path(place) / name, owner, owner or os.getgid(), follow_symlinks=False)
    return folder
