"""Five metrics over all units, computed anew in the database, against tea-tasting on the same PostgreSQL and table.

The metrics: converted and clicked (proportions), revenue (mean), clicks per impression (ratio), revenue adjusted by the
revenue before (CUPED). Both sides read the same table and end with p-values and intervals, which must agree.

    python benchmarks/bench_recompute.py [units]     (default 10,000,000; takes 5 GB of disk and some minutes)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from surroundings import PEERS, describe, private_platform, ratio, spread, timed
from unit_rows import seed

ROUNDS = 3
BLOCKS = (("converted",), ("clicked",), ("clicks", "impressions"), ("revenue", "pre_revenue"))


def recompute(experiment: Any) -> dict[str, float]:
    """Our five p-values, from the rows."""
    from experiments.services.unit_moments import unit_moments
    from experiments.stats.adjustment import cuped_effect
    from experiments.stats.inference import conclude, welch_satterthwaite
    from experiments.stats.metrics import MetricDefinition, compare

    found = unit_moments(experiment, *BLOCKS)
    blocks = list(zip(found["a"], found["b"], strict=True))
    plain = [
        (MetricDefinition("converted", "proportion", "converted"), blocks[0]),
        (MetricDefinition("clicked", "proportion", "clicked"), blocks[1]),
        (MetricDefinition("ctr", "ratio", "clicks", "impressions"), blocks[2]),
        (MetricDefinition("revenue", "mean", "revenue"), blocks[3]),
    ]
    p_values = {metric.key: compare(metric, *arms).p_value for metric, arms in plain}
    effect = cuped_effect(*blocks[3], "revenue", None, ("pre_revenue",))
    p_values["cuped"] = conclude(effect, welch_satterthwaite(effect), method="cuped").p_value
    return p_values


def peer(experiment: Any, address: str) -> dict[str, Any]:
    """tea-tasting in its own environment: seconds of each round, its p-values, its peak memory."""
    program = Path(__file__).with_name("peer_tea_tasting.py")
    answer = subprocess.run(
        [PEERS, program, str(experiment.pk), str(ROUNDS)],
        env={"DATABASE_URL": address, "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        sys.exit(f"tea-tasting failed:\n{answer.stderr[-2000:]}")
    return dict(json.loads(answer.stdout))


def main() -> int:
    """0 where the claim holds."""
    import resource

    units = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    if not PEERS.exists():
        print("The peers are not installed: make peers")
        return 2
    with private_platform(durable=False):
        print(describe("django", "numpy", "scipy"))
        many = seed("many", units)
        ours = timed(lambda: recompute(many), times=ROUNDS)
        mine = recompute(many)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        theirs = peer(many, os.environ["DATABASE_URL"])
        slower = ratio(ours, theirs["seconds"])
        print(f"five metrics over {units:,} units")
        print(f"  copylift     {spread(ours)}, peak memory {memory:.0f} MB (the whole Django process)")
        print(
            f"  tea-tasting  {spread(theirs['seconds'])}, peak memory {theirs['memory_mb']:.0f} MB, {theirs['version']}"
        )
        print(f"  ratio of times {slower:.2f} (wanted: at most 1)")
        for name, value in mine.items():
            print(f"    p of {name:<10} {value:.6g}   tea-tasting {theirs['p_values'][name]:.6g}")
    return 0 if slower <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
