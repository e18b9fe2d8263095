"""A real worker process is killed in the middle of a wave; the next one goes on, and no e-mail lies there twice."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Message, Wave
from campaigns.services import waves
from campaigns.tasks import send_wave
from experiments.models import Event
from tests.campaigns import posting

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
FILES = "django.core.mail.backends.filebased.EmailBackend"
WORKER = f"""
import sys, django
django.setup()
from django.conf import settings
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "{FILES}", sys.argv[2]
from campaigns.tasks import send_wave
send_wave(sys.argv[3])
"""
SHOPPERS = 400
PATIENCE_SECONDS = 90


def numbers(folder: Path) -> list[str]:
    """The numbers of the messages that went out."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*.log")]
    return [number for text in texts for number in re.findall(r"^X-Copylift-Message: (\d+)$", text, re.MULTILINE)]


@contextmanager
def worker(wave: Wave, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own on the tests' database."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
    }
    command = [sys.executable, "-c", WORKER, str(connection.settings_dict["NAME"]), str(folder), str(wave.job_id)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_killed_process_leaves_nothing_that_is_sent_twice(tmp_path: Path, settings: Any) -> None:
    campaign = posting.campaign()
    posting.shoppers(SHOPPERS)
    wave = posting.wave(campaign)
    with worker(wave, tmp_path) as process:
        until = time.monotonic() + PATIENCE_SECONDS
        while len(numbers(tmp_path)) < 10 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = len(numbers(tmp_path))
    assert 10 <= before < SHOPPERS
    posting.queued_again(wave)
    Message.objects.exclude(not_before=None).update(not_before=timezone.now() - timedelta(seconds=1))
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = FILES, str(tmp_path)
    send_wave(str(wave.job_id))
    waves.send_waiting()
    found, states = numbers(tmp_path), posting.states(wave)
    assert len(found) == len(set(found))
    assert Wave.objects.get().state == "done"
    assert states.get("failed", 0) <= 1
    assert states["sent"] + states.get("failed", 0) == SHOPPERS
    assert SHOPPERS - 1 <= len(found) <= SHOPPERS
    assert Event.objects.filter(kind="exposure").values("unit").distinct().count() == SHOPPERS
