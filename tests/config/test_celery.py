"""Our Celery application is the one every thread sends with: a web server's threads never import it themselves."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from celery import current_app
from django.conf import settings

from config import celery, celery_app


def test_a_fresh_thread_sends_to_our_broker() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(current_app.conf.broker_url))
    thread.start()
    thread.join()
    assert found == [settings.REDIS_URL]
    assert celery_app.conf.broker_url == settings.REDIS_URL


@pytest.mark.parametrize(("queues", "sent"), [(["gpu"], ["models_ml.warm_up"]), (["default", "ingest"], [])])
def test_a_worker_for_models_loads_what_writes_at_its_start(
    monkeypatch: pytest.MonkeyPatch, queues: list[str], sent: list[str]
) -> None:
    found: list[str] = []
    monkeypatch.setattr(celery, "give_signs", lambda queues: None)
    consumed = {name: SimpleNamespace(name=name) for name in queues}
    amqp = SimpleNamespace(queues=SimpleNamespace(consume_from=consumed))
    app = SimpleNamespace(amqp=amqp, send_task=lambda name, **_: found.append(name))
    celery.begin_signs_of_life(sender=SimpleNamespace(app=app))
    assert found == sent
