"""Write an experiment's newest analysis as data."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import errors
from experiments import queries, reports
from experiments.exporting.files import formats


class Command(BaseCommand):
    """`manage.py export_experiment KEY --format parquet --output result.parquet`."""

    help = "Write an experiment's newest analysis as JSON, CSV, Parquet or a notebook."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="the experiment's key")
        parser.add_argument("--format", choices=formats(), default="json")
        parser.add_argument("--output", type=Path, help="the file; KEY and the format's ending unless given")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            content, _, name = reports.export(queries.experiment_by_key(options["key"]), options["format"])
        except errors.CopyliftError as problem:
            raise CommandError(problem.message, returncode=2) from None
        file: Path = options["output"] or Path(name)
        try:
            file.write_bytes(content)
        except OSError as problem:
            raise CommandError(f"{file}: cannot be written ({problem.strerror}).", returncode=2) from None
        self.stdout.write(f"wrote {file}")
