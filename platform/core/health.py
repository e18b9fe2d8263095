"""/healthz touches nothing; /readyz asks the database, the migrations, the broker and the workers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

logger = logging.getLogger(__name__)

QUEUES = ("default", "ingest", "gpu")
# Workers write a sign of life every few seconds (config.celery); one this old is taken for dead.
WORKER_SIGN_SECONDS = 15


@dataclass(frozen=True)
class Check:
    """One part and how it is."""

    name: str
    ok: bool
    detail: str


def database() -> Check:
    """The database answers, and is PostgreSQL 15 or later."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select current_setting('server_version_num')::int")
            row = cursor.fetchone()
    except Error:
        return Check("database", ok=False, detail="does not answer")
    version = int(row[0]) // 10000 if row else 0
    return Check("database", ok=version >= 15, detail=f"PostgreSQL {version}")


def migrations() -> Check:
    """No migration is waiting."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return Check("migrations", ok=False, detail="the database does not answer")
    return Check("migrations", ok=not waiting, detail=f"{len(waiting)} waiting" if waiting else "all applied")


def broker_client() -> redis.Redis:
    """A client of the broker that gives up after a second."""
    return redis.Redis.from_url(settings.REDIS_CLIENT_URL, socket_timeout=1, socket_connect_timeout=1)


def broker() -> Check:
    """The broker answers a ping."""
    try:
        broker_client().ping()
    except (redis.RedisError, OSError):
        return Check("broker", ok=False, detail="does not answer")
    return Check("broker", ok=True, detail="answers")


def workers() -> Check:
    """Every queue has a worker that gave a sign of life lately."""
    try:
        client = broker_client()
        silent = [queue for queue in QUEUES if not client.exists(worker_key(queue))]
    except (redis.RedisError, OSError):
        return Check("workers", ok=False, detail="the broker does not answer")
    return Check("workers", ok=not silent, detail=f"none for: {', '.join(silent)}" if silent else "all queues served")


def worker_key(queue: str) -> str:
    """Where a queue's worker leaves its sign of life."""
    return f"copylift:worker:{queue}"


CHECKS: tuple[Callable[[], Check], ...] = (database, migrations, broker, workers)


def readiness() -> list[Check]:
    """All checks, in order."""
    return [check() for check in CHECKS]


def sign(queues: Iterable[str]) -> None:
    """Leave a sign of life for each queue. A broker that is away is tried again at the next sign."""
    try:
        client = broker_client()
        for queue in queues:
            client.set(worker_key(queue), "1", ex=WORKER_SIGN_SECONDS)
    except (redis.RedisError, OSError):
        logger.warning("the broker does not answer; no sign of life left")
