"""Assignment against the growthbook package: one unit at a time in one thread, and a column of a million units.

Theirs is `run` of one reused instance with one reused experiment, without callbacks: their fastest way. Ours is what
`decide` does once it has its plan (arm, reason and content), and the bare arm. Same test, same units, and the arms must
be the same ones. The rounds alternate, and a ratio is the median of the rounds' ratios, so that a machine whose speed
changes changes both sides. Seconds are of the processor.

    python benchmarks/bench_assignment.py [units in the column]     (default 1,000,000; takes half a minute)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from surroundings import PEERS, describe, spread

ROUNDS = 11
SINGLE = 20_000
WEIGHTS = (0.2, 0.3, 0.5)


def our_plan() -> Any:
    """What decide keeps of the experiment."""
    from experiments.assignment import AssignmentPlan
    from experiments.queries import Choice, Plan

    arms = tuple(Choice(key, key == "a", {"headline": f"Headline {key}"}) for key in "abc")
    assignment = AssignmentPlan("checkout", WEIGHTS, coverage=0.9)
    return Plan(key="checkout", arms=arms, assignment=assignment, everybody=arms[0], reason="", control=arms[0])


def peer() -> dict[str, Any]:
    """One round of the package, in its own environment."""
    program = Path(__file__).with_name("peer_growthbook.py")
    answer = subprocess.run([PEERS, program, str(SINGLE)], capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(f"growthbook failed:\n{answer.stderr[-2000:]}")
    return dict(json.loads(answer.stdout))


def seconds(action: Callable[[], object]) -> float:
    begun = process_time()
    action()
    return process_time() - begun


def times_their_rate(theirs: Sequence[float], ours: Sequence[float], units: int) -> float:
    """How many times as many units a second, by round."""
    return median(their / SINGLE / (our / units) for their, our in zip(theirs, ours, strict=True))


def main() -> int:
    """0 where both claims hold, 1 where one does not, 2 where the package is not installed."""
    if not PEERS.exists() or subprocess.run([PEERS, "-c", "import growthbook"], check=False).returncode:
        print("The growthbook package is not installed: make peers")
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("COPYLIFT_SECRET_KEY", "benchmark")
    import django

    django.setup()
    from experiments.assignment import assign, assign_many

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    plan = our_plan()
    assignment = plan.assignment
    column = [f"shopper-{number}" for number in range(count)]
    units = column[:SINGLE]
    theirs, decided, assigned, vectorised = [], [], [], []
    for _ in range(ROUNDS):
        found = peer()
        theirs.append(found["seconds"])
        decided.append(seconds(lambda: [plan.decide(unit) for unit in units]))
        assigned.append(seconds(lambda: [assign(unit, assignment) for unit in units]))
        vectorised.append(seconds(lambda: assign_many(column, assignment)))
    if found["arms"] != assign_many(units, assignment).tolist():
        sys.exit("The arms differ.")
    print(describe("numpy"), f"| {found['version']}")
    single = times_their_rate(theirs, decided, SINGLE)
    bare = times_their_rate(theirs, assigned, SINGLE)
    many = times_their_rate(theirs, vectorised, count)
    print(f"{SINGLE:,} units one by one, {ROUNDS} rounds each, median (least to most); the arms are the same")
    print(f"  growthbook, run       {spread(theirs)}, {SINGLE / median(theirs):,.0f} units/s")
    print(f"  copylift, decide      {spread(decided)}, {single:.1f} times their rate (wanted: at least 3)")
    print(f"  copylift, assign      {spread(assigned)}, {bare:.1f} times their rate")
    print(f"{count:,} units as a column")
    print(f"  copylift, assign_many {spread(vectorised)}, {many:.0f} times their rate (wanted: at least 100)")
    return 0 if single >= 3 and many >= 100 else 1


if __name__ == "__main__":
    sys.exit(main())
