"""Runs pytest against Debian's PostgreSQL (15 or later) and Redis (7) instead of the embedded servers.

Both are started from their packages' binaries in a temporary folder, on private Unix sockets, and stopped at the end;
the system's own services are not touched. Started by `make test-services`; arguments are pytest's.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.embedded import identity, process

ROOT = Path(__file__).resolve().parents[1]

OLDEST = {"PostgreSQL": 15, "Redis": 7}
INSTALL = "apt-get install --no-install-recommends postgresql redis-server"


def main() -> int:
    """Find, start, test, stop. Exit code of pytest; 1 with a sentence where a server is missing."""
    postgres, redis = find_postgres(), find_redis()
    missing = [name for name, found in (("PostgreSQL", postgres), ("Redis", redis)) if found is None]
    if postgres is None or redis is None:
        wanted = " and ".join(f"{name} {OLDEST[name]} or later" for name in missing)
        print(f"Not found: {wanted}. On Debian: {INSTALL}", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    print(f"PostgreSQL {version_of(postgres / 'postgres')}, Redis {version_of(redis)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="copylift-services-", dir="/tmp") as name:
        folder = Path(name)
        # PostgreSQL may run as nobody, who has to pass through; its own folder below is closed.
        folder.chmod(0o711)
        with running_postgres(postgres, folder / "pg") as database, running_redis(redis, folder / "redis") as broker:
            return run_tests(DATABASE_URL=database, REDIS_URL=broker)


def run_tests(**named: str) -> int:
    """pytest with our arguments and the servers in its environment."""
    env = {**os.environ, **named, "COPYLIFT_SECRET_KEY": secrets.token_urlsafe(48)}
    return subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]], cwd=ROOT, env=env, check=False).returncode


# --- finding ----------------------------------------------------------------------------------------------------
def find_postgres() -> Path | None:
    """The folder of the newest `initdb` and `postgres` that are new enough: Debian keeps them off the PATH."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    folders += [Path(on_path).parent] if on_path else []
    fitting = [folder for folder in folders if version_of(folder / "postgres") >= OLDEST["PostgreSQL"]]
    return max(fitting, key=lambda folder: version_of(folder / "postgres"), default=None)


def find_redis() -> Path | None:
    """`redis-server`, where it is new enough."""
    found = shutil.which("redis-server", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/sbin")
    return Path(found) if found and version_of(Path(found)) >= OLDEST["Redis"] else None


def version_of(program: Path) -> int:
    """The major version a program names; 0 where it does not run."""
    try:
        said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    number = re.search(r"(?:PostgreSQL\) |v=)(\d+)", said)
    return int(number.group(1)) if number else 0


# --- running ----------------------------------------------------------------------------------------------------
@contextmanager
def running_postgres(binaries: Path, folder: Path) -> Iterator[str]:
    """A fresh cluster on a socket in `folder`; the address of its database. As root it runs as nobody."""
    folder.mkdir(mode=0o700)
    password = secrets.token_urlsafe(24)
    (folder / "password").write_text(f"{password}\n")
    way = "nobody" if os.geteuid() == 0 else "same"
    identity.give(folder, way)
    data, log = folder / "data", folder.parent / "postgres.log"
    rules = [
        "-U",
        "postgres",
        "-A",
        "scram-sha-256",
        f"--pwfile={folder / 'password'}",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
    ]
    make = [str(binaries / "initdb"), "-D", str(data), *rules, "--no-sync"]
    made = process.Child(program(make, log, way, signal.SIGKILL))
    if not made.wait(60) or made.code != 0:
        sys.exit(f"initdb failed:\n{log.read_text()}")
    arguments = [f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off", "max_locks_per_transaction=512"]
    serve = [str(binaries / "postgres"), "-D", str(data), *(word for one in arguments for word in ("-c", one))]
    with started(program(serve, log, way, signal.SIGINT), folder / ".s.PGSQL.5432"):
        yield f"postgres://postgres:{password}@/postgres?host={folder}&port=5432"


@contextmanager
def running_redis(binary: Path, folder: Path) -> Iterator[str]:
    """An empty Redis on a socket in `folder`; its address."""
    folder.mkdir(mode=0o700)
    place = folder / "redis.sock"
    command = [str(binary), "--port", "0", "--unixsocket", str(place), "--unixsocketperm", "700"]
    command += ["--save", "", "--dir", str(folder)]
    with started(program(command, folder.parent / "redis.log", "same", signal.SIGTERM), place):
        yield f"redis+socket://{place}"


def program(argv: list[str], log: Path, way: str, last_signal: int) -> process.Program:
    """A server that ends with us."""
    env = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}} | {"LC_ALL": "C"}
    return process.Program("server", argv, log, log.parent, env, last_signal, way, Path("/"))


@contextmanager
def started(server: process.Program, place: Path) -> Iterator[None]:
    """A server until the end of the block, once its socket is there."""
    child = process.Child(server)
    try:
        deadline = time.monotonic() + 30
        while not place.exists():
            if not child.alive() or time.monotonic() > deadline:
                sys.exit("\n".join([f"{server.argv[0]} did not start:", *process.tail(server.log)]))
            time.sleep(0.05)
        yield
    finally:
        child.stop((server.last_signal, 20.0))


if __name__ == "__main__":
    sys.exit(main())
