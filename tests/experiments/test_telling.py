"""Telling of verdicts: once each, to those who can act on them, in their language."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.models import Brand
from core import audit
from core.models import Notice, User, Webhook, WebhookDelivery
from experiments import services
from experiments.models import Analysis, Experiment
from experiments.services.telling import ACTION, tell_verdict, whom_to_tell
from tests import people
from tests.campaigns import shop as campaign_shop
from tests.experiments import shop
from tests.experiments.test_designs_live import visit

pytestmark = pytest.mark.django_db


def hook() -> Webhook:
    return Webhook.objects.create(name="chat", url="https://chat.test/", secret="s", events=["experiment.verdict"])


def won(key: str = "welcome") -> tuple[Experiment, Analysis]:
    """A running experiment whose arm `b` clearly sells more."""
    experiment = shop.running(key, planned_units=400, planned_looks=4)
    visit(range(400), buy={"a": 50, "b": 2}, key=key)
    return experiment, services.analyse(experiment)


def test_a_winner_is_told_once_to_those_who_can_act_on_it() -> None:
    people.alice(), people.bob(), people.ana(), people.charlie(), hook()
    experiment, analysis = won()
    assert analysis.verdict == "ship"
    assert set(Notice.objects.filter(kind="verdict").values_list("user__name", flat=True)) == {"Alice", "Ana"}
    notice = Notice.objects.filter(user__name="Alice").get()
    assert (notice.subject, notice.url) == ("New verdict: The welcome test", "/experiments/welcome/")
    assert notice.body == analysis.sentence
    sent = WebhookDelivery.objects.get().payload
    assert {name: sent[name] for name in ("experiment", "verdict", "arm", "phase", "final")} == {
        "experiment": "welcome",
        "verdict": "ship",
        "arm": "b",
        "phase": 1,
        "final": False,
    }
    assert tell_verdict(experiment, analysis) is False
    services.analyse(experiment)
    assert (Notice.objects.count(), WebhookDelivery.objects.count()) == (2, 1)


def test_the_same_verdict_at_the_end_is_not_told_again_and_another_one_is() -> None:
    people.alice(), hook()
    experiment, _analysis = won()
    final = services.analyse(services.stop_experiment(experiment, actor="test"))
    assert (final.is_final, final.verdict) == (True, "ship")
    assert WebhookDelivery.objects.count() == 1
    final.verdict, final.results["verdict"]["arm"] = "keep", "a"
    assert tell_verdict(experiment, final) is True
    assert [row.payload["verdict"] for row in WebhookDelivery.objects.order_by("pk")] == ["ship", "keep"]
    assert Notice.objects.count() == 2


def test_keep_running_is_told_to_nobody() -> None:
    people.alice(), hook()
    experiment = shop.running(planned_units=400, planned_looks=4)
    visit(range(120), buy={"a": 10, "b": 10})
    assert services.analyse(experiment).verdict == "keep_running"
    assert not Notice.objects.exists()
    assert not WebhookDelivery.objects.exists()
    assert not audit.history(experiment).filter(action=ACTION).exists()


def test_an_import_is_history_and_told_to_nobody() -> None:
    people.alice(), hook()
    experiment, analysis = won()
    Notice.objects.all().delete(), WebhookDelivery.objects.all().delete()
    experiment.source = "imported"
    analysis.verdict = "keep"
    assert tell_verdict(experiment, analysis) is False
    assert not Notice.objects.exists()


def test_each_member_is_told_in_their_own_language() -> None:
    alice = people.alice()
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    people.ana()
    won()
    bodies = dict(Notice.objects.values_list("user__name", "body"))
    assert bodies["Ana"].startswith("Ship B")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in bodies["Alice"])


def test_a_stranger_to_the_brand_is_not_told() -> None:
    campaign = campaign_shop.launched()
    experiment = campaign.experiment_links.all()[0].experiment
    people.ana()
    assert {one.name for one in whom_to_tell(experiment)} == {"Alice", "Ana"}
    Brand.objects.get().members.add(User.objects.get(name="Alice"))
    assert {one.name for one in whom_to_tell(experiment)} == {"Alice"}


def test_what_is_told_is_rolled_back_with_the_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    people.alice(), hook()

    def fail(*_arguments: Any, **_more: Any) -> int:
        raise RuntimeError("no")

    monkeypatch.setattr("experiments.services.telling.notify", fail)
    with pytest.raises(RuntimeError):
        won()
    assert not Analysis.objects.exists()
    assert not WebhookDelivery.objects.exists()
