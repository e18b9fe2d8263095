"""tea-tasting's half of bench_recompute.py, run by the peers' Python: prints JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
from time import perf_counter
from urllib.parse import parse_qs, unquote, urlsplit

import ibis
import tea_tasting as tt


def connect(address: str) -> ibis.BaseBackend:
    """The database of a postgresql:// address; a socket folder stands in the query or as an encoded host."""
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return ibis.postgres.connect(
        host=query.get("host") or unquote(parts.hostname or "localhost"),
        port=int(query.get("port") or parts.port or 5432),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/"),
    )


def main() -> None:
    """Time the same five metrics on the same table."""
    experiment, rounds = int(sys.argv[1]), int(sys.argv[2])
    table = connect(os.environ["DATABASE_URL"]).table("experiments_unittotals")
    control = table.filter(table.experiment_id == experiment).arm_id.min().execute()
    units = table.filter((table.experiment_id == experiment) & ~table.in_two_arms & ~table.is_marked)
    units = units.select(
        variant=(units.arm_id != int(control)).ifelse(1, 0),
        converted=units.converted.cast("float64"),
        clicked=(units.clicks > 0).ifelse(1, 0).cast("float64"),
        revenue=units.revenue.cast("float64"),
        clicks=units.clicks.cast("float64"),
        impressions=units.impressions.cast("float64"),
        pre_revenue=units.pre_revenue.cast("float64"),
    )
    experiment_metrics = tt.Experiment(
        converted=tt.Proportion("converted") if hasattr(tt, "Proportion") else tt.Mean("converted"),
        clicked=tt.Proportion("clicked") if hasattr(tt, "Proportion") else tt.Mean("clicked"),
        revenue=tt.Mean("revenue"),
        ctr=tt.RatioOfMeans("clicks", "impressions"),
        cuped=tt.Mean("revenue", covariate="pre_revenue"),
    )
    seconds, result = [], None
    for _ in range(rounds):
        begun = perf_counter()
        result = experiment_metrics.analyze(units)
        seconds.append(perf_counter() - begun)
    assert result is not None
    answer = {
        "version": f"tea-tasting {tt.__version__}, ibis {ibis.__version__}",
        "seconds": seconds,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "p_values": {name: float(found.pvalue) for name, found in result.items()},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
