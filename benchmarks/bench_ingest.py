"""A million events over HTTP, each batch answered once it is on the disk, against a raw COPY of the same rows.

Four clients send batches of 1,000 as fast as they are answered, to the web process that `make run` starts (gunicorn,
two processes of four threads) on a PostgreSQL that flushes each commit. Then the rows that were stored are copied by
one COPY, as text that is made already, into a table like the event table: with its indexes, and with none. One commit
at the end, flushed too. The clients, the server and PostgreSQL share the machine's cores; COPY has them almost alone.

    python benchmarks/bench_ingest.py [events]     (default 1,000,000; takes 2 GB of memory and disk)
"""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from surroundings import describe, private_platform, quantile, serving

BATCH = 1_000
CLIENTS = 4
WANTED = 0.25
AGENTS = [
    f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{version}.0 Safari/537.36" for version in range(90, 130)
]
COLUMNS = (
    "id, day, sequence, kind, experiment_id, arm_id, unit, occurred_at, received_at, value, margin, currency, is_bot, "
    "is_prefetch, name, properties"
)


# --- what is sent ---------------------------------------------------------------------------------------------------
def bodies(total: int) -> list[bytes]:
    """The requests: a shop's mixture over the last 30 hours, so that two days are written and looked through."""
    draw = random.Random(1)
    begun = datetime.now(UTC) - timedelta(hours=30)
    made = []
    for first in range(0, total, BATCH):
        numbers = range(first, min(first + BATCH, total))
        events = [event(number, begun + timedelta(hours=29.5 * draw.random()), draw) for number in numbers]
        made.append(json.dumps({"events": events}).encode())
    return made


def event(number: int, at: datetime, draw: random.Random) -> dict[str, Any]:
    """One event of one of a quarter as many shoppers; ids are random, as a shop's are."""
    kind = draw.choices(("exposure", "click", "conversion", "custom"), (45, 40, 10, 5))[0]
    made: dict[str, Any] = {
        "id": f"{draw.getrandbits(64):016x}-{number}",
        "type": kind,
        "unit": f"shopper-{draw.randrange(1 + number // 4)}",
        "occurred_at": at.isoformat(timespec="milliseconds"),
    }
    if kind == "exposure":
        made |= {"experiment": "welcome", "arm": draw.choice("ab"), "properties": {"user_agent": draw.choice(AGENTS)}}
    if kind == "conversion":
        made |= {"value": round(10 + 90 * draw.random(), 2), "margin": round(30 * draw.random(), 2), "currency": "USD"}
    return made


# --- the experiment and the key -------------------------------------------------------------------------------------
def prepare() -> str:
    """A running experiment and a key that may send events; answers the key."""
    from core.services.api_keys import issue_api_key
    from experiments import services

    arms = [services.ArmInput(key=arm, name=arm.upper(), is_control=arm == "a") for arm in "ab"]
    services.start_experiment(
        services.create_experiment(key="welcome", name="welcome", arms=arms, created_by=None), actor="benchmark"
    )
    return issue_api_key(name="benchmark", scopes=["events"], created_by=None)[1]


# --- both sides -----------------------------------------------------------------------------------------------------
def send(port: int, key: str, mine: list[bytes]) -> tuple[int, list[float]]:
    """Send these one after the other; how many events were accepted, and the seconds of each request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    accepted, seconds = 0, []
    for body in mine:
        begun = perf_counter()
        connection.request("POST", "/api/v1/events", body, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        seconds.append(perf_counter() - begun)
        if answer.status != 202 or found["rejected"]:
            sys.exit(f"status {answer.status}: {json.dumps(found)[:500]}")
        accepted += found["accepted"]
    connection.close()
    return accepted, seconds


def over_http(port: int, key: str, requests: list[bytes]) -> tuple[float, int, list[float]]:
    """Seconds of all, events accepted, seconds of each request."""
    begun = perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        parts = [clients.submit(send, port, key, requests[client::CLIENTS]) for client in range(CLIENTS)]
        answers = [part.result() for part in parts]
    taken = perf_counter() - begun
    return taken, sum(accepted for accepted, _ in answers), [one for _, seconds in answers for one in seconds]


def raw_copy(parts: list[bytes], *, indexed: bool) -> float:
    """Seconds of a durable COPY of each part, one after the other, into a table like the event table."""
    from django.db import connection, transaction

    like = "including all" if indexed else "including defaults including constraints"
    with connection.cursor() as cursor:
        cursor.execute(f"create table copied (like experiments_event {like})")
        begun = perf_counter()
        for part in parts:
            with transaction.atomic():
                cursor.copy_expert(f"copy copied ({COLUMNS}) from stdin", io.BytesIO(part), size=1 << 20)
        taken = perf_counter() - begun
        cursor.execute("drop table copied")
    return taken


def stored_rows() -> bytes:
    """What was stored, as COPY writes it, in the order of arrival."""
    from django.db import connection

    rows = io.BytesIO()
    with connection.cursor() as cursor:
        cursor.copy_expert(
            f"copy (select {COLUMNS} from experiments_event order by sequence) to stdout", rows, size=1 << 20
        )
    return rows.getvalue()


def in_batches(rows: bytes) -> list[bytes]:
    """The same rows, as many in each part as a request holds."""
    lines = rows.splitlines(keepends=True)
    return [b"".join(lines[first : first + BATCH]) for first in range(0, len(lines), BATCH)]


def stored_bytes() -> int:
    """What the events take with their indexes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select sum(pg_total_relation_size(relid)) from pg_partition_tree('experiments_event')")
        return int(cursor.fetchone()[0])


def busy_seconds(pid: int) -> float:
    """Processor seconds of a process, its children, and those of them that ended; 0 where there is no /proc."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if stat.parent.name == str(pid):
                ticks += sum(map(int, fields[11:15]))
            elif fields[1] == str(pid):
                ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """Processor seconds of the whole machine that were not idle; 0 where there is no /proc."""
    with suppress(OSError):
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
    return 0.0


def rate(events: int, seconds: float) -> str:
    """Events a second, and the seconds."""
    return f"{events / seconds:9,.0f} events/s, {seconds:5.1f} s"


def main() -> int:
    """0 where the rate is a quarter of that of the COPY with indexes, and every event is there once."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with private_platform(durable=True, valkey=True) as var:
        from experiments.models import Event

        print(describe("django", "gunicorn", "psycopg2-binary"))
        key, requests = prepare(), bodies(total)
        postgres = int((var / "postgres" / "postmaster.pid").read_text().split()[0])
        with serving(var) as (port, web):
            before = [busy_seconds(web), busy_seconds(postgres), time.process_time(), machine_seconds()]
            taken, accepted, seconds = over_http(port, key, requests)
            after = [busy_seconds(web), busy_seconds(postgres), time.process_time(), machine_seconds()]
            repeated = send(port, key, requests[:1])[0]
        stored, space = Event.objects.count(), stored_bytes()
        whole = accepted == stored == total and repeated == 0
        rows = stored_rows()
        parts = in_batches(rows)
        indexed, bare = raw_copy([rows], indexed=True), raw_copy([rows], indexed=False)
        small, small_bare = raw_copy(parts, indexed=True), raw_copy(parts, indexed=False)
    half, late = (quantile(seconds, share) * 1e3 for share in (0.5, 0.99))
    sent = sum(map(len, requests)) / 1e6
    print(
        f"{total:,} events by {CLIENTS} clients in batches of {BATCH:,}: "
        f"{sent:,.0f} MB sent, {space / 1e6:,.0f} MB stored"
    )
    print(f"  over HTTP                    {rate(total, taken)}; a batch {half:.0f} ms (p50), {late:.0f} ms (p99)")
    for name, copied in (
        ("one COPY, indexed", indexed),
        ("one COPY, bare", bare),
        (f"COPY of {BATCH:,} each, indexed", small),
        (f"COPY of {BATCH:,} each, bare", small_bare),
    ):
        print(f"  {name:<28} {rate(total, copied)}; share {copied / taken:.2f}")
    *busy, machine = [(end - begun) / taken for begun, end in zip(before, after, strict=True)]
    # What others take away makes the rate lower than it is on a machine of its own.
    others = max(machine - sum(busy), 0.0)
    bound = "processors" if sum(busy) + others > 0.85 * (os.cpu_count() or 1) else "waiting"
    print(
        f"  cores in use: {sum(busy):.2f} of {os.cpu_count()} (web {busy[0]:.2f}, PostgreSQL {busy[1]:.2f}, "
        f"clients {busy[2]:.2f}), by other programs {others:.2f}: bounded by {bound}"
    )
    print(
        f"  stored {stored:,}, accepted {accepted:,}, of a repeated batch {repeated}: {'right' if whole else 'WRONG'}"
    )
    print(f"  wanted: {WANTED} of one COPY, indexed")
    return 0 if whole and indexed / taken >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
