"""Folding a backlog: a million events of 200,000 units, with history, windows, a dimension and a custom column.

The claim: under 60 seconds and under 500 MB of memory in the folding process, which is one of its own so that making
the events is not in its figures; afterwards the audit finds the moments equal to the raw events.

    python benchmarks/bench_fold.py [events]     (default 1,000,000; a fifth as many units)
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from surroundings import describe, private_platform

SECONDS = 60.0
MEGABYTES = 500.0
EVENTS = 1_000_000
EVENTS_A_UNIT = 5
DAYS = 14
# A unit comes at any time of two weeks. Its exposure is the first of its five events; most of the others follow within
# minutes, as on a site, and some days later. Every tenth unit clicked weeks before. They arrive as they occur, up to a
# minute late, so that many a click arrives before its exposure.
SEED = """
insert into experiments_event (sequence, id, day, kind, experiment_id, arm_id, unit, occurred_at, received_at, value,
    margin, currency, is_bot, is_prefetch, name, properties)
select row_number() over (order by at + late), 'e-' || i, (at at time zone 'UTC')::date, kind,
    case when kind = 'exposure' then %(experiment)s end,
    case when kind = 'exposure' then case when u %% 2 = 0 then %(control)s else %(treatment)s end end, 'u-' || u, at,
    at + late, case kind when 'conversion' then 20 + i %% 5000 * 0.01 when 'rating' then 1 + i %% 5 end,
    case when kind = 'conversion' then 8 end, null, u %% 500 = 0, false,
    case when kind = 'custom' then 'save' end,
    case when kind = 'exposure' then jsonb_build_object('country', (array['US', 'GB', 'FR'])[1 + u %% 3])
        else '{}'::jsonb end
from (
    select i, u, kind, random() * interval '1 minute' as late, case when n = 0 then start
        when u %% 10 = 0 and n = 1 then start - interval '10 days'
        when n < 4 then start + random() * interval '20 minutes' else start + random() * interval '3 days' end as at
    from (
        select i, i / %(each)s as u, i %% %(each)s as n,
            (array['exposure', 'click', 'click', 'custom', 'conversion', 'rating'])[1 + i %% %(each)s
                + (i %% %(each)s = 4 and i / %(each)s %% 2 = 0)::int] as kind,
            %(start)s + (hashint4(i / %(each)s) & 65535) / 65536.0 * %(days)s * interval '1 day' as start
        from generate_series(0, %(events)s - 1) as i
    ) as numbered
) as made
"""


def seed(events: int) -> Any:
    """A running experiment with this many events that nobody folded yet."""
    from django.db import connection, transaction

    from experiments import services
    from experiments.models import Experiment
    from experiments.services.fold import reset_experiment
    from experiments.services.partitions import ensure_partitions

    arms = [services.ArmInput(key=arm, name=arm.upper(), is_control=arm == "a") for arm in "ab"]
    made = services.create_experiment(key="bench", name="bench", arms=arms, created_by=None)
    Experiment.objects.filter(pk=made.pk).update(
        conversion_window_hours=48,
        dimensions=[{"key": "country", "values": ["US", "GB"]}],
        metrics=[{"key": "saves", "kind": "mean", "event": "save"}],
    )
    made.refresh_from_db()
    with transaction.atomic():
        reset_experiment(made)
    made = services.start_experiment(made, actor="benchmark")
    ids = dict(made.arms.values_list("key", "pk"))
    start = datetime.now(UTC) - timedelta(days=DAYS + 4)
    ensure_partitions(start.date() + timedelta(days=offset) for offset in range(-60, DAYS + 6))
    with connection.cursor() as cursor:
        cursor.execute(
            SEED,
            {
                "experiment": made.pk,
                "control": ids["a"],
                "treatment": ids["b"],
                "start": start,
                "days": DAYS,
                "events": events,
                "each": EVENTS_A_UNIT,
            },
        )
        cursor.execute("select setval('experiments_event_sequence', %s)", [events])
        cursor.execute("analyze experiments_event")
    return made


def fold_all() -> None:
    """The folding process: prints events, seconds and its peak memory in MB."""
    import django

    django.setup()
    from experiments import services

    begun = perf_counter()
    folded = 0
    while passed := services.fold_events():
        folded += passed
    seconds = perf_counter() - begun
    # In kilobytes, on macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    print(folded, seconds, peak)


def main(events: int) -> int:
    """0 where the claim holds."""
    print(describe("django", "numpy", "psycopg2-binary"))
    with private_platform():
        experiment = seed(events)
        done = subprocess.run(
            [sys.executable, Path(__file__), "--fold"],
            # As the workers run.
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        folded, seconds, peak = (float(word) for word in done.stdout.split())
        units = events // EVENTS_A_UNIT
        print(f"{folded:,.0f} events of {units:,} units in {seconds:.1f} s: {folded / seconds:,.0f} a second")
        print(f"peak memory of the folding process: {peak:.0f} MB")
        from experiments import services

        begun = perf_counter()
        differences = services.audit_moments(experiment)
        verdict = "equal" if not differences else f"{len(differences)} DIFFERENCES, {differences[0].what}"
        print(f"audit from the raw events: {verdict} ({perf_counter() - begun:.1f} s)")
    return int(bool(differences) or folded != events or seconds > SECONDS or peak > MEGABYTES)


if __name__ == "__main__":
    if sys.argv[1:] == ["--fold"]:
        fold_all()
    else:
        sys.exit(main(int(sys.argv[1].replace(",", "")) if sys.argv[1:] else EVENTS))
