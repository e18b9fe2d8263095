"""The Celery application. Queues: default, ingest, gpu.

Two habits of ours: each worker leaves a sign of life for /readyz, and a pool child dies with its parent, so that a
killed worker leaves nothing behind that still writes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import Any

from celery import Celery, bootsteps
from celery.signals import worker_process_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("copylift")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["core", "experiments", "models_ml", "campaigns"])

SIGN_EVERY_SECONDS = 4
PR_SET_PDEATHSIG = 1


@worker_process_init.connect
def die_with_parent(**_: Any) -> None:
    """Ask Linux to kill this pool child when the worker above it dies. Elsewhere the child ends at its next read."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class SignOfLife(bootsteps.StartStopStep):
    """Writes one short-lived key for each queue the worker serves, from a thread of its own."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._stopped = threading.Event()

    def start(self, parent: Any) -> None:
        """Begin with the worker."""
        threading.Thread(target=self._sign, args=(parent,), name="sign-of-life", daemon=True).start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002 - the step protocol
        """End with the worker."""
        self._stopped.set()

    def _sign(self, parent: Any) -> None:
        from core import health  # noqa: PLC0415 - Django is set up by now, not at import

        while not self._stopped.is_set():
            health.sign(queue.name for queue in parent.app.amqp.queues.consume_from.values())
            self._stopped.wait(SIGN_EVERY_SECONDS)


app.steps["worker"].add(SignOfLife)
