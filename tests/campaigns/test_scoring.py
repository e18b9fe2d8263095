"""Scores of copy: what is due, what is stored, what the page says, and when a score is taken back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.test import Client

from campaigns import queries, services
from campaigns.models import Campaign, Copy, CopyScore, Product
from core.roles import Role
from models_ml.models import ModelVersion
from models_ml.scores import Effect, Scored
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

MEASURED = {"hit_rate": {"estimate": 0.584, "lower": 0.551, "upper": 0.616, "pairs": 412}}


def scorer_version(**fields: object) -> ModelVersion:
    values = {"name": "Scorer", "kind": "scorer", "location": "var/scorer", "stage": "production", "metrics": MEASURED}
    return ModelVersion.objects.create(**values | fields)


class FakeScorer:
    """Gives each text a chance by its place, and says that the first word speaks for it, the last against it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str], str]] = []

    def __call__(self, control: str, texts: Sequence[str], *, language: str) -> list[Scored]:
        self.calls.append((control, list(texts), language))
        return [Scored(0.5 + 0.1 * place, self._effects(text)) for place, text in enumerate(texts)]

    @staticmethod
    def _effects(text: str) -> tuple[Effect, ...]:
        first, last = text.split(maxsplit=1)[0], text.rsplit(maxsplit=1)[-1]
        start = len(text) - len(last)
        return (Effect(0, len(first), first, 0.3), Effect(start, len(text), last, -0.2))


def copies(campaign: Campaign) -> list[Copy]:
    return list(Copy.objects.filter(campaign=campaign).order_by("pk"))


def test_each_open_copy_is_scored_once_against_what_is_shown_today() -> None:
    campaign, version, scorer = shop.generated(people.alice()), scorer_version(), FakeScorer()
    assert services.score_waiting(version, scorer) == 4
    assert services.score_waiting(version, scorer) == 0
    ((control, texts, language),) = scorer.calls
    assert (control, language) == ("Shop our bags Find a bag for every day. Shop now", "en")
    assert texts[0] == "Canvas Tote, 20% off Made for the day, in the ba way. Take a look"
    chances = [CopyScore.objects.get(copy=copy).beats_control for copy in copies(campaign)]
    assert chances == pytest.approx([0.5, 0.6, 0.7, 0.8])


def test_effects_stand_in_the_part_they_belong_to() -> None:
    campaign = shop.generated(people.alice())
    services.score_waiting(scorer_version(), FakeScorer())
    copy = copies(campaign)[0]
    score = CopyScore.objects.get(copy=copy)
    assert score.effects == [
        {"part": "headline", "start": 0, "end": 6, "word": "Canvas", "effect": 0.3},
        {"part": "call_to_action", "start": 7, "end": 11, "word": "look", "effect": -0.2},
    ]
    for one in score.effects:
        assert copy.shown(one["part"])[one["start"] : one["end"]] == one["word"]


def test_a_new_scorer_makes_every_copy_due_again() -> None:
    shop.generated(people.alice())
    services.score_waiting(scorer_version(), FakeScorer())
    newer = scorer_version(location="var/newer", stage="candidate")
    assert services.due_for(newer).count() == 4


def test_decided_and_launched_copy_is_left_alone() -> None:
    alice, bob = people.alice(), people.bob()
    campaign = shop.generated(alice)
    services.reject_copy(copies(campaign)[0], reviewer=bob, reason="dull")
    assert services.due_for(scorer_version()).count() == 3


def test_nothing_is_due_in_a_running_campaign() -> None:
    shop.launched()
    assert services.score_waiting(scorer_version(), FakeScorer()) == 0


def test_a_new_control_takes_the_scores_back() -> None:
    campaign, alice = shop.generated(people.alice()), people.member("Mia", Role.MARKETER)
    services.score_waiting(scorer_version(), FakeScorer())
    services.set_control(campaign, control={**shop.CONTROL, "headline": "Other"}, actor=alice)
    assert not CopyScore.objects.exists()


def test_new_facts_take_the_score_of_that_copy_back() -> None:
    campaign, alice = shop.generated(people.alice()), people.member("Mia", Role.MARKETER)
    services.score_waiting(scorer_version(), FakeScorer())
    Product.objects.update(name_en="Linen Tote")
    services.refill_copy(copies(campaign)[0], actor=alice)
    assert [score.copy_id for score in CopyScore.objects.order_by("copy_id")] == [
        one.pk for one in copies(campaign)[1:]
    ]


def test_the_page_shows_the_chance_beside_how_often_the_scorer_is_right(client: Client) -> None:
    alice = people.alice()
    campaign = shop.generated(alice)
    services.score_waiting(scorer_version(), FakeScorer())
    client.force_login(alice)
    page = client.get(f"/campaigns/{campaign.key}/").content.decode()
    assert "Chance to beat what is shown today: <strong>50 %</strong>" in page
    assert "this scorer was right in 58 % (55 % to 62 %)" in page
    assert '<span class="word">Canvas</span>' in page


def test_a_scorer_that_was_not_measured_says_so(client: Client) -> None:
    alice = people.alice()
    campaign = shop.generated(alice)
    services.score_waiting(scorer_version(metrics={}), FakeScorer())
    client.force_login(alice)
    assert "there are too few finished tests" in client.get(f"/campaigns/{campaign.key}/").content.decode()


def test_only_the_scorer_in_production_is_shown(client: Client) -> None:
    alice = people.alice()
    campaign = shop.generated(alice)
    services.score_waiting(scorer_version(stage="candidate"), FakeScorer())
    client.force_login(alice)
    assert "Chance to beat" not in client.get(f"/campaigns/{campaign.key}/").content.decode()
    assert all(not copy.production_scores for copy in queries.copies_of(campaign))  # type: ignore[attr-defined]
