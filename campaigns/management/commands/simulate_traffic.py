"""Play simulated shoppers over HTTP: `python manage.py simulate_traffic --campaign KEY --shoppers N --api-key …`."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import errors
from experiments.simulation import account
from experiments.simulation.blocks import Played
from experiments.simulation.client import Shop
from experiments.simulation.player import Progress, play

BAR = 30
# Where the output is no terminal, a line this often.
LINE_SECONDS = 10.0


class Command(BaseCommand):
    help = "Plays shoppers with known behaviour over the REST interface, and prints the truth beside what was sent."
    # It talks to a server, which may be another machine's: nothing of this one's needs to be in order.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--experiment", metavar="KEY", help="play in this experiment")
        what.add_argument("--campaign", metavar="KEY", help="play in this campaign; the platform picks the audience")
        key = parser.add_mutually_exclusive_group(required=True)
        key.add_argument("--api-key", metavar="cl_…", help="a key with the scopes decide, events and read")
        key.add_argument("--api-key-file", metavar="FILE", type=Path, help="a file that holds the key and nothing else")
        parser.add_argument("--base-url", default="http://127.0.0.1:8000", help="where the platform answers")
        parser.add_argument("--shoppers", type=int, default=10_000, help="how many come (10000)")
        parser.add_argument("--first", type=int, default=0, help="the number of the first (0)")
        parser.add_argument("--seed", type=int, default=1, help="sets the shoppers and the true effects (1)")
        parser.add_argument("--rate", type=float, help="shoppers a second; as fast as it goes without")
        parser.add_argument("--threads", type=int, default=4, help="how many work at once (4)")
        parser.add_argument(
            "--batch", action="store_true", help="ask for a hundred decisions at once (experiments only)"
        )
        parser.add_argument("--from", dest="begun_at", metavar="TIME", help="date the visits from this ISO time on")
        parser.add_argument("--days", type=float, default=0.0, help="spread the visits over so many days")
        parser.add_argument("--patience", type=float, default=60.0, help="seconds to go on asking a silent server (60)")

    def handle(self, *args: Any, **options: Any) -> None:
        # One line for each of thousands of requests would bury the bar.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        bar = Bar(self)
        try:
            with stopped_by_signals() as stop:
                played = self._play(options, bar, stop)
        except errors.CopyliftError as problem:
            bar.end()
            raise CommandError(problem.message, returncode=2) from None
        bar.end()
        for line in account.lines(played):
            self.stdout.write(line)
        conclude(played)

    def _play(self, options: dict[str, Any], bar: Bar, stop: threading.Event) -> Played:
        if options["batch"] and options["campaign"]:
            raise errors.InvalidInput.field("--batch", "a campaign decides one shopper at a time.")
        with Shop(
            options["base_url"], secret_of(options), patience=options["patience"], should_stop=stop.is_set
        ) as shop:
            return play(
                shop,
                begun_at=moment_of(options["begun_at"]),
                progress=bar,
                **{name: options[name] for name in _PASSED_ON},
            )


_PASSED_ON = ("seed", "shoppers", "experiment", "campaign", "first", "rate", "batch", "threads", "days")


class Bar:
    """A progress bar with the time that is left; on something that is no terminal, a line now and then."""

    def __init__(self, command: BaseCommand) -> None:
        self._out = command.stderr
        self._live = sys.stderr.isatty()
        self._told = time.monotonic()
        self._open = False

    def __call__(self, progress: Progress) -> None:
        """Show how far it is."""
        if self._live:
            self._out.write(f"\r{text_of(progress)}", ending="")
            self._out.flush()
            self._open = True
        elif time.monotonic() - self._told >= LINE_SECONDS:
            self._told = time.monotonic()
            self._out.write(text_of(progress))

    def end(self) -> None:
        """Leave the line of the bar."""
        if self._open:
            self._out.write("")
        self._open = False


def text_of(progress: Progress) -> str:
    """`[####    ]  40 % 4,000 of 10,000 shoppers, 48,012 events, 12 s left`."""
    share = progress.shoppers / progress.total
    left = progress.seconds * (1 - share) / share if share else 0.0
    filled = "#" * round(BAR * share)
    return (
        f"[{filled:<{BAR}}] {share:4.0%} {progress.shoppers:,} of {progress.total:,} shoppers, "
        f"{progress.events:,} events, {left:.0f} s left "
    )


def conclude(played: Played) -> None:
    """Raise CommandError where events were refused (1) or the play was stopped (130)."""
    if played.rejected:
        first = played.rejected[0]
        raise CommandError(
            f"Events were refused; the first: {first.get('field')}: {first.get('message')}", returncode=1
        )
    if played.stopped:
        raise CommandError("Stopped. The same command goes on from there and doubles nothing.", returncode=130)


def secret_of(options: dict[str, Any]) -> str:
    """The API key, from the option or the file."""
    path: Path | None = options["api_key_file"]
    if path is None:
        return str(options["api_key"]).strip()
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        raise errors.InvalidInput.field("--api-key-file", f"{path} cannot be read.") from None


def moment_of(text: str | None) -> datetime | None:
    """A time with its zone."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise errors.InvalidInput.field("--from", f"{text!r} is not an ISO time such as 2026-03-01T00:00Z.") from None
    if moment.tzinfo is None:
        raise errors.InvalidInput.field("--from", f"{text!r} has no zone; write {text}Z for UTC.")
    return moment


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second acts as ever."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, told)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
