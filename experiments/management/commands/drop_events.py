"""Drop old days of raw events by hand; the hourly task does it where COPYLIFT_EVENT_RETENTION_DAYS is set."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import errors
from experiments.services.retention import drop_events


class Command(BaseCommand):
    """`manage.py drop_events --before 2026-01-01 --dry-run`."""

    help = "Drop raw events that occurred before a day (UTC), as far as no undecided experiment needs them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--before", metavar="DATE", required=True, help="the first day to keep, such as 2026-01-01")
        parser.add_argument("--dry-run", action="store_true", help="say what would be dropped; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        try:
            found = drop_events(day_of(options["before"]), actor="drop_events", dry_run=dry_run)
        except errors.CopyliftError as problem:
            raise CommandError(f"{problem.message} Nothing was dropped.", returncode=2) from None
        for one in found.days:
            self.stdout.write(f"{one.day}: {one.events:,} events")
        if found.held_back:
            self.stdout.write(f"No further: {found.held_back}")
        events = sum(one.events for one in found.days)
        self.stdout.write(f"{'would drop' if dry_run else 'dropped'} {len(found.days)} days with {events:,} events")


def day_of(text: str) -> date:
    """The day; raises InvalidInput."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise errors.InvalidInput.field("--before", f"{text!r} is not a day such as 2026-01-01.") from None
