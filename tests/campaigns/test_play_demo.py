"""The demo plays itself, over HTTP and through the services; killed anywhere it goes on, and nothing is doubled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.live_server_helper import LiveServer

from campaigns import audiences as rules
from campaigns import queries, services
from campaigns.demo import data, director, people, progress, shoppers, traffic
from campaigns.demo.director import Director
from campaigns.demo.review import Approvers, repeated, review
from campaigns.demo.traffic import Traffic
from campaigns.management.commands import play_demo
from campaigns.management.commands.load_demo import load
from campaigns.models import Campaign, Copy, Review
from core import errors
from core.jobs import run_job
from core.models import ApiKey, AuditEntry, Job
from core.roles import Role
from core.services import api_keys, jobs
from experiments import services as experiment_services
from experiments.models import Analysis, ArmMoments, Event, Experiment
from models_ml.brief import Brief, required_slots
from models_ml.drafting import Context

PLAN = {"warm-hands": 60, "wool-blanket-zh": 24, "ferry-backpack": 0}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = "山水云月花鸟竹石松梅"


# What a test's directors hold open, closed at its end.
OPENED: list[Traffic] = []


class DemoWriter:
    """Writes sound copy for any brief of the demo: every slot that must be there, and a word that tells them apart."""

    def __init__(self, *, spoiled: Callable[[Brief], bool] = lambda brief: False) -> None:
        self.spoiled = spoiled

    def __call__(
        self,
        briefs: Sequence[Brief],
        *,
        values: Sequence[Mapping[str, str]],
        per_brief: int,
        seed: int,
        should_stop: Callable[[], bool],
        on_batch: Callable[[Sequence[Mapping[str, Any]]], None],
        context: Context,
    ) -> list[dict[str, Any]]:
        """The same texts for the same brief and seed."""
        (brief,) = briefs
        texts = [self._text(brief, seed, number) for number in range(per_brief)]
        on_batch(texts)
        return texts

    def _text(self, brief: Brief, seed: int, number: int) -> dict[str, Any]:
        letters = WORDS if brief.language == "zh" else LETTERS
        word = letters[seed % len(letters)] + letters[number % len(letters)]
        slots = " ".join(f"{{{slot}}}" for slot in required_slots(brief) if slot != "product")
        free = {"en": "Free delivery.", "zh": "包邮。"}[brief.language] if brief.offer.kind == "free_shipping" else ""
        spoil = "cheap" if self.spoiled(brief) else ""
        return {
            "brief_index": 0,
            "theme": word,
            "headline": f"{{product}} {word}",
            "body": f"{slots} {free} {spoil} {word}".strip(),
            "call_to_action": {"en": "Take a look", "zh": "去看看"}[brief.language],
            "provenance": {"model_id": "fake", "seed": seed},
        }


@pytest.fixture(autouse=True)
def quick(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A var folder of the test's own, a quick hash, and no waiting for workers that are not there."""
    settings.VAR = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(director, "FOLD_SECONDS", 0.0)
    monkeypatch.setattr("campaigns.demo.director.dispatch.send", lambda job: True)
    yield
    while OPENED:
        OPENED.pop().__exit__()


def small_shop() -> data.Shop:
    """The demo with few shoppers, who come at a quick pace."""
    shop = data.load()
    changed = [
        dataclasses.replace(
            one,
            play=dataclasses.replace(
                one.play,
                shoppers=PLAN[one.key],
                shoppers_a_minute=6000 if one.play.shoppers_a_minute else 0,
            ),
        )
        for one in shop.campaigns
    ]
    return dataclasses.replace(shop, campaigns=changed)


def approvers(shop: data.Shop) -> Approvers:
    """Both of the demo."""
    return Approvers(people.member_of(shop.members, Role.APPROVER), people.member_of(shop.members, Role.APPROVER, 1))


def new_director(
    url: str, settings: Any, lines: list[str], *, stopping: Callable[[], bool] = lambda: False
) -> Director:
    """As the command makes one: knows nothing but the database."""
    shop = small_shop()
    OPENED.append(Traffic(url, people.Credentials(settings.VAR).api_key, stopping=stopping).__enter__())
    return Director(
        shop=shop,
        marketer=people.member_of(shop.members, Role.MARKETER),
        approvers=approvers(shop),
        traffic=OPENED[-1],
        say=lines.append,
        stopping=stopping,
    )


def write(writer: DemoWriter | None = None) -> int:
    """What the gpu worker does with the jobs that wait; how many there were."""
    waiting = list(Job.objects.filter(status="queued"))
    for job in waiting:
        run_job(str(job.pk), lambda context: services.write_copy(context, writer=writer or DemoWriter()))
        services.settle_campaign(Campaign.objects.get(pk=job.arguments["campaign"]))
    return len(waiting)


def play_all(play: Director, *, turns: int = 40) -> None:
    """Turns until all is done, with a worker that writes and folds in between."""
    for _ in range(turns):
        play.turn()
        write()
        experiment_services.fold_events()
        if play.done():
            return
    raise AssertionError("the demo did not come to its end")


def states() -> dict[str, str]:
    """Where each campaign stands."""
    return dict(Campaign.objects.values_list("key", "status"))


def rows() -> dict[str, int]:
    """How much there is of everything a second play could double."""
    kinds = (Job, Copy, Review, Experiment, Event, Analysis, AuditEntry)
    return {kind.__name__: kind._default_manager.count() for kind in kinds}


def units(key: str) -> int:
    """Shoppers folded for a campaign."""
    return progress.units_of(Campaign.objects.get(key=key))


# --- the whole of it --------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_the_demo_ends_with_one_finished_one_running_and_one_waiting(live_server: LiveServer, settings: Any) -> None:
    load(lambda line: None)
    lines: list[str] = []
    play_all(new_director(live_server.url, settings, lines))
    assert states() == {"warm-hands": "finished", "wool-blanket-zh": "running", "ferry-backpack": "review"}
    assert Copy.objects.filter(campaign__key="ferry-backpack", status="pending").count() == 12
    assert not Copy.objects.exclude(campaign__key="ferry-backpack").filter(status="pending").exists()
    assert (units("warm-hands"), units("wool-blanket-zh")) == (60, 24)
    per_audience = {e.key: sum(e.arms.values_list("moments__n", flat=True)) for e in Experiment.objects.all()}
    assert per_audience == {
        "warm-hands--commuters": 20, "warm-hands--loyal_customers": 20, "warm-hands--new_customers": 20,
        "wool-blanket-zh--home_lovers": 12, "wool-blanket-zh--lapsed_customers": 12,
    }  # fmt: skip
    finished = Analysis.objects.filter(experiment__key__startswith="warm-hands", is_final=True)
    assert finished.count() == 3
    edited = Copy.objects.get(version=2)
    assert (edited.status, edited.call_to_action, edited.author_id) == (
        "approved", "See the mug", approvers(small_shop()).first.pk,
    )  # fmt: skip
    assert [review.reviewer.name for review in edited.reviews.all()] == ["Aiko Approver"]
    assert any("its plan is full; live traffic has ended" in line for line in lines)

    # A second start finds everything done.
    before = rows()
    again: list[str] = []
    play_all(new_director(live_server.url, settings, again))
    assert rows() == before
    assert not [line for line in again if "plan is full" not in line]


@pytest.mark.django_db(transaction=True)
def test_a_director_made_anew_for_every_turn_plays_the_same_demo(live_server: LiveServer, settings: Any) -> None:
    load(lambda line: None)
    for _ in range(40):
        play = new_director(live_server.url, settings, [])
        play.turn()
        write()
        experiment_services.fold_events()
        if play.done():
            break
    assert states() == {"warm-hands": "finished", "wool-blanket-zh": "running", "ferry-backpack": "review"}
    assert (units("warm-hands"), units("wool-blanket-zh")) == (60, 24)
    assert Job.objects.count() == 3
    assert Copy.objects.filter(version=2).count() == 1


@pytest.mark.django_db(transaction=True)
def test_shoppers_who_were_sent_before_a_kill_count_once(
    live_server: LiveServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(lambda line: None)
    monkeypatch.setattr(traffic, "PART", 25)
    first = new_director(live_server.url, settings, [])
    for _ in range(20):
        if units("warm-hands"):
            break
        first.turn()
        write()
        experiment_services.fold_events()
    assert 0 < units("warm-hands") < 60
    second = new_director(live_server.url, settings, [])
    campaign = Campaign.objects.get(key="warm-hands")
    assert second.traffic.next_shopper(campaign, second.shop.campaign("warm-hands").play) == 0  # all may be under way
    play_all(second)
    assert units("warm-hands") == 60
    events = Event.objects.filter(kind="exposure", experiment_id__in=Experiment.objects.values("pk"))
    assert events.values("unit").distinct().count() == 60 + 24
    assert {moments.n for moments in ArmMoments.objects.all()} != {0}
    # The streamed moments are those of the raw events: nothing was lost and nothing counted twice.
    assert [experiment_services.audit_moments(experiment) for experiment in Experiment.objects.all()] == [[]] * 5


# --- people's decisions -----------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_an_edit_whose_editor_was_killed_is_approved_by_the_other_approver() -> None:
    load(lambda line: None)
    shop = small_shop()
    campaign, play = Campaign.objects.get(key="warm-hands"), shop.campaign("warm-hands").play
    services.request_generation(campaign, per_audience=4, seed=1, actor=people.member_of(shop.members, Role.MARKETER))
    write()
    copy = Copy.objects.filter(audience=queries.ordered_audiences(campaign)[0]).order_by("id")[0]
    parts = {"theme": copy.theme, **queries.written_parts(copy), **play.edit}
    services.edit_copy(copy, editor=approvers(shop).first, parts=parts)
    for _ in range(3):
        review(Campaign.objects.get(pk=campaign.pk), play, by=approvers(shop), say=lambda line: None)
    assert Copy.objects.filter(version=2).count() == 1
    assert Copy.objects.get(version=2).reviews.get().reviewer == approvers(shop).second
    for audience in queries.ordered_audiences(campaign):
        assert len(queries.approved_copies(campaign, audience)) == play.approve
    assert not Copy.objects.filter(status="pending").exists()


@pytest.mark.django_db
def test_blocked_copy_is_rejected_and_more_is_asked_for_until_it_is_given_up(settings: Any) -> None:
    load(lambda line: None)
    lines: list[str] = []
    play = new_director("http://127.0.0.1:9", settings, lines)
    play.shop.campaigns[:] = [play.shop.campaign("warm-hands")]
    for _ in range(20):
        play.turn()
        write(DemoWriter(spoiled=lambda brief: brief.audience.key == "commuters"))
    assert Job.objects.count() == director.MOST_REQUESTS
    assert len(set(Job.objects.values_list("arguments__seed", flat=True))) == director.MOST_REQUESTS
    assert states()["warm-hands"] == "review"
    assert play.done()
    rejected = Review.objects.filter(copy__audience__key="commuters")
    assert set(rejected.values_list("decision", flat=True)) == {"reject"}
    assert "“cheap”" in rejected[0].reason
    assert len([line for line in lines if "no usable copy was written" in line]) == 1


@pytest.mark.django_db
def test_a_worker_that_died_for_good_is_noticed(settings: Any) -> None:
    load(lambda line: None)
    play = new_director("http://127.0.0.1:9", settings, [])
    play.turn()
    job = Job.objects.order_by("created_at")[0]
    claimed = jobs.claim_job(job.pk)
    assert claimed is not None
    jobs.fail_job(claimed, code="worker_lost", message="The worker died each time this was tried.")
    assert states()["warm-hands"] == "generating"
    play.turn()
    assert states()["warm-hands"] == "draft"
    play.turn()
    assert (states()["warm-hands"], Job.objects.count()) == ("generating", 4)


@pytest.mark.parametrize(
    ("text", "times"),
    [("Code: A. Until May.", 0), ("Code A. Code A. Until May.", 1), ("好用。好用。好用", 2), ("", 0)],
)
def test_a_sentence_that_stands_twice_is_noticed(text: str, times: int) -> None:
    assert repeated(text) == times


# --- shoppers ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["warm-hands", "wool-blanket-zh", "ferry-backpack"])
def test_shoppers_come_from_the_audiences_in_turn(key: str) -> None:
    shop = data.load()
    by_key = {audience.key: audience.rule for audience in shop.audiences}
    tried = [by_key[one] for one in shop.campaign(key).audiences]
    attributes = shoppers.attributes_for(tried)
    for index in range(60):
        mine = attributes(7, index)
        found = next(place for place, rule in enumerate(tried) if rules.matches(rule, mine))
        assert found == index % len(tried)
        assert attributes(7, index) == mine


def test_a_rule_nobody_fits_does_not_hang() -> None:
    attributes = shoppers.attributes_for([[{"attribute": "planet", "operator": "is", "value": "Mars"}]])
    assert "orders" in attributes(1, 1)


# --- the panel on the home page ---------------------------------------------------------------------------------
@pytest.mark.django_db
def test_without_a_demo_there_is_no_panel() -> None:
    assert progress.setting_up() == []


@pytest.mark.django_db
def test_the_panel_follows_the_states(settings: Any) -> None:
    load(lambda line: None)
    assert [(line.percent, line.sentence) for line in progress.setting_up()] == [(0, "waits for its turn")] * 3
    new_director("http://127.0.0.1:9", settings, []).turn()
    job = Job.objects.get(object_id=str(Campaign.objects.get(key="warm-hands").pk))
    Job.objects.filter(pk=job.pk).update(percent=50)
    assert [line.percent for line in progress.setting_up()] == [28, 5, 5]
    write()
    assert [line.key for line in progress.setting_up()] == ["warm-hands", "wool-blanket-zh"]
    Campaign.objects.filter(key="warm-hands").update(status="archived")
    assert [line.key for line in progress.setting_up()] == ["wool-blanket-zh"]


# --- the command ------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_playing_before_loading_is_a_sentence() -> None:
    with pytest.raises(CommandError, match="names no API key; run load_demo first"):
        call_command("play_demo", "--once")
    assert Job.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_key_that_was_revoked_stops_the_play_with_a_sentence(
    live_server: LiveServer, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    load(lambda line: None)
    play = new_director(live_server.url, settings, [])
    for _ in range(10):
        if states()["warm-hands"] == "running":
            break
        play.turn()
        write()
    for key in ApiKey.objects.all():
        api_keys.revoke_api_key(key, actor=people.member_of(small_shop().members, Role.ADMINISTRATOR))
    with pytest.raises(CommandError, match="This API key is revoked"):
        call_command("play_demo", "--once", url=live_server.url)
    assert Event.objects.count() == 0


@pytest.mark.django_db
def test_trouble_that_may_pass_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    load(lambda line: None)
    command, tries = play_demo.Command(stdout=StringIO()), []

    def fail_once(url: str, *, once: bool) -> None:
        tries.append(url)
        if len(tries) == 1:
            raise errors.Unavailable("the shop is closed")

    monkeypatch.setattr(play_demo, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(command, "play", fail_once)
    command.handle(url="http://127.0.0.1:9", once=False)
    assert tries == ["http://127.0.0.1:9"] * 2
    assert "Trouble: the shop is closed" in str(command.stdout.getvalue())
