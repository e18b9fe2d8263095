"""`kill -9` of everything while copy is written and while traffic flows: the next start recovers by itself.

Minutes long, with the real launcher, model, workers and web server; by hand or by `make test-slow`.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.journeys.platform_run import PlatformRun

pytestmark = [pytest.mark.slow, pytest.mark.services, pytest.mark.timeout(900)]

GENERATION = "select count(*) from core_job where task_name = 'campaigns.generate_copy'"
COPIES = "select count(*) from campaigns_copy where parent_id is null"
RUNNING = "select key from experiments_experiment where status = 'running' order by id limit 1"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[PlatformRun]:
    """A platform of this test's own; whatever happens, nothing of it is left."""
    run = PlatformRun(tmp_path / "var")
    yield run
    run.kill_everything()


class Sender(threading.Thread):
    """A shop that sends one event after the other and remembers which were accepted."""

    def __init__(self, address: str, key: str, experiment: str) -> None:
        super().__init__(daemon=True)
        self.address, self.experiment = address, experiment
        self.headers = {"Authorization": f"Bearer {key}"}
        self.accepted: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        """Until told to stop. A request without an answer counts as not accepted."""
        with httpx.Client(base_url=self.address, headers=self.headers, timeout=5) as client:
            while not self.stopping.is_set():
                identity = f"sender-{uuid.uuid4()}"
                event = {"id": identity, "type": "custom", "unit": identity, "experiment": self.experiment}
                event["occurred_at"] = datetime.now(UTC).isoformat()
                try:
                    if client.post("/api/v1/events", json=event).status_code == httpx.codes.ACCEPTED:
                        self.accepted.append(identity)
                except httpx.HTTPError:
                    time.sleep(0.1)


def test_everything_killed_twice_loses_and_doubles_nothing(platform: PlatformRun) -> None:
    kill_while_copy_is_written(platform)
    sender = kill_in_the_middle_of_traffic(platform)
    nothing_accepted_is_lost(platform, sender)
    assert platform.stop() == 0
    platform.wait_for(lambda: not platform.processes(), 10, "every process to end")


def kill_while_copy_is_written(platform: PlatformRun) -> None:
    """The job is picked up again and writes each candidate once."""
    platform.start()
    platform.wait_for(lambda: (platform.value(COPIES) or 0) >= 1, 180, "the first candidate")
    platform.kill_everything()
    platform.start()
    unfinished = f"{GENERATION} and status not in ('succeeded')"
    platform.wait_for(lambda: platform.value(GENERATION) and platform.value(unfinished) == 0, 240, "copy to be written")
    doubled = """
        select count(*) from (
            select campaign_id, audience_id, content_hash from campaigns_copy
            where parent_id is null group by 1, 2, 3 having count(*) > 1
        ) twice
    """
    assert platform.value(doubled) == 0
    assert platform.value("select max(attempt) from core_job where task_name = 'campaigns.generate_copy'") <= 2


def kill_in_the_middle_of_traffic(platform: PlatformRun) -> Sender:
    """Kill while two shops send: the demo's player and one of our own."""
    platform.wait_for(lambda: platform.value(RUNNING), 240, "a running experiment")
    platform.wait_for(lambda: (platform.value("select count(*) from experiments_event") or 0) > 500, 120, "traffic")
    sender = Sender(platform.address, platform.demo()["api_key"], platform.value(RUNNING))
    sender.start()
    platform.wait_for(lambda: len(sender.accepted) > 50, 60, "fifty accepted events")
    platform.kill_everything()
    before = len(sender.accepted)
    platform.start()
    platform.wait_for(lambda: len(sender.accepted) > before + 50, 180, "traffic after the second start")
    sender.stopping.set()
    sender.join(20)
    return sender


def nothing_accepted_is_lost(platform: PlatformRun, sender: Sender) -> None:
    """Every accepted event is there once; the folded figures equal a recomputation."""
    stored = platform.rows("select id from experiments_event where id like 'sender-%%'")
    assert len(stored) == len(set(stored))
    assert set(sender.accepted) - {identity for (identity,) in stored} == set()
    behind = """
        select (select max(sequence) from experiments_event) - (select sequence from experiments_foldcursor)
    """
    platform.wait_for(lambda: (platform.value(behind) or 0) < 3000, 120, "the fold to catch up")
    audit = platform.manage("audit_moments")
    assert audit.returncode == 0, audit.stdout + audit.stderr
