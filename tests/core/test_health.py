"""Alive asks nothing; ready names each part."""

from __future__ import annotations

import pytest
from django.test import Client

from core import health

pytestmark = pytest.mark.django_db


def test_alive_needs_no_database(client: Client, django_assert_num_queries: pytest.FixtureRequest) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert client.get("/healthz").json() == {"status": "alive"}


def test_ready_where_every_queue_gives_a_sign(client: Client) -> None:
    health.sign(health.QUEUES)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert {name: part["ok"] for name, part in answer.json()["checks"].items()} == {
        "database": True,
        "migrations": True,
        "broker": True,
        "workers": True,
    }


def test_a_queue_without_a_worker_is_named(client: Client) -> None:
    health.sign(health.QUEUES)
    health.broker_client().delete(health.worker_key("gpu"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["workers"] == {"ok": False, "detail": "none for: gpu"}


def test_a_broker_that_is_away_is_named(client: Client, settings: pytest.FixtureRequest) -> None:
    settings.REDIS_CLIENT_URL = "unix:///nonexistent/valkey.sock"  # type: ignore[attr-defined]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == {"ok": False, "detail": "does not answer"}
    assert answer.json()["checks"]["database"]["ok"] is True
