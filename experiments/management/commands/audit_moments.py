"""Prove that the streamed moments equal a computation from the raw events; exit with 1 where they do not."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import errors
from experiments import queries, services
from experiments.models import Experiment, Source


class Command(BaseCommand):
    help = "Compare the streamed moments of live experiments with a computation from the raw events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--experiment", metavar="KEY", help="this one only (default: every live experiment)")

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for experiment in self._experiments(options["experiment"]):
            differences = services.audit_moments(experiment)
            found += len(differences)
            self.stdout.write(f"{experiment.key}: {'equal' if not differences else 'DIFFERENT'}")
            for difference in differences:
                self.stderr.write(f"{difference.experiment}, {difference.place}: {difference.what}")
        if found:
            sys.exit(1)

    def _experiments(self, key: str | None) -> list[Experiment]:
        if key is None:
            return list(Experiment.objects.filter(source=Source.LIVE).order_by("key"))
        try:
            experiment = queries.experiment_by_key(key)
        except errors.NotFound as problem:
            raise CommandError(f"--experiment: {problem.message}", returncode=2) from None
        if experiment.source != Source.LIVE:
            raise CommandError(f"--experiment: {key} was imported; it has no events to compare with.", returncode=2)
        return [experiment]
