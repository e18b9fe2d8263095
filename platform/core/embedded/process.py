"""Starting, stopping and recognising processes of ours. Linux reads /proc, elsewhere `ps` is asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

# Every process we start bears the var folder it works for, so that what a `kill -9` left over can be told from others.
MARKER = "COPYLIFT_OWNER"
CHILD = Path(__file__).with_name("child.py")
LOG_BYTES = 5_000_000
LINUX = sys.platform == "linux"


@dataclass(frozen=True)
class Program:
    """What to start: arguments (the first an absolute path), where its output goes, the signal it gets if we die.

    A `log` of None: the output is ours.
    """

    name: str
    argv: Sequence[str]
    log: Path | None
    owner: Path
    env: dict[str, str] = field(default_factory=dict)
    last_signal: int = signal.SIGTERM
    identity: str = "same"
    folder: Path | None = None


class Child:
    """A started program in a session of its own: a Ctrl-C at the terminal reaches us and not it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.started = time.monotonic()
        wrapper = [sys.executable, "-I", "-S", str(CHILD), "--parent", str(os.getpid())]
        wrapper += ["--signal", str(int(program.last_signal)), "--identity", program.identity]
        if not LINUX:
            wrapper.append("--watch")
        with program.log.open("ab") if program.log else nullcontext() as output:
            self._process = subprocess.Popen(
                [*wrapper, "--", *program.argv],
                stdin=subprocess.DEVNULL if LINUX else subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                env={**program.env, MARKER: str(program.owner)},
                cwd=program.folder,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def alive(self) -> bool:
        """Whether it still runs. A dead one is reaped by asking."""
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def send(self, number: int) -> None:
        """Send a signal to the program itself."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Wait for its end at most so long; whether it ended."""
        try:
            self._process.wait(timeout=max(seconds, 0.01))
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, *steps: tuple[int, float]) -> None:
        """Send each signal and wait its seconds, until it ends; then kill what is left of its session."""
        for number, seconds in steps:
            if not self.alive():
                break
            self.send(number)
            self.wait(seconds)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(5)
        if self._process.stdin:
            self._process.stdin.close()


def rotate(log: Path | None) -> None:
    """Make the log's folder, and put a log that has grown aside as `NAME.1`."""
    if log is None:
        return
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def tail(log: Path | None, lines: int = 8) -> list[str]:
    """The last lines of a log; none where it cannot be read."""
    if log is None:
        return []
    try:
        with log.open("rb") as handle:
            handle.seek(max(0, log.stat().st_size - 16_384))
            return handle.read().decode("utf-8", "replace").splitlines()[-lines:]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie: a dead one whose parent has not looked yet counts as dead."""
    if pid <= 0:
        return False
    if LINUX:
        try:
            # The name in parentheses may hold anything, so the state is what follows the last one.
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
        except (OSError, IndexError):
            return False
    state = _ps(pid, "state")
    return bool(state) and not state.startswith("Z")


def command_line(pid: int) -> str:
    """The command line of a process, arguments separated by blanks; empty where it is gone."""
    if not LINUX:
        return _ps(pid, "command")
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def _ps(pid: int, column: str) -> str:
    answer = subprocess.run(["ps", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def read_pid(file: Path) -> int:
    """The number in the first line of a pid file; 0 where there is none."""
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def end_stranger(pid: int, belongs: Callable[[str], bool], *, grace: float, number: int) -> None:
    """Wait for a process that an earlier run left behind, then end it. One whose command line is not ours is let be.

    Only for the holder of the lock: whoever still runs on our data then has lost its owner.
    """
    deadlines = [(None, grace), (number, grace), (signal.SIGKILL, 5.0)]
    for step, seconds in deadlines:
        if not (alive(pid) and belongs(command_line(pid))):
            return
        if step is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, step)
        deadline = time.monotonic() + seconds
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)


def leftovers(owner: Path) -> Iterator[int]:
    """Processes that bear our marker for this var folder. Empty where /proc is not there to read."""
    wanted = f"{MARKER}={owner}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            marked = wanted in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if marked and pid != os.getpid() and alive(pid):
            yield pid


def session(pid: int) -> int:
    """The session a process belongs to; 0 where it is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def sweep(owner: Path, *, spare: set[int]) -> int:
    """Kill what a killed launcher left behind, and answer how many. Only for the holder of the lock.

    `spare` holds the sessions that were started since: a session's id is the pid of its first process.
    """
    pids = [pid for pid in leftovers(owner) if session(pid) not in spare]
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)
