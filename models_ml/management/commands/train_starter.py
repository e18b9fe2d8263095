"""`manage.py train_starter`: train a starter model from scratch. A thin door over `models_ml.nn.starter`; no database.

Torch is imported inside `handle`, so that listing commands stays quick.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

_BAR = 28


class Command(BaseCommand):
    help = "Train a starter model from scratch on text this repository makes, and measure it on unseen briefs."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--preset", default="cpu", choices=["tiny", "cpu", "gpu"], help="model shape (default cpu)")
        parser.add_argument("--out", type=Path, default=Path("var/starter"), help="an empty or new folder")
        parser.add_argument("--seed", type=int, default=1, help="decides texts, weights and order")
        parser.add_argument("--minutes", type=float, help="about how long to train (default: the preset's steps)")
        parser.add_argument("--steps", help="exact steps of each stage, the third optional, e.g. 400,3000,800")
        parser.add_argument("--resume", action="store_true", help="go on with an unfinished training in the folder")
        parser.add_argument("--threads", type=int, help="torch threads (default: OMP_NUM_THREADS, else 1)")
        parser.add_argument("--evaluate", type=int, default=0, metavar="BRIEFS", help="then measure on unseen briefs")

    def handle(self, *_: Any, **options: Any) -> None:
        steps = _steps(options["steps"])
        minutes = options["minutes"]
        if minutes is not None and not 0 < minutes <= 10_000:
            raise CommandError("--minutes must be above 0", returncode=2)
        if steps and minutes:
            raise CommandError("--minutes and --steps exclude each other", returncode=2)
        _train(options, steps, self.stdout)  # type: ignore[arg-type]  # Django wraps the stream


def _train(options: Mapping[str, Any], steps: tuple[int, ...] | None, stdout: TextIO) -> None:
    from models_ml.nn import starter  # noqa: PLC0415
    from models_ml.nn.loading import set_threads  # noqa: PLC0415
    from models_ml.nn.progress import Cancelled  # noqa: PLC0415
    from models_ml.nn.training import TrainingFailed  # noqa: PLC0415

    try:
        set_threads(options["threads"])
        record = starter.train_starter(
            options["out"],
            preset=options["preset"],
            seed=options["seed"],
            minutes=options["minutes"],
            steps=steps,
            resume=options["resume"],
            on_progress=ProgressBar(stdout),
            should_stop=_interrupted().is_set,
        )
    except Cancelled as error:
        raise CommandError(f"{error}. Go on with --resume.", returncode=130) from error
    except (starter.StarterError, TrainingFailed, OSError, ValueError) as error:
        raise CommandError(str(error), returncode=2) from error
    stdout.write(f"{record['parameters']:,} parameters in {options['out']}, {record['seconds']:.0f} s\n")
    if options["evaluate"]:
        from models_ml.nn import evaluation  # noqa: PLC0415

        evaluation.main(["--model", str(options["out"]), "--briefs", str(options["evaluate"]), "--write"])


def _steps(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    pieces = text.split(",")
    if len(pieces) not in (2, 3) or not all(piece.strip().isdigit() and int(piece) > 0 for piece in pieces):
        raise CommandError("--steps must be two or three whole numbers above 0, e.g. 400,3000,800", returncode=2)
    return tuple(int(piece) for piece in pieces)


def _interrupted() -> threading.Event:
    """Set by the first Ctrl-C or SIGTERM, so that a checkpoint is written; a second Ctrl-C stops at once."""
    event = threading.Event()

    def note(number: int, _frame: object) -> None:
        event.set()
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, note)
        signal.signal(signal.SIGTERM, note)
    return event


class ProgressBar:
    """Progress with the time left: one moving line on a terminal, a line every few seconds elsewhere."""

    def __init__(self, stream: TextIO, *, every: float = 10.0) -> None:
        self.stream, self.every = stream, every
        self.moving = bool(getattr(stream, "isatty", lambda: False)()) and sys.stdout.isatty()
        self.started = time.monotonic()
        self.start_fraction: float | None = None
        self.told = 0.0

    def __call__(self, fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        now = time.monotonic()
        if not self.moving and 0 < fraction < 1 and now - self.told < self.every:
            return
        self.told = now
        bar = "#" * round(fraction * _BAR)
        line = f"[{bar:<{_BAR}}] {fraction:4.0%} {stage}: {message}{self._left(fraction, metrics, now)}"
        self.stream.write(f"\r\x1b[K{line}" if self.moving and fraction < 1 else f"{line}\n")
        self.stream.flush()

    def _left(self, fraction: float, metrics: Mapping[str, float], now: float) -> str:
        if not metrics or fraction >= 1:
            return ""
        if self.start_fraction is None or fraction <= self.start_fraction:
            self.start_fraction, self.started = fraction, now
            return ""
        seconds = (now - self.started) * (1 - fraction) / (fraction - self.start_fraction)
        return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"
