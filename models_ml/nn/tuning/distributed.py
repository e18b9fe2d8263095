"""One fine-tuning run on several devices of a machine: the launcher, in the process that asked for it.

Peculiar: it starts torch's own launcher, under which transformers' Trainer finds its place through accelerate (gloo on
a CPU, nccl on GPUs). The processes speak to this one by lines: process 0 writes marked JSON to standard output
(progress, figures, result, errors) and reads its standard input, where "stop" asks for a checkpoint and an end. When
this process dies that input ends, which means the same, so nobody trains on unseen. A process that dies takes the
others along.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from models_ml.nn.progress import Cancelled, OnProgress, ShouldStop, never, silent
from models_ml.nn.training import TrainingFailed
from models_ml.nn.tuning import checkpoints, saving
from models_ml.nn.tuning.plan import TuningError, TuningPlan, TuningResult
from models_ml.nn.tuning.training import unheard
from models_ml.nn.tuning.watch import OnMetrics

MARK = "@copylift "
WORKER = "models_ml.nn.tuning.distributed_worker"
_ROOT = Path(__file__).resolve().parents[3]
_LOOK = 0.2  # seconds between two looks at the wish to stop
_GRACE = 300.0  # seconds that a stop may take: a checkpoint of a large model is written first
_TAIL = 40  # last lines kept for an error nobody explained
_LONGEST_LINE = 2000


def command(plan_file: Path, out: Path, processes: int, *, resume: bool = False, worker: str = WORKER) -> list[str]:
    """The command line that trains with `processes` processes on this machine, as a list of arguments."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--max-restarts=0"]
    arguments = [str(plan_file), str(out), *(["--resume"] if resume else [])]
    return [*launcher, f"--nproc-per-node={processes}", "-m", worker, *arguments]


def launch(
    plan_file: Path,
    out: Path,
    processes: int,
    *,
    on_progress: OnProgress = silent,
    on_metrics: OnMetrics = unheard,
    should_stop: ShouldStop = never,
    resume: bool = False,
    worker: str = WORKER,
) -> TuningResult:
    """Run the plan in `plan_file` (JSON) on `processes` devices; as `training.tune` otherwise.

    A step sees `processes` times the plan's rows. Raises TuningError (also for more processes than GPUs), Cancelled (a
    checkpoint is left) and TrainingFailed, for a process that died too; then all have ended when this returns.
    """
    TuningPlan.from_json(_read(plan_file))  # refused here, before anything is started
    _check_processes(processes)
    if resume and (done := saving.finished(out) if out.is_dir() else None) is not None:
        return done
    if not resume:
        checkpoints.remove(out / "work")  # else the others could take old tokens for those of this run
    started = subprocess.Popen(
        command(plan_file, out, processes, resume=resume, worker=worker),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    with _ended(started):
        heard = _Heard(on_progress, on_metrics)
        _listen(started, heard, should_stop)
    if heard.result is None and started.returncode == 0:
        heard.result = saving.finished(out) if out.is_dir() else None  # its line was lost among others
    return heard.conclude(started.returncode, processes)


def environment() -> dict[str, str]:
    """The processes' environment: this one's, with our code on the path and a network that needs no name server."""
    path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    found = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    found.setdefault("OMP_NUM_THREADS", "1")
    if not torch.cuda.is_available():
        found.setdefault("GLOO_SOCKET_IFNAME", "lo")
    return found


def _read(plan_file: Path) -> str:
    try:
        return plan_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TuningError("plan", f"{plan_file} cannot be read: {error}") from error


def _check_processes(processes: int) -> None:
    if processes < 1:
        raise TuningError("processes", "must be at least 1")
    devices = torch.cuda.device_count()
    if devices and processes > devices:
        raise TuningError("processes", f"is {processes}, but this machine has {devices} GPUs")


@dataclass
class _Heard:
    """What the processes have said."""

    on_progress: OnProgress
    on_metrics: OnMetrics
    result: TuningResult | None = None
    errors: list[Mapping[str, Any]] = field(default_factory=list)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))

    def line(self, text: str) -> None:
        """Take one line of their output."""
        place = text.find(MARK)
        if place < 0:
            self.tail.append(text.rstrip()[:_LONGEST_LINE])
            return
        try:
            said = json.loads(text[place + len(MARK) :])
        except ValueError:  # another process wrote into the line
            return
        kind = said.pop("kind")
        if kind == "progress":
            self.on_progress(said["fraction"], said["stage"], said["message"], said["metrics"])
        elif kind == "metrics":
            self.on_metrics(said["step"], said["values"])
        elif kind == "result":
            self.result = TuningResult.from_json(said["result"])
        else:
            self.errors.append(said)

    def conclude(self, code: int, processes: int) -> TuningResult:
        """The result, or the error that explains best why there is none."""
        for said in self.errors:
            if said["type"] == "Cancelled":
                raise Cancelled(said["message"])
            if said["type"] == "TuningError":
                raise TuningError(said["field"], said["message"])
            if said["type"] == "TrainingFailed":
                raise TrainingFailed(said["message"])
        if code == 0 and self.result is not None:
            return self.result
        raise TrainingFailed(self._reason(code, processes))

    def _reason(self, code: int, processes: int) -> str:
        text = "\n".join(self.tail)
        found = re.search(r"exitcode\s*:\s*(-?\d+).*", text), re.search(r"local_rank:\s*(\d+)", text)
        if found[0] and int(found[0][1]) < 0:
            name = signal.Signals(-int(found[0][1])).name
            which = f"process {int(found[1][1]) + 1}" if found[1] else "a process"
            return f"{which} of {processes} was ended by {name} (out of memory, or by hand); the others were ended too"
        if self.errors:
            return str(self.errors[0]["message"])
        last = next((line for line in reversed(self.tail) if line.strip()), "nothing was said")
        return f"training with {processes} processes ended with code {code}: {last}"


def _listen(started: subprocess.Popen[str], heard: _Heard, should_stop: ShouldStop) -> None:
    """Hand on what is said until the output ends; pass the wish to stop on once."""
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_pump, args=(started, lines), name="distributed output", daemon=True)
    reader.start()
    asked = False
    while True:
        with contextlib.suppress(queue.Empty):
            text = lines.get(timeout=_LOOK)
            if text is None:
                break
            heard.line(text)
        if not asked and should_stop():
            asked = True
            _ask_to_stop(started)
    started.wait(_GRACE)


def _pump(started: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    for text in started.stdout or ():
        lines.put(text)
    lines.put(None)


def _ask_to_stop(started: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError):
        if started.stdin is not None:
            started.stdin.write("stop\n")
            started.stdin.flush()
    timer = threading.Timer(_GRACE, started.terminate)
    timer.daemon = True
    timer.start()


@contextlib.contextmanager
def _ended(started: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever happens within, the launcher and with it all processes have ended afterwards."""
    try:
        yield
    finally:
        if started.poll() is None:
            started.terminate()  # torch's launcher ends its processes, then itself
            try:
                started.wait(30)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()
        for stream in (started.stdin, started.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
