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
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_ready, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Celery's Django fixup imports the whole worker. Only the celery program needs it (to set Django up and close
# connections); a web process or a command only sends messages, and stays light without it.
program = Path(sys.argv[0])
is_worker = "celery" in {program.name, program.parent.name}

app = Celery("copylift", fixups=None if is_worker else [], task_cls="celery.contrib.django.task:DjangoTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
# "Current" is a matter of the thread; a web server answers from threads that never saw this module being imported.
app.set_default()
app.autodiscover_tasks(["core", "experiments", "models_ml", "campaigns"])

SIGN_EVERY_SECONDS = 4
GPU_QUEUE = "gpu"
PR_SET_PDEATHSIG = 1
STOPPING = threading.Event()


@worker_process_init.connect
def die_with_parent(**_: Any) -> None:
    """Ask Linux to kill this pool child when the worker above it dies. Elsewhere the child ends at its next read."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@worker_ready.connect
def begin_signs_of_life(sender: Any, **_: Any) -> None:
    """Begin once the worker takes work."""
    queues = [queue.name for queue in sender.app.amqp.queues.consume_from.values()]
    if GPU_QUEUE in queues:
        # To itself, in effect: the first to be free on that queue. A worker that missed it loads at its first job.
        sender.app.send_task("models_ml.warm_up", queue=GPU_QUEUE, expires=120, retry=False)
    threading.Thread(target=give_signs, args=(queues,), name="sign-of-life", daemon=True).start()


@worker_shutting_down.connect
def end_signs_of_life(**_: Any) -> None:
    """A worker that is told to stop takes no new work."""
    STOPPING.set()


def give_signs(queues: list[str]) -> None:
    """Leave a short-lived key for each queue, every few seconds."""
    from core import health  # noqa: PLC0415 - Django is set up by now, not at import

    while not STOPPING.is_set():
        health.sign(queues)
        STOPPING.wait(SIGN_EVERY_SECONDS)
