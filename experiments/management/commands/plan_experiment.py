"""Print the plan of the next experiment, as the page shows it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import errors
from experiments.planning import Plan
from experiments.planning.recommending import NAMES
from experiments.services.planning import plan_experiment

_NUMBERS = ("baseline", "deviation", "daily_units", "lift")
_DEFAULTS = {"share": 1.0, "alpha": 0.05, "power": 0.8}
_COUNTS = {"arms": 3, "days": 28, "guardrails": 0}


class Command(BaseCommand):
    """`manage.py plan_experiment --metric conversion --arms 3 --days 28 [--json]`."""

    help = (
        "Recommend strategy, arms, length and traffic share of the next experiment; what is left out is from history."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--metric", default="conversion", help="the goal metric's key")
        parser.add_argument("--choose-arms", action="store_true", help="fewer arms may be recommended")
        parser.add_argument("--json", action="store_true", help="print JSON")
        for name, default in _COUNTS.items():
            parser.add_argument(f"--{name}", type=int, default=default)
        for name, usual in _DEFAULTS.items():
            parser.add_argument(f"--{name}", type=float, default=usual)
        for name in _NUMBERS:
            parser.add_argument(f"--{name.replace('_', '-')}", type=float)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = ("metric", "choose_arms", *_COUNTS, *_DEFAULTS, *_NUMBERS)
        try:
            plan = plan_experiment(**{name: options[name] for name in wanted})
        except errors.InvalidInput as problem:
            raise CommandError("\n".join(problem.sentences()), returncode=2) from None
        self.stdout.write(json.dumps(plan.to_dict(), indent=2) if options["json"] else _text(plan))


def _text(plan: Plan) -> str:
    rows = [
        f"{NAMES[one.kind]:<42} {one.fraction:4.0%}  gain {one.lift:+.1%} ±{one.lift_error:.1%}  "
        f"of the best {one.oracle_share:.1%}  wrong {one.wrong:.1%}  best {one.best:.1%}"
        for one in plan.outcomes
    ]
    lengths = [
        f"{one.days:>4} days  {one.units:>12,.0f} shoppers  power {one.power:.1%}  smallest lift {one.detectable:+.1%}"
        for one in plan.lengths
    ]
    return "\n".join([plan.sentence, "", *rows, "", *lengths])
