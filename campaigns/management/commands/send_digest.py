"""`manage.py send_digest`: the weekly digest now, to whoever chose it and has not had it this week."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from campaigns.models import Digest
from campaigns.services import digest


class Command(BaseCommand):
    help = "Sends the weekly digest to members who chose it and have not had it this week, whatever day it is."

    def add_arguments(self, parser: CommandParser) -> None:
        """One switch."""
        parser.add_argument("--dry-run", action="store_true", help="print the letters and send nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["dry_run"]:
            self.stdout.write(f"{digest.send_digests(whenever=True)} digests sent.")
            return
        now = timezone.now()
        served = set(Digest.objects.filter(week=digest.week_of(now)).values_list("user", flat=True))
        for member in digest.readers():
            made = digest.letter(member, now)
            had = " (had it this week already)" if member.pk in served else ""
            body = "nothing to say" if made is None else str(made.body).strip()
            self.stdout.write(f"--- {member.email}{had}\n{body}\n")
