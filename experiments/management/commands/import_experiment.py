"""Import past experiments from a file: `python manage.py import_experiment FILE --arm … --metric …`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify

from core import errors
from experiments import tasks
from experiments.importing import report
from experiments.importing.analysing import results_of, settings_of
from experiments.importing.reading import Import, read
from experiments.importing.request import (
    DUPLICATES,
    EMPTIES,
    ImportRequest,
    metric_of,
    read_mapping,
    request_of,
    rule_of,
    weight_of,
)
from experiments.importing.storing import store
from experiments.models import Analysis

# A chart takes some tens of milliseconds: a few are drawn at once, a whole archive's when asked for.
CHARTS_MAX = 20


class Command(BaseCommand):
    help = "Reads past experiments from CSV or Parquet (plain or gzip), with columns named here or in a mapping file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, TSV or Parquet; plain or gzip")
        parser.add_argument("--mapping", type=Path, help="a JSON or TOML file with the options below; see the docs")
        columns = parser.add_argument_group("which column is what")
        columns.add_argument("--arm", metavar="COLUMN", help="the arm of a row")
        columns.add_argument(
            "--metric",
            metavar="NAME=COLUMN[:KIND[:COLUMN]]",
            action="append",
            default=[],
            help="kinds: share, count, money, mean, ratio (with a denominator); may be repeated",
        )
        columns.add_argument("--unit", metavar="COLUMN", help="who was randomised; finds repeated rows")
        columns.add_argument(
            "--count", metavar="COLUMN", help="units of an aggregated row; then a metric's column holds successes"
        )
        columns.add_argument("--experiment", metavar="COLUMN", help="the experiment of a row, where there are many")
        columns.add_argument("--label", metavar="COLUMN", help="an arm's text, where it is not the arm column")
        columns.add_argument("--group-report", metavar="COLUMN", help="sum up sample ratio flags by this column")
        rules = parser.add_argument_group("how to read it")
        rules.add_argument(
            "--control", metavar="ARM", help="the reference arm; without it the first of each experiment"
        )
        rules.add_argument("--goal", metavar="NAME", help="the metric that decides; without it the first")
        rules.add_argument(
            "--weight",
            metavar="ARM=NUMBER",
            action="append",
            default=[],
            help="planned share of an arm; without it all are alike",
        )
        rules.add_argument(
            "--require",
            metavar="COLUMN=VALUE:COLUMN=VALUE",
            action="append",
            default=[],
            help="refuse rows like the left that are not like the right; may be repeated",
        )
        rules.add_argument("--duplicates", choices=DUPLICATES, help="which row of a repeated unit counts (first)")
        rules.add_argument("--empty", choices=EMPTIES, help="what an empty number is: refused (the default) or zero")
        rules.add_argument(
            "--uncleaned",
            action="store_true",
            default=None,
            help="store KEY-uncleaned beside it, with the rows that --require and repeats refuse",
        )
        rules.add_argument("--delimiter", help="one character or 'tab'; without it, it is found out")
        rules.add_argument("--currency", help="of money metrics (USD)")
        stored = parser.add_argument_group("what is stored")
        stored.add_argument("--key", help="key of the experiment, or start of the keys of many (the file's name)")
        stored.add_argument("--name", help="name of the experiment, or start of the names of many")
        stored.add_argument("--replace", action="store_true", help="replace an import of the same key")
        stored.add_argument("--dry-run", action="store_true", help="say what is understood; write nothing")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._import(options)
        except errors.CopyliftError as problem:
            raise CommandError(f"{problem.message} Nothing was written.", returncode=2) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped. Nothing was written.", returncode=130) from None

    def _import(self, options: dict[str, Any]) -> None:
        found = read(options["file"], request_from(options))
        results = results_of(found.experiments, settings_of(found.request, found.metrics))
        if options["dry_run"]:
            self._tell(report.understanding(found))
        self._tell(report.refusals(found))
        self._tell(report.figures(found, results))
        if options["dry_run"]:
            self.stdout.write("\nDry run: nothing was written.")
            return
        analyses = store(found, results=results, replace=options["replace"], actor="import_experiment")
        drawn = [tasks.draw_chart(analysis) for analysis in analyses[:CHARTS_MAX]]
        self._tell(stored_lines(found, analyses, len(drawn)))

    def _tell(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stdout.write(line)


def stored_lines(found: Import, analyses: list[Analysis], drawn: int) -> list[str]:
    """What was written, and where to look at it."""
    some = [f"  /experiments/{experiment.key}/" for experiment in found.experiments[:3]]
    more = [f"  and {len(analyses) - 3:,} more"] if len(analyses) > 3 else []
    undrawn = (
        [f"charts were drawn for the first {drawn}; the others are drawn when their page is opened"]
        if len(analyses) > drawn
        else []
    )
    return ["", f"{len(analyses):,} stored:", *some, *more, *undrawn]


def request_from(options: dict[str, Any]) -> ImportRequest:
    """The request of a command line; what it says goes before the mapping file."""
    mapped = read_mapping(options["mapping"]) if options["mapping"] else {}
    stem = re.split(r"\.(?=csv|tsv|txt|parquet|gz|pq)", options["file"].name, maxsplit=1)[0]
    said = {name: options[name] for name in _PLAIN}
    said |= {
        "group": options["group_report"],
        "delimiter": "\t" if options["delimiter"] in ("tab", "\\t") else options["delimiter"],
        "metrics": tuple(metric_of(text) for text in options["metric"]) or None,
        "rules": tuple(rule_of(text) for text in options["require"]) or None,
        "weights": tuple(weight_of(text) for text in options["weight"]) or None,
    }
    given = {name: value for name, value in said.items() if value is not None}
    key = given.get("key") or mapped.get("key") or slugify(stem)[:60] or "import"
    if key != slugify(key) or len(key) > 60:
        raise errors.InvalidInput.field("key", f"{key!r} is not a key of small letters, digits, - and _ (60 at most).")
    return request_of({"metrics": (), "name": stem or key, **mapped, **given, "key": key})


_PLAIN = ("key", "name", "arm", "unit", "experiment", "label", "count", "control", "goal", "duplicates", "empty",
          "uncleaned", "currency")  # fmt: skip
