"""Our Celery application is the one every thread sends with: a web server's threads never import it themselves."""

from __future__ import annotations

import threading

from celery import current_app
from django.conf import settings

from config import celery_app


def test_a_fresh_thread_sends_to_our_broker() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(current_app.conf.broker_url))
    thread.start()
    thread.join()
    assert found == [settings.REDIS_URL]
    assert celery_app.conf.broker_url == settings.REDIS_URL
