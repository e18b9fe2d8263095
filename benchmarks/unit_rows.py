"""Experiments whose units are written straight into the database, for the benchmarks that need millions of them.

Not a benchmark itself. Nothing is folded: the rows are made by the database, the arms' moments taken from them in one
pass, and one unit in a thousand saw two arms, as the fold would have marked it.
"""

from __future__ import annotations

from typing import Any

SEED = """
insert into experiments_unittotals (experiment_id, unit, arm_id, first_exposed_at, last_event_at, impressions, clicks,
    orders, converted, revenue, margin, cost, rating_sum, rating_count, detractors, returned, pre_clicks, pre_orders,
    pre_revenue, extra, slices, in_two_arms, is_marked)
select %(experiment)s, 'u-' || i, case when i %% 2 = 0 then %(control)s else %(treatment)s end, now(), now(), seen,
    (seen * click)::int, bought, bought, bought * amount, bought * amount * 0.4, 0, 0, 0, 0, 0, 0, before::int,
    before * past, '{}', '{}', i %% 1000 = 999, false
from (
    select i, 1 + (hashint8(i) & 3) as seen, (random() < 0.1)::int as click,
        (random() < 0.05 + 0.002 * (i %% 2))::int as bought, round((20 + 60 * random())::numeric, 2) as amount,
        (random() < 0.3)::int as before, round((20 + 60 * random())::numeric, 2) as past
    from generate_series(1, %(units)s) as i
) as made
"""


def seed(key: str, units: int) -> Any:
    """A running experiment with this many units, their moments and an analysis, its tables vacuumed as in service."""
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
        cursor.execute("vacuum analyze experiments_unittotals")
    for arm, (moments,) in unit_moments(made, UNIT_COLUMNS).items():
        row = ArmMoments.objects.get(arm__key=arm, arm__experiment=made)
        row.take(moments)
        row.save()
    made.refresh_from_db()
    services.analyse(made)
    return made
