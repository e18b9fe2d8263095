"""Prove that the streamed moments equal a computation from the raw events; exit with 1 where they do not."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import errors
from experiments import queries
from experiments.models import Experiment, Source
from experiments.services import auditing


class Command(BaseCommand):
    help = "Compare the streamed moments of live experiments with a computation from the raw events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--experiment", metavar="KEY", help="this one only (default: every live experiment)")

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for experiment in self._experiments(options["experiment"]):
            audit = auditing.audit(experiment)
            found += len(audit.differences)
            self.stdout.write(f"{experiment.key}: {told(audit)}")
            for difference in audit.differences:
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


def told(audit: auditing.Audit) -> str:
    """The verdict on one experiment, and what it is based on."""
    verdict = "DIFFERENT" if audit.differences else "equal"
    basis = f"{audit.arms} arms, {audit.slices} slices"
    if audit.dropped_before is None:
        return f"{verdict} ({basis})"
    return (
        f"{verdict} ({basis}; raw events before {audit.dropped_before} were dropped, compared with the units' totals)"
    )
