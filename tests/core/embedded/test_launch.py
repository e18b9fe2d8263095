"""`manage.py launch` as `make run` calls it: ready, refused twice, killed and recovered, stopped without a trace."""

from __future__ import annotations

import http.client
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.embedded import paths, process
from core.embedded.console import Console
from core.embedded.problems import ServiceProblem
from core.embedded.programs import Fleet
from core.embedded.web import ask_ready, require_free_port
from tests.core.embedded.helpers import clean_environment, remains, wait_for


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(var=tmp_path / "a checkout" / "var", host="127.0.0.1", port=free_port())
    yield fleet
    assert wait_for(lambda: remains(fleet.var) == []), remains(fleet.var)
    shutil.rmtree(paths.runtime_dir(fleet.var), ignore_errors=True)


class Launched:
    """One `launch` in a session of its own, its output in a file."""

    def __init__(self, fleet: Fleet, name: str, **env: str) -> None:
        self.output = fleet.var.parent / f"{name}.txt"
        self.output.parent.mkdir(exist_ok=True)
        command = [sys.executable, str(paths.ROOT / "manage.py"), "launch", "--port", str(fleet.port), "--no-demo"]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                command, env=clean_environment(fleet.var, **env), stdout=output, stderr=output, start_new_session=True
            )

    def says(self, words: str) -> bool:
        """Wait until it has said so, or has ended."""
        wait_for(lambda: words in self.text() or self.process.poll() is not None, seconds=60)
        return words in self.text()

    def text(self) -> str:
        return self.output.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=40)


@pytest.mark.services
def test_a_launch_serves_survives_kills_and_leaves_nothing(fleet: Fleet) -> None:
    first = Launched(fleet, "first")
    try:
        assert first.says(f"Copylift runs at {fleet.address}"), first.text()
        assert ask_ready(fleet) == (http.client.OK, "")
        second = Launched(fleet, "second")
        assert second.process.wait(timeout=30) == 1
        assert (
            f"already running in this checkout at {fleet.address} (make run, pid {first.process.pid})." in second.text()
        )
        assert "Traceback" not in second.text()
        assert len(remains(fleet.var)) > 8
    finally:
        first.end(signal.SIGKILL)
    # At once: web and workers of the first are still on their way out, and hold the port.
    third = Launched(fleet, "third")
    try:
        assert third.says("Copylift runs at"), third.text()
        postgres = process.read_pid(fleet.var / "postgres" / "postmaster.pid")
        os.kill(postgres, signal.SIGKILL)
        assert third.says("PostgreSQL had stopped; it runs again."), third.text()
        assert wait_for(lambda: ask_ready(fleet) == (http.client.OK, ""))
    finally:
        code = third.end()
    assert code == 0
    assert "Copylift has stopped; everything it started has ended." in third.text()
    assert "Traceback" not in third.text()
    assert remains(fleet.var) == []


@pytest.mark.services
def test_a_port_in_use_ends_the_launch_with_another_one_named(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", fleet.port)):
        launched = Launched(fleet, "refused")
        assert launched.process.wait(timeout=40) == 1
    sentence = f"Port {fleet.port} is in use by another program. Choose another one: make run PORT={fleet.port + 1}"
    assert launched.text().splitlines()[-1] == sentence
    assert not (fleet.var / "log" / "web.log").exists()


@pytest.mark.services
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_the_middle_of_the_start_stops_what_was_started(fleet: Fleet, number: int) -> None:
    launched = Launched(fleet, "interrupted")
    assert launched.says("[2/6]"), launched.text()
    assert launched.end(number) == 0
    assert "everything it started has ended" in launched.text()
    assert "Traceback" not in launched.text()


@pytest.mark.services
def test_killing_make_stops_the_launch_below_it(fleet: Fleet) -> None:
    """make marks its children with MAKELEVEL; any process can stand for it."""
    command = [sys.executable, "-c", PARENT_OF_LAUNCH, str(paths.ROOT / "manage.py"), str(fleet.port)]
    parent = subprocess.Popen(command, env=clean_environment(fleet.var, MAKELEVEL="1"))
    assert wait_for(lambda: len(remains(fleet.var)) > 1, seconds=30)
    parent.kill()
    parent.wait()
    assert wait_for(lambda: remains(fleet.var) == [], seconds=30)


PARENT_OF_LAUNCH = """
import subprocess, sys
subprocess.run([sys.executable, sys.argv[1], "launch", "--no-demo", "--port", sys.argv[2]], stdout=subprocess.DEVNULL)
"""


@pytest.mark.parametrize("port", ["0", "65536", "-1", "web", "", "8000.5"])
def test_a_port_that_is_none_is_named(port: str, tmp_path: Path) -> None:
    command = [sys.executable, str(paths.ROOT / "manage.py"), "launch", f"--port={port}"]
    env = clean_environment(tmp_path / "var")
    answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "argument --port: " in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "var" / "postgres").exists()


def test_a_port_without_the_right_to_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_self: socket.socket, _address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ServiceProblem, match=r"^Port 80 needs special rights\. Choose one above 1023"):
        require_free_port(Fleet(var=tmp_path, host="127.0.0.1", port=80))


def test_an_address_that_is_not_this_machine_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ServiceProblem, match=r"^192\.0\.2\.1 port 8000 cannot be listened on"):
        require_free_port(Fleet(var=tmp_path, host="192.0.2.1", port=8000))


def test_nothing_there_is_not_ready(tmp_path: Path) -> None:
    fleet = Fleet(var=tmp_path, host="127.0.0.1", port=free_port())
    assert ask_ready(fleet) == (0, "the web process does not answer")


def test_progress_is_numbered_and_a_closed_terminal_stops_nothing() -> None:
    written = io.StringIO()
    console = Console(steps=2, output=written)
    console.step("One.")
    console.note("More.")
    console.step("Two.")
    assert written.getvalue() == "[1/2]    0.0 s  One.\n         0.0 s  More.\n[2/2]    0.0 s  Two.\n"
    written.close()
    console.line("nobody reads this")
