"""`manage.py play_demo`: plays the demo from its present state on; `make run` starts it beside web and workers.

It stays when there is nothing left to do (`--once`: it ends), since `make run` would start it again, and it outlives
whatever goes wrong outside: the demo's trouble must not end the platform.
"""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, close_old_connections
from django.utils import timezone

from campaigns.demo import data, people
from campaigns.demo.director import Director
from campaigns.demo.review import Approvers
from campaigns.demo.traffic import Traffic
from core import errors
from core.roles import Role

logger = logging.getLogger(__name__)

TURN_SECONDS = 1.0
IDLE_SECONDS = 20.0
LONGEST_PAUSE = 60.0


class Command(BaseCommand):
    help = "Plays the demo: writes copy, reviews, launches, sends shoppers over HTTP; then keeps live traffic going."

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stop = threading.Event()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="where the platform is served")
        parser.add_argument("--once", action="store_true", help="end when nothing is left to do, or on trouble")

    def handle(self, *args: Any, **options: Any) -> None:
        # One line for each of thousands of requests would bury what happens.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        pause = TURN_SECONDS
        while not self._played(options["url"], once=options["once"]):
            self.say(f"Trying again in {pause:.0f} s.")
            close_old_connections()
            self.stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _played(self, url: str, *, once: bool) -> bool:
        """Play; False where something went wrong that may pass."""
        try:
            self.play(url, once=once)
        except (errors.CopyliftError, Error, OSError) as problem:
            if once:
                raise CommandError(str(problem)) from problem
            self.say(f"Trouble: {problem}")
        except Exception:
            if once:
                raise
            logger.exception("the demo stumbled")
        else:
            return True
        return self.stop.is_set()

    def play(self, url: str, *, once: bool) -> None:
        """Turn after turn, until told to stop or, with `once`, until all is done."""
        shop, credentials = data.load(), people.Credentials(settings.VAR)
        if not credentials.api_key:
            raise errors.NotFound(f"{credentials.path} names no API key; run load_demo first.")
        with Traffic(url, credentials.api_key, stopping=self.stop.is_set) as traffic:
            director = Director(
                shop=shop,
                marketer=people.member_of(shop.members, Role.MARKETER),
                approvers=Approvers(
                    people.member_of(shop.members, Role.APPROVER), people.member_of(shop.members, Role.APPROVER, 1)
                ),
                traffic=traffic,
                say=self.say,
                stopping=self.stop.is_set,
            )
            self._turns(director, once=once)

    def _turns(self, director: Director, *, once: bool) -> None:
        told = False
        while not self.stop.is_set():
            close_old_connections()
            moved = director.turn()
            done = director.done()
            if done and not told:
                self.say("The demo is set up and its traffic is through; nothing is left to do.")
                told = True
            if done and once:
                return
            self.stop.wait(IDLE_SECONDS if done else 0.0 if moved else TURN_SECONDS)

    def say(self, line: str) -> None:
        """One line with the time, at once: the log is read while we run."""
        now: datetime = timezone.localtime()
        self.stdout.write(f"{now:%H:%M:%S} {line}")
        self.stdout.flush()
