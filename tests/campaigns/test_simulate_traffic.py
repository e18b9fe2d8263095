"""The command against a served platform: events arrive, a second run doubles nothing, trouble is a sentence."""

from __future__ import annotations

import os
import signal
import threading
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from campaigns.management.commands import simulate_traffic
from experiments.models import ArmMoments, Event, Experiment
from experiments.simulation.player import Progress
from tests.experiments.shop import api_key, draft, fold, running

pytestmark = pytest.mark.django_db(transaction=True)


def simulate(server: LiveServer, **options: Any) -> str:
    """Run the command; answers what it printed."""
    out = StringIO()
    given = {"base_url": server.url, "shoppers": 40, "seed": 3, "experiment": "welcome", "patience": 2.0, **options}
    if "api_key" not in given and "api_key_file" not in given:
        given["api_key"] = api_key("decide", "events", "read")
    if given.get("campaign"):
        del given["experiment"]
    call_command("simulate_traffic", stdout=out, stderr=StringIO(), **given)
    return out.getvalue()


@pytest.mark.parametrize("batch", [False, True])
def test_shoppers_come_and_the_truth_is_told(live_server: LiveServer, batch: bool) -> None:
    running()
    text = simulate(live_server, batch=batch)
    fold()
    assert sum(row.n for row in ArmMoments.objects.all()) == 40
    assert "40 shoppers" in text
    assert "welcome: truth, and in brackets what this play sent" in text
    assert "return on cost" in text


def test_a_second_run_doubles_nothing(live_server: LiveServer) -> None:
    running()
    simulate(live_server)
    events = Event.objects.count()
    text = simulate(live_server)
    assert Event.objects.count() == events
    assert f"0 events taken, {events} known already" in text


def test_a_key_may_come_from_a_file_and_visits_be_dated(live_server: LiveServer, tmp_path: Path) -> None:
    running()
    file = tmp_path / "key"
    file.write_text(api_key("decide", "events", "read") + "\n")
    simulate(live_server, api_key_file=file, days=0.5)
    times = list(Event.objects.order_by("occurred_at").values_list("occurred_at", flat=True))
    assert 0.4 < (times[-1] - times[0]).total_seconds() / 86_400 < 0.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api_key": "cl_00000000_wrong"}, "not known"),
        ({"api_key": "nonsense"}, "not a Copylift API key"),
        ({"api_key": "schlüssel"}, "makes no valid request"),
        ({"api_key_file": Path("/nowhere/key")}, "--api-key-file: /nowhere/key cannot be read"),
        ({"experiment": "unknown"}, "unknown"),
        ({"experiment": "sleeping"}, "sleeping is not running"),
        ({"campaign": "none"}, "none"),
        ({"campaign": "none", "batch": True}, "--batch"),
        ({"base_url": "http://127.0.0.1:9", "patience": 0.2}, "does not answer"),
        ({"base_url": "ftp://example.org"}, "must begin with http"),
        ({"shoppers": 0}, "shoppers: must be from 1"),
        ({"begun_at": "yesterday"}, "--from: 'yesterday' is not an ISO time"),
        ({"begun_at": "2026-03-01T00:00"}, "has no zone"),
    ],
)
def test_trouble_is_a_sentence_with_exit_code_2(live_server: LiveServer, options: dict[str, Any], words: str) -> None:
    running()
    draft("sleeping")
    with pytest.raises(CommandError) as caught:
        simulate(live_server, **options)
    assert words in str(caught.value)
    assert caught.value.returncode == 2
    assert not Event.objects.exists()


def test_a_key_without_a_scope_is_told(live_server: LiveServer) -> None:
    running()
    with pytest.raises(CommandError, match="lacks the scope"):
        simulate(live_server, api_key=api_key("decide", "read"))
    assert not Event.objects.exists()


def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(live_server: LiveServer) -> None:
    running()
    begun = time.monotonic()
    threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(CommandError, match="Stopped") as caught:
        simulate(live_server, shoppers=5_000, rate=50.0, batch=True)
    assert caught.value.returncode == 130
    assert time.monotonic() - begun < 20
    fold()
    units = sum(row.n for row in ArmMoments.objects.all())
    assert 0 < units < 5_000
    simulate(live_server, shoppers=units + 50, rate=50.0, batch=True)
    fold()
    assert sum(row.n for row in ArmMoments.objects.all()) == units + 50


def test_refused_events_are_exit_code_1(live_server: LiveServer) -> None:
    """Visits dated in the far past are refused by the platform, one by one, and nothing is stored."""
    running()
    with pytest.raises(CommandError, match="Events were refused; the first: occurred_at") as caught:
        simulate(live_server, begun_at="2001-01-01T00:00:00Z")
    assert caught.value.returncode == 1
    assert not Event.objects.exists()


def test_the_bar_says_how_long_it_takes() -> None:
    text = simulate_traffic.text_of(Progress(4_000, 10_000, 48_012, 8.0))
    assert text == "[############                  ]  40% 4,000 of 10,000 shoppers, 48,012 events, 12 s left "


def test_the_experiment_is_left_as_it_was(live_server: LiveServer) -> None:
    experiment = running()
    simulate(live_server, shoppers=5)
    assert Experiment.objects.get(pk=experiment.pk).status == experiment.status
