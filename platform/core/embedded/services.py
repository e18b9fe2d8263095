"""The embedded servers of one checkout, as one thing to start and stop; and the rule by which a command gets them.

`Services` owns: it holds the lock, starts what DATABASE_URL and REDIS_URL leave open, and stops exactly that.
`ensure` attaches where another process owns already, and owns for the length of the command where none does.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from core.embedded import paths, process, urls
from core.embedded.lock import Attachment, Lock, Owner
from core.embedded.postgres import Postgres
from core.embedded.problems import AlreadyRunning, DiskFull, ServiceProblem, plain_sentences
from core.embedded.server import Server, quiet
from core.embedded.valkey import Valkey

FREE_BYTES_NEEDED = 500 * 1024 * 1024
ATTACH_SECONDS = 60.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
KINDS: tuple[type[Server], ...] = (Postgres, Valkey)
# Commands of manage.py that need neither database nor broker; `launch` starts its own.
COMMANDS_WITHOUT_SERVICES = frozenset(
    {
        "", "help", "version", "launch", "check", "collectstatic", "compilemessages", "makemessages", "train_starter",
        "export_openapi", "simulate_traffic", "startapp", "startproject", "findstatic", "diffsettings", "sendtestemail",
    }
)  # fmt: skip


class Services:
    """PostgreSQL and Valkey for one `var/` folder. A context manager; `start` and `stop` may also be called singly."""

    def __init__(
        self,
        var: Path | None = None,
        *,
        postgres: bool = True,
        valkey: bool = True,
        durable: bool = True,
        purpose: str = "a script",
        address: str = "",
        report: Callable[[str], None] = quiet,
    ) -> None:
        self.var = var or paths.var_dir()
        self.owner = Owner(pid=os.getpid(), purpose=purpose, address=address)
        self._lock = Lock(self.var)
        self._wanted = (postgres, valkey)
        self._durable = durable
        self._report = report
        self.servers: list[Server] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Take the lock and start the servers, recovering what an earlier run left behind.

        Raises `AlreadyRunning`, `DiskFull` or another `ServiceProblem`; then nothing is left running.
        """
        with plain_sentences(self.var):
            self.var.mkdir(parents=True, exist_ok=True)
            if not self._lock.acquire(self.owner):
                raise AlreadyRunning(self._lock.owner().sentence())
            try:
                require_free_space(self.var)
                self._start_servers()
            except BaseException:
                self.stop()
                raise

    def _start_servers(self) -> None:
        self.servers = self.wanted()
        for server in self.servers:
            server.start()
        # After the servers: those of a killed launcher get the time to end well, all else of it is killed.
        started = {server.child.pid for server in self.servers if server.child}
        process.sweep(self.var, spare=started)

    def wanted(self) -> list[Server]:
        """The servers this stands for, not started."""
        return [
            kind(self.var, durable=self._durable, report=self._report)
            for kind, yes in zip(KINDS, self._wanted, strict=True)
            if yes
        ]

    def revive(self) -> list[str]:
        """Start again each server that died, and answer their names. Raises `ServiceProblem` where one does not."""
        dead = [server for server in self.servers if not server.alive()]
        for server in dead:
            server.start()
        return [server.name for server in dead]

    def stop(self) -> None:
        """Stop exactly what was started, the broker first, and give the lock back. May be called twice."""
        for server in reversed(self.servers):
            server.stop()
        self.servers = []
        with suppress(OSError, ServiceProblem):
            for folder in (paths.postgres_socket_dir(self.var), paths.runtime_dir(self.var)):
                folder.rmdir()
        self._lock.release()


def require_free_space(place: Path) -> None:
    """Raise `DiskFull` where `place` has less than 500 MB free: PostgreSQL stops in the middle of a write otherwise."""
    free = shutil.disk_usage(place).free
    if free < FREE_BYTES_NEEDED:
        raise DiskFull(
            f"The disk that holds {place} has {free // 1024**2} MB free; "
            f"Copylift needs {FREE_BYTES_NEEDED // 1024**2} MB to start. Free some space and start again."
        )


# --- for commands -----------------------------------------------------------------------------------------------
def ensure(*, purpose: str, var: Path | None = None) -> Services | None:
    """See to it that the servers which no variable names are there until this process ends.

    Answers the `Services` this process now owns, or None where another owns them or none is needed.
    Raises `ServiceProblem` where they cannot be started, or where another's do not answer within a minute.
    """
    postgres, valkey = (urls.is_embedded(name=name) for name in ("DATABASE_URL", "REDIS_URL"))
    if not (postgres or valkey):
        return None
    services = Services(var, postgres=postgres, valkey=valkey, purpose=purpose)
    deadline = time.monotonic() + ATTACH_SECONDS
    while True:
        try:
            services.start()
        except AlreadyRunning as busy:
            if _attach(services):
                return None
            if time.monotonic() > deadline:
                raise ServiceProblem(f"{busy.message} But its servers do not answer: stop it.") from None
            time.sleep(0.1)
        else:
            _stop_at_exit(services)
            return services


def ensure_for_command(argv: Sequence[str]) -> None:
    """What manage.py calls before Django: servers for the commands that need them. A problem ends with a sentence."""
    command = next((word for word in argv[1:2] if not word.startswith("-")), "")
    if command in COMMANDS_WITHOUT_SERVICES or "--help" in argv or (command == "makemigrations" and "--check" in argv):
        return
    try:
        ensure(purpose=f"manage.py {command}")
    except ServiceProblem as problem:
        sys.exit(problem.message)


def _attach(services: Services) -> bool:
    """Take a share in another's servers until this process ends; False where they do not answer yet or no more."""
    share = Attachment(services.var)
    share.take()
    if not all(server.answers() for server in services.wanted()):
        share.give_back()
        return False
    atexit.register(share.give_back)
    return True


def _stop_at_exit(services: Services) -> None:
    owner = os.getpid()

    def stop() -> None:
        # A forked child inherits this hook, but owns nothing.
        if os.getpid() != owner:
            return
        for number in STOP_SIGNALS:
            signal.signal(number, signal.default_int_handler)
        _wait_for_sharers(services.var)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        services.stop()

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    atexit.register(stop)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # The default action would skip the exit hooks.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, leave)


def _wait_for_sharers(var: Path) -> None:
    """Other commands use our servers: stay until they have ended, or until Ctrl-C."""
    door = Attachment(var)
    told = False
    with suppress(KeyboardInterrupt):
        while not door.shut():
            if not told:
                told = True
                sys.stderr.write("Another command uses the same servers; waiting for its end (Ctrl-C: stop now).\n")
            time.sleep(0.2)
