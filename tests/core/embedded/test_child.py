"""The wrapper around each server: it ends with its parent, by the kernel on Linux and by the watchdog elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.embedded import process
from core.embedded.process import CHILD, Child, Program
from tests.core.embedded.helpers import wait_for

PARENT = """
import os, subprocess, sys, time
command = [sys.executable, "-I", "-S", sys.argv[1], "--parent", str(os.getpid()), "--signal", "15", *sys.argv[2:]]
child = subprocess.Popen([*command, "--", "/bin/sleep", "60"], stdin=subprocess.PIPE)
time.sleep(0.5)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("options", [[], ["--watch"]])
def test_a_program_ends_when_its_parent_is_killed(options: list[str]) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(CHILD), *options], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    below = [pid] if not options else [pid, *children_of(pid)]
    assert len(below) == len(options) + 1
    assert all(process.alive(one) for one in below)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_for(lambda: not any(process.alive(one) for one in below))


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_program_that_lost_its_parent_before_the_start_ends_at_once() -> None:
    command = [sys.executable, "-I", "-S", str(CHILD), "--parent", "1", "--signal", "15", "--", "/bin/sleep", "60"]
    assert subprocess.run(command, check=False, timeout=10).returncode == 1


def test_a_missing_program_is_a_line_and_no_traceback(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(Program(name="none", argv=["/nowhere/none"], log=log, owner=tmp_path))
    assert child.wait(10)
    assert log.read_text() == "/nowhere/none: No such file or directory\n"
    child.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up rights")
@pytest.mark.parametrize("identity", ["userns", "nobody"])
def test_root_becomes_nobody_in_both_ways(identity: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(Program(name="id", argv=["/usr/bin/id", "-u"], log=log, owner=tmp_path, identity=identity))
    assert child.wait(10)
    if "not allowed here" in log.read_text():
        pytest.skip("user namespaces are not allowed here")
    assert log.read_text() == "65534\n"
    child.stop()


def test_stopping_kills_what_the_program_left_in_its_session(tmp_path: Path) -> None:
    script = "sleep 60 & echo $!; trap '' TERM; while :; do sleep 0.1; done"
    child = Child(Program(name="stubborn", argv=["/bin/sh", "-c", script], log=tmp_path / "log", owner=tmp_path))
    assert wait_for(lambda: (tmp_path / "log").read_text() != "")
    grandchild = int((tmp_path / "log").read_text())
    assert process.alive(grandchild)
    child.stop((15, 0.3))
    assert child.code == -9
    assert wait_for(lambda: not process.alive(grandchild))


def test_a_zombie_counts_as_dead() -> None:
    zombie = subprocess.Popen(["true"])
    assert wait_for(lambda: not process.alive(zombie.pid))
    assert Path(f"/proc/{zombie.pid}").exists(), "it was reaped, so this proves nothing"
    zombie.wait()


def test_a_stranger_with_another_command_line_is_let_be() -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        # Popen returns while the kernel may still be laying out the new command line.
        while b"sleep" not in Path(f"/proc/{stranger.pid}/cmdline").read_bytes():
            assert stranger.poll() is None
        process.end_stranger(stranger.pid, lambda line: "postgres" in line, grace=0.1, number=15)
        assert stranger.poll() is None
        process.end_stranger(stranger.pid, lambda line: "sleep" in line, grace=0.1, number=15)
        assert stranger.wait(timeout=5) == -15
    finally:
        stranger.kill()
        stranger.wait()


def test_a_log_that_has_grown_is_put_aside_once(tmp_path: Path) -> None:
    log = tmp_path / "log" / "web.log"
    process.rotate(log)
    log.write_bytes(b"x" * process.LOG_BYTES)
    process.rotate(log)
    assert log.exists()
    log.write_bytes(b"x" * (process.LOG_BYTES + 1))
    process.rotate(log)
    assert not log.exists()
    assert (log.parent / "web.log.1").stat().st_size == process.LOG_BYTES + 1
