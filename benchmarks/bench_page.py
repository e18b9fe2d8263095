"""The result page of an experiment with ten million units against one with ten thousand.

A page reads stored results and an analysis reads moments, so neither may grow with the units. Asked for: the page as a
signed-in analyst loads it, the panel that a running page renews every few seconds, and the analysis behind both from
its inputs on. Both experiments lie in one table, are warm, and are asked for in turn, so that a machine whose speed
changes changes both.

    python benchmarks/bench_page.py [units]     (default 10,000,000; takes 5 GB of disk and some minutes)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from surroundings import describe, private_platform, ratio, spread, timed
from unit_rows import seed

SMALL = 10_000
ROUNDS = 40
WANTED = 1.5


def analyst() -> Any:
    """A client signed in as somebody who may see results."""
    from django.test import Client

    from core.models import User

    user, _ = User.objects.get_or_create(email="analyst@example.com", defaults={"is_superuser": True})
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def page(client: Any, experiment: Any, **headers: str) -> Callable[[], None]:
    """Ask for the page once, and see that it is a result."""

    def ask() -> None:
        answer = client.get(f"/experiments/{experiment.key}/", headers=headers)
        assert answer.status_code == 200, answer.status_code
        assert b"num strong tone-" in answer.content, "the page shows no comparison"

    return ask


def analysis(experiment: Any) -> Callable[[], None]:
    """Read the inputs and compute every figure anew; nothing is stored, so that each round does the same."""
    from experiments.analysis import analyse_arms
    from experiments.services import analyses

    def compute() -> None:
        settings, arms = analyses.inputs(experiment)
        analyse_arms(arms, settings=settings)

    return compute


def draw(experiment: Any) -> None:
    """The chart that a worker would have drawn; without it each request would look for a broker."""
    from experiments.tasks import draw_chart

    for row in experiment.analyses.all():
        draw_chart(row)


def in_turn(small: Callable[[], None], large: Callable[[], None]) -> tuple[list[float], list[float]]:
    """Seconds of either, asked for by turns after one request to warm up."""
    small()
    large()
    pairs = [(timed(small, times=1)[0], timed(large, times=1)[0]) for _ in range(ROUNDS)]
    return [first for first, _ in pairs], [second for _, second in pairs]


def queries_of(action: Callable[[], None]) -> int:
    """How many statements it sends to the database."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        action()
    return len(captured)


def main() -> int:
    """0 where the claim holds."""
    units = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with private_platform(durable=False):
        print(describe("django", "numpy", "scipy"))
        few, many = seed("few", SMALL), seed("many", units)
        draw(few)
        draw(many)
        client = analyst()
        print(f"at {SMALL:,} and at {units:,} units, {ROUNDS} rounds by turns, median (least to most)")
        worst = 0.0
        readings: dict[str, Callable[[Any], Callable[[], None]]] = {
            "the page": lambda one: page(client, one),
            "its panel": lambda one: page(client, one, **{"HX-Request": "true"}),
            "the analysis": analysis,
        }
        for name, of in readings.items():
            small, large = in_turn(of(few), of(many))
            found = ratio(large, small)
            worst = max(worst, found)
            sent = queries_of(of(many))
            print(f"  {name:<13} {spread(small)}, {spread(large)}; ratio {found:.2f}; {sent} queries")
        print(f"  wanted: at most {WANTED}")
    return 0 if worst <= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
