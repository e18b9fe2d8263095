"""`manage.py erase_shopper UNIT`: erase one shopper for good. Asks first, unless `--yes` is given."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.queries.shoppers import shopper_by_unit
from campaigns.services.erasure import erase_shopper
from core import errors


class Command(BaseCommand):
    help = "Erases one shopper: row, consents, messages and the name in all tests. Results stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        """The unit, and two switches."""
        parser.add_argument("unit", help="the shop's id of the shopper")
        parser.add_argument("--objected", action="store_true", help="keep the addresses as suppressed for good")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            shopper = shopper_by_unit(options["unit"])
        except errors.NotFound as problem:
            raise CommandError(problem.message) from None
        if not options["yes"] and input("Erase this shopper for good? Type yes: ").strip() != "yes":
            raise CommandError("Nothing was erased.")
        counts = erase_shopper(shopper, actor="erase_shopper", objected=options["objected"])
        self.stdout.write(
            f"Erased: {counts['messages']} messages deleted, {counts['events']} events in {counts['tests']} tests "
            "no longer bear the name."
        )
