"""Where the embedded servers keep data, sockets and secrets. All is computed: settings need no running server.

Data lie under `var/` in the checkout. Sockets cannot: their path may have 103 bytes at most (macOS; 107 on Linux), so
they lie in a private folder in /tmp whose name follows from the user and from `var/`. It is /tmp on purpose, neither
TMPDIR nor XDG_RUNTIME_DIR: those differ between a login, cron and sudo, and the latter vanishes at logout.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from pathlib import Path
from secrets import token_urlsafe
from tempfile import NamedTemporaryFile

from core.embedded.problems import ServiceProblem, plain_sentences

ROOT = Path(__file__).resolve().parents[3]
SOCKET_PATH_BYTES = 103
SECRET_NAMES = ("secret_key", "postgres_password")


def var_dir() -> Path:
    """The folder all that is written goes to: COPYLIFT_VAR, or `var/` in the checkout. Absolute, without links.

    A pytest run gets a folder of its own, whatever loads the settings first: tests never see the checkout's data.
    """
    named = os.environ.get("COPYLIFT_VAR", "").strip()
    if named:
        return Path(named).expanduser().resolve()
    return ROOT / "var" / f"test-{os.getpid()}" if "PYTEST_VERSION" in os.environ else ROOT / "var"


def runtime_dir(var: Path | None = None) -> Path:
    """The private folder for sockets that belongs to `var`. Only computed; `private_dir` makes it.

    COPYLIFT_RUNTIME_DIR names another parent than /tmp. Raises `ServiceProblem` where a socket's path gets too long.
    """
    place = hashlib.sha256(os.fsencode(var or var_dir())).hexdigest()[:8]
    parent = Path(os.environ.get("COPYLIFT_RUNTIME_DIR", "").strip() or "/tmp")  # noqa: S108 (checked by private_dir)
    folder = parent / f"copylift-{os.getuid()}-{place}"
    if len(os.fsencode(folder / "postgres" / ".s.PGSQL.5432")) > SOCKET_PATH_BYTES or "," in str(folder):
        raise ServiceProblem(f"COPYLIFT_RUNTIME_DIR: {parent} cannot hold sockets; name a shorter one, without commas.")
    return folder


def postgres_socket_dir(var: Path | None = None) -> Path:
    """The folder of PostgreSQL's socket."""
    return runtime_dir(var) / "postgres"


def valkey_socket(var: Path | None = None) -> Path:
    """Valkey's socket."""
    return runtime_dir(var) / "valkey.sock"


def private_dir(folder: Path, *, mode: int = 0o700, owners: set[int] | None = None) -> Path:
    """Make `folder` for this user alone, or check that it is: a real folder, ours, closed to others.

    Raises `ServiceProblem` for a link, a file, or a folder that another user put there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=mode, exist_ok=True) if not folder.is_symlink() else None
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise ServiceProblem(f"{folder} is a link or a file, not a private folder. Remove it and start again.")
    if found.st_uid not in (owners or {os.getuid()}):
        raise ServiceProblem(f"{folder} belongs to another user. Set COPYLIFT_RUNTIME_DIR to a folder of your own.")
    if stat.S_IMODE(found.st_mode) != mode:
        folder.chmod(mode)
    return folder


def secrets(var: Path | None = None) -> dict[str, str]:
    """The generated secrets `secret_key` and `postgres_password`, made at first need in `var/secrets.json` (mode 0600).

    Safe when several processes ask at once: the file appears whole or not at all.
    """
    file = (var or var_dir()) / "secrets.json"
    with plain_sentences(file.parent):
        known = _read_secrets(file)
        return known if all(name in known for name in SECRET_NAMES) else _complete_secrets(file)


def _read_secrets(file: Path) -> dict[str, str]:
    try:
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
        known = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        known = None
    if not isinstance(known, dict) or not all(isinstance(value, str) and value for value in known.values()):
        raise ServiceProblem(f"{file} is damaged. Remove it: new secrets are made, and everyone logs in anew.")
    return known


def _complete_secrets(file: Path) -> dict[str, str]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with (file.parent / "secrets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = {name: token_urlsafe(48) for name in SECRET_NAMES} | _read_secrets(file)
        # NamedTemporaryFile makes its file with mode 0600.
        with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=".secrets-", delete=False) as whole:
            json.dump(known, whole)
            whole.flush()
            os.fsync(whole.fileno())
        Path(whole.name).replace(file)
        return known
