"""The pages of experiments and the report file, from real events to what a person reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from experiments import tasks
from experiments.models import Analysis, Experiment
from tests import people
from tests.experiments import shop

pytestmark = pytest.mark.django_db


def played(key: str = "welcome", *, shoppers: int = 40) -> Experiment:
    """A running experiment: everybody in `b` buys half the time, in `a` a quarter of it."""
    experiment = shop.running(key, planned_units=1000, planned_looks=25, hypothesis="A warmer welcome sells more.")
    events = []
    for number in range(shoppers):
        unit, arm = f"u-{number}", "ab"[number % 2]
        events.append(shop.exposure(unit, arm, key))
        if number % (4 if arm == "b" else 8) < 2:
            events.append(shop.event("conversion", unit, value=20, margin=8))
    shop.send(*events)
    shop.fold()
    tasks.refresh_analyses()
    return experiment


def page(client: Client, name: str, *arguments: str, **query: str) -> str:
    """The text of a page that must be there."""
    answer = client.get(reverse(f"experiments:{name}", args=arguments), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_running_result_says_its_verdict_and_asks_for_itself_again(client: Client) -> None:
    played()
    client.force_login(people.ana())
    text = page(client, "detail", "welcome")
    assert "A warmer welcome sells more." in text
    assert "Conversion" in text
    assert "40 shoppers" in " ".join(text.split())
    assert 'hx-trigger="every 3s"' in text
    assert "look 1 of 25, the next at 80 shoppers" in " ".join(text.split())
    assert "<svg" in text


def test_the_live_part_comes_alone(client: Client) -> None:
    played()
    client.force_login(people.ana())
    answer = client.get(reverse("experiments:detail", args=["welcome"]), headers={"HX-Request": "true"})
    assert answer.content.decode().lstrip().startswith('<div id="result"')


def test_a_stopped_result_is_final_and_rests(client: Client) -> None:
    played()
    client.force_login(people.alice())
    client.post(reverse("experiments:move", args=["welcome", "stop"]))
    tasks.refresh_analyses()
    text = page(client, "detail", "welcome")
    assert "look 1 of 25" in " ".join(text.split())
    assert "hx-trigger" not in text


def test_an_experiment_without_a_shopper_says_so(client: Client) -> None:
    shop.running()
    client.force_login(people.ana())
    assert "No shopper has been seen yet" in page(client, "detail", "welcome")


def test_an_untrusted_text_is_escaped_everywhere(client: Client) -> None:
    experiment = played()
    experiment.arms.filter(key="b").update(
        name="<script>alert(1)</script>", content={"headline": "<img src=x onerror=alert(2)>", "body": "\u202eevil"}
    )
    client.force_login(people.ana())
    for text in (page(client, "detail", "welcome"), page(client, "report", "welcome")):
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;img src=x" in text


def test_the_list_finds_by_name_and_counts_its_queries(client: Client, django_assert_max_num_queries: object) -> None:
    for number in range(12):
        shop.draft(f"test-{number}")
    played("autumn")
    client.force_login(people.ana())
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        text = page(client, "list")
    assert text.count("/experiments/test-") == 12
    assert Analysis.objects.get().sentence in text
    assert page(client, "list", q="autumn").count('<th scope="row">') == 1
    assert "No experiment fits all of this" in page(client, "list", q="nothing")


def test_a_result_page_needs_few_queries(client: Client, django_assert_max_num_queries: object) -> None:
    played()
    client.force_login(people.ana())
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        page(client, "detail", "welcome")


def test_the_report_needs_nothing_beside_it(client: Client) -> None:
    played()
    client.force_login(people.ana())
    answer = client.get(reverse("experiments:report", args=["welcome"]), {"download": ""})
    text = answer.content.decode()
    assert answer["Content-Disposition"] == 'attachment; filename="welcome.html"'
    assert "<svg" in text
    assert "--accent" in text
    assert [word for word in ("<link", "<script", "src=", "hx-get") if word in text] == []


def test_the_report_command_writes_the_same_file(client: Client, tmp_path: Path) -> None:
    played()
    file = tmp_path / "result.html"
    call_command("report_experiment", "welcome", output=file)
    client.force_login(people.ana())
    assert file.read_text(encoding="utf-8") == page(client, "report", "welcome")


def test_the_report_command_names_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nothing-here"):
        call_command("report_experiment", "nothing-here")
    shop.running()
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("report_experiment", "welcome", output=tmp_path / "no" / "folder.html")


def test_a_marketer_pauses_and_resumes(client: Client) -> None:
    experiment = shop.running()
    client.force_login(people.alice())
    for move, state in (("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        client.post(reverse("experiments:move", args=["welcome", move]))
        experiment.refresh_from_db()
        assert experiment.status == state


def test_a_move_that_is_not_allowed_is_said_and_changes_nothing(client: Client) -> None:
    experiment = shop.running()
    client.force_login(people.alice())
    answer = client.post(reverse("experiments:move", args=["welcome", "resume"]), follow=True)
    experiment.refresh_from_db()
    assert experiment.status == "running"
    assert "The experiment is running" in answer.content.decode()


@pytest.mark.parametrize("who", [people.bob, people.ana, people.charlie])
def test_others_may_not_move_an_experiment(client: Client, who: object) -> None:
    experiment = shop.running()
    client.force_login(who())  # type: ignore[operator]
    assert client.post(reverse("experiments:move", args=["welcome", "stop"])).status_code == 403
    experiment.refresh_from_db()
    assert experiment.status == "running"


def test_who_may_look(client: Client) -> None:
    shop.running()
    address = reverse("experiments:detail", args=["welcome"])
    assert client.get(address).status_code == 302
    client.force_login(people.charlie())
    assert client.get(address).status_code == 403
    client.force_login(people.bob())
    assert client.get(address).status_code == 200
    assert client.get(reverse("experiments:detail", args=["unknown"])).status_code == 404


def test_a_page_that_lacks_its_chart_has_it_drawn(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    played()
    Analysis.objects.update(chart_svg="")
    Experiment.objects.update(status="stopped", stopped_at=timezone.now())
    asked: list[tuple[int]] = []
    monkeypatch.setattr(tasks.draw_missing_chart, "apply_async", lambda pk, **_options: asked.append(pk))
    client.force_login(people.ana())
    assert "hx-trigger" in page(client, "detail", "welcome")
    assert asked == [(Analysis.objects.get().pk,)]
    assert tasks.draw_missing_chart(*asked[0]) is True
    text = page(client, "detail", "welcome")
    assert "<svg" in text
    assert "hx-trigger" not in text
    assert len(asked) == 1
