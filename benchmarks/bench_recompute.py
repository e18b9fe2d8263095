"""Five metrics over all units, computed anew in the database, against tea-tasting on the same PostgreSQL and table;
and the result page at ten million units against ten thousand.

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

SMALL = 10_000
ROUNDS = 3
BLOCKS = (("converted",), ("clicked",), ("clicks", "impressions"), ("revenue", "pre_revenue"))
SEED = """
insert into experiments_unittotals (experiment_id, unit, arm_id, first_exposed_at, last_event_at, impressions, clicks,
    orders, converted, revenue, margin, cost, rating_sum, rating_count, detractors, returned, pre_clicks, pre_orders,
    pre_revenue, extra, slices, in_two_arms, is_marked)
select %(experiment)s, 'u-' || i, case when i %% 2 = 0 then %(control)s else %(treatment)s end, now(), now(), seen,
    (seen * click)::int, bought, bought, bought * amount, bought * amount * 0.4, 0, 0, 0, 0, 0, 0, before::int,
    before * past, '{}', '{}', false, false
from (
    select i, 1 + (hashint8(i) & 3) as seen, (random() < 0.1)::int as click,
        (random() < 0.05 + 0.002 * (i %% 2))::int as bought, round((20 + 60 * random())::numeric, 2) as amount,
        (random() < 0.3)::int as before, round((20 + 60 * random())::numeric, 2) as past
    from generate_series(1, %(units)s) as i
) as made
"""


def seed(key: str, units: int) -> Any:
    """An experiment with this many units and its moments."""
    from django.db import connection

    from experiments import services
    from experiments.models import ArmMoments
    from experiments.services.unit_moments import unit_moments
    from experiments.stats.metrics import UNIT_COLUMNS

    arms = [services.ArmInput(key=arm, name=arm.upper(), is_control=arm == "a") for arm in "ab"]
    made = services.create_experiment(key=key, name=key, arms=arms, created_by=None)
    services.start_experiment(made, actor="benchmark")
    ids = dict(made.arms.values_list("key", "pk"))
    with connection.cursor() as cursor:
        cursor.execute(SEED, {"experiment": made.pk, "control": ids["a"], "treatment": ids["b"], "units": units})
        cursor.execute("analyze experiments_unittotals")
    for arm, (moments,) in unit_moments(made, UNIT_COLUMNS).items():
        row = ArmMoments.objects.get(arm__key=arm, arm__experiment=made)
        row.take(moments)
        row.save()
    made.refresh_from_db()
    services.analyse(made)
    return made


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


def page_seconds(experiment: Any) -> list[float]:
    """Seconds of the result page, asked for by a signed-in analyst."""
    from django.test import Client

    from core.models import User

    analyst, _ = User.objects.get_or_create(email="analyst@example.com", defaults={"is_superuser": True})
    client = Client(headers={"host": "localhost"})
    client.force_login(analyst)

    def ask() -> None:
        answer = client.get(f"/experiments/{experiment.key}/")
        assert answer.status_code == 200, answer.status_code

    ask()
    return timed(ask, times=15)


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
    """0 where both claims hold."""
    import resource

    units = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    if not PEERS.exists():
        print("The peers are not installed: make peers")
        return 2
    with private_platform(durable=False):
        print(describe("django", "numpy", "scipy"))
        few, many = seed("few", SMALL), seed("many", units)
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
        small, large = page_seconds(few), page_seconds(many)
        page = ratio(large, small)
        print(f"result page at {SMALL:,} units {spread(small)}, at {units:,} units {spread(large)}")
        print(f"  ratio of times {page:.2f} (wanted: at most 1.5)")
    return 0 if slower <= 1 and page <= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
