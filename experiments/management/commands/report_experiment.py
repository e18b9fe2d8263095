"""Write an experiment's result as one HTML file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import errors
from experiments import queries, reports


class Command(BaseCommand):
    """`manage.py report_experiment KEY --output result.html`."""

    help = "Write an experiment's result as one HTML file that needs nothing beside it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="the experiment's key")
        parser.add_argument("--output", type=Path, help="the file; KEY.html in the present folder unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            experiment = queries.experiment_by_key(options["key"])
        except errors.NotFound as problem:
            raise CommandError(problem.message, returncode=2) from None
        file: Path = options["output"] or Path(f"{experiment.key}.html")
        try:
            file.write_text(reports.render_report(experiment), encoding="utf-8")
        except OSError as problem:
            raise CommandError(f"{file}: cannot be written ({problem.strerror}).", returncode=2) from None
        self.stdout.write(f"wrote {file}")
