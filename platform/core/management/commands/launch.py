"""`make run`: servers, migrations, static files, demo shop, web, workers; then the watch over all of it.

Ctrl-C, SIGTERM and SIGHUP stop what was started and nothing else. What needs no Django is in `core.embedded`.
"""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from core import health
from core.embedded import urls
from core.embedded.console import Console
from core.embedded.launcher import Launcher, StopRequested
from core.embedded.problems import ServiceProblem
from core.embedded.programs import Fleet
from core.embedded.services import Services

DEMO_COMMAND = "load_demo"
STEPS = 6


class Command(BaseCommand):
    help = "Starts everything, watches over it, and stops it on Ctrl-C. `make run` calls it."
    # The checks need no database; they run with every migrate below.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
        parser.add_argument("--port", type=port_number, default=8000, help="the port of the dashboard (default: 8000)")
        parser.add_argument("--no-demo", action="store_true", help="start without the demo shop")
        parser.add_argument("--no-browser", action="store_true", help="do not open a browser window")

    def handle(self, *args: Any, **options: Any) -> None:
        fleet = Fleet(var=settings.VAR, host=options["host"], port=options["port"])
        console = Console(steps=STEPS)
        services = Services(
            fleet.var,
            postgres=urls.is_embedded(name="DATABASE_URL"),
            valkey=urls.is_embedded(name="REDIS_URL"),
            purpose="make run",
            address=fleet.address,
            report=console.note,
        )
        launcher = Launcher(fleet, services, console)
        try:
            with launcher.running():
                launch(launcher, demo=not options["no_demo"], browser=not options["no_browser"])
        except StopRequested:
            console.line(f"Copylift has stopped; everything it started has ended. Data: {fleet.var}. Again: make run")
        except ServiceProblem as problem:
            console.line(f"\n{problem.message}")
            sys.exit(1)


def launch(launcher: Launcher, *, demo: bool, browser: bool) -> None:
    """The steps from running servers to a watched fleet. Ends by `StopRequested` or `ServiceProblem` only."""
    console = launcher.console
    console.step("Bringing the database up to date.")
    call_command("migrate", interactive=False, verbosity=0)
    connections.close_all()
    console.step("Collecting static files.")
    call_command("collectstatic", interactive=False, verbosity=0)
    demo = load_demo(launcher, demo=demo)
    console.step("Starting web, workers and clock.")
    forget_workers()
    launcher.start_fleet(demo_processes(launcher) if demo else [])
    launcher.wait_until_ready()
    console.step("Ready.")
    announce(launcher, demo=demo)
    if browser:
        open_browser(launcher.fleet.address)
    launcher.watch()


def load_demo(launcher: Launcher, *, demo: bool) -> bool:
    """Load the demo shop where that is wanted and possible; whether there is one now."""
    if not demo:
        launcher.console.step("No demo shop, as asked.")
        return False
    if DEMO_COMMAND not in get_commands():
        launcher.console.step("This version brings no demo shop; going on without.")
        return False
    launcher.console.step("Loading the demo shop.")
    code = launcher.run_to_end([DEMO_COMMAND])
    if code != 0:
        raise ServiceProblem(
            f"The demo shop could not be loaded (exit code {code}). To start without it: make run DEMO=0"
        )
    return True


def forget_workers() -> None:
    """Drop the signs of life that workers of an earlier run left in the broker: we would be ready before ours are."""
    health.broker_client().delete(*(health.worker_key(queue) for queue in health.QUEUES))


def demo_processes(launcher: Launcher) -> list[list[str]]:
    """The processes that play the demo, of those this version has."""
    wanted: list[list[str]] = settings.COPYLIFT_DEMO_PROCESSES
    missing = [arguments[0] for arguments in wanted if arguments[0] not in get_commands()]
    for name in missing:
        launcher.console.note(f"The command {name} is not there; the demo goes on without it.")
    return [arguments for arguments in wanted if arguments[0] not in missing]


def announce(launcher: Launcher, *, demo: bool) -> None:
    """Print the address, and the demo's logins where `var/demo.json` names them."""
    line = launcher.console.line
    line(f"\nCopylift runs at {launcher.fleet.address}")
    for login in demo_logins() if demo else []:
        line(f"  {login}")
    line(f"Logs: {launcher.fleet.var / 'log'}. Ctrl-C stops everything.\n")


def demo_logins() -> list[str]:
    """One line for each login in `var/demo.json`: {"password": …, "logins": [{"email": …, "role": …}]}."""
    try:
        written = json.loads((settings.VAR / "demo.json").read_text(encoding="utf-8"))
        logins = [f"{login['email']:<32} {login.get('role', '')}" for login in written["logins"]]
        return [f"Demo logins, password {written['password']}:", *logins]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def open_browser(address: str) -> None:
    """Open a window where there is a screen and a person: never a text browser in this terminal."""
    screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if screen and sys.stdout.isatty():
        webbrowser.open(address)


def port_number(text: str) -> int:
    """A port from 1 to 65535. Raises `ValueError`, which argparse turns into its sentence."""
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError(text)
    return port
