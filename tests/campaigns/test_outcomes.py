"""What is handed to scorers and writers of past experiments and reviews."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import queries, services
from campaigns.models import Campaign, Copy
from core.roles import Role
from experiments.models import Analysis, Arm, ArmMoments, Experiment
from experiments.stats.moments import Moments
from models_ml.brief import Brief, Candidate, parse
from models_ml.examples import Winner
from tests import people
from tests.campaigns import shop
from tests.campaigns.shop import LETTERS

pytestmark = pytest.mark.django_db

UNITS = 2000


def finished(
    campaign: Campaign, *, better: int = 300, other: int = 210, control: int = 200, place: int = 0
) -> Experiment:
    """End one of the campaign's experiments with these conversions: the first copy, the other copies, the control."""
    experiment = queries.links_of(campaign)[place].experiment
    arms = list(Arm.objects.filter(experiment=experiment).order_by("position"))
    counts = [control, better, *[other] * (len(arms) - 2)]
    for arm, count in zip(arms, counts, strict=True):
        moments = Moments.of_proportion("converted", successes=count, n=UNITS)
        ArmMoments.objects.filter(arm=arm).delete()
        ArmMoments.of(arm, moments).save()
    Experiment.objects.filter(pk=experiment.pk).update(status="stopped")
    Analysis.objects.create(
        experiment=experiment, is_final=True, inputs_hash="", settings={"metrics": []},
        results={"sample_ratio": {"flagged": False}}, verdict="unclear", sentence="",
    )  # fmt: skip
    return experiment


def copies(experiment: Experiment) -> list[Copy]:
    ids = [arm.content["copy_id"] for arm in experiment.arms.order_by("position") if arm.content["copy_id"]]
    return [Copy.objects.get(pk=one) for one in ids]


def test_each_arm_is_a_text_with_its_counts() -> None:
    experiment = finished(shop.launched())
    control, first, second = queries.past_arms()
    assert (control.text, control.is_control) == ("Shop our bags Find a bag for every day. Shop now", True)
    assert (control.units, control.successes, first.successes, second.successes) == (UNITS, 200, 300, 210)
    assert {arm.test for arm in (control, first, second)} == {experiment.key}
    assert {arm.group for arm in (control, first, second)} == {"push/en"}
    assert first.copy_id == copies(experiment)[0].pk
    assert first.text.startswith("Canvas Tote, 20% off ")


def test_an_imported_arm_without_content_is_its_name() -> None:
    experiment = finished(shop.launched())
    Arm.objects.filter(experiment=experiment).update(content={}, name="春天来了")
    assert [(arm.text, arm.language, arm.copy_id) for arm in queries.past_arms()] == [("春天来了", "zh", None)] * 3


def test_only_a_copy_that_surely_beat_the_control_is_an_example() -> None:
    experiment = finished(shop.launched())
    (winner,) = queries.past_winners()
    best = copies(experiment)[0]
    assert winner["copy"] == {"theme": best.theme, **queries.written_parts(best)}
    assert Winner.from_json(winner).id == f"copy-{best.pk}"
    assert winner["lift"] == pytest.approx(0.5)
    assert winner["probability"] > 0.999
    assert Brief.from_json(winner["brief"]).audience.key == best.audience.key


def test_a_campaign_is_not_shown_the_answers_of_its_own_test() -> None:
    campaign = shop.launched()
    finished(campaign)
    assert queries.past_winners(without_campaign=campaign.pk) == []


def test_approved_copy_answers_its_brief() -> None:
    campaign = shop.launched()
    rows = list(queries.answer_rows())
    assert len(rows) == Copy.objects.filter(campaign=campaign, status="approved").count() == 4
    assert {row["group"] for row in rows} == {"BAG-1"}
    copy = Copy.objects.order_by("pk")[0]
    assert {name: rows[0][name] for name in queries.written_parts(copy)} == queries.written_parts(copy)
    assert (rows[0]["theme"], Brief.from_json(rows[0]["brief"]).channel) == (copy.theme, "push")


def test_a_pair_weighs_what_the_test_can_tell() -> None:
    experiment = finished(shop.launched())
    (pair,) = queries.pair_rows()
    better, worse = copies(experiment)
    assert better.theme in pair["chosen"]
    assert worse.theme in pair["rejected"]
    assert 0.99 < pair["weight"] <= 1
    assert pair["group"] == experiment.key
    assert parse(pair["chosen"]) == Candidate(theme=better.theme, **queries.written_parts(better))
    assert Brief.from_json(pair["brief"]).audience.key == better.audience.key


def test_a_test_that_cannot_tell_gives_no_pair() -> None:
    finished(shop.launched(), better=210, other=211)
    assert list(queries.pair_rows()) == []


def test_an_edit_that_was_approved_is_preferred_to_what_it_replaced() -> None:
    alice, bob, ana = people.alice(), people.bob(), people.member("Rita", Role.APPROVER)
    waiting = shop.waiting_copy(alice)
    parts = {"theme": waiting.theme, **queries.written_parts(waiting)} | {"body": "For your day."}
    edited = services.edit_copy(waiting, editor=bob, parts=parts)
    assert list(queries.pair_rows()) == []
    services.approve_copy(edited, reviewer=ana)
    (pair,) = queries.pair_rows()
    assert "For your day." in pair["chosen"]
    assert waiting.body in pair["rejected"]
    assert (pair["weight"], pair["group"]) == (1.0, "BAG-1")


def test_an_edit_in_the_studio_counts_and_a_second_one_is_better_than_both() -> None:
    alice, bob, rita = people.alice(), people.bob(), people.member("Rita", Role.APPROVER)
    campaign = shop.draft(alice)
    shop.run(services.request_generation(campaign, per_audience=1, actor=alice, hold=True), shop.FakeWriter())
    written = Copy.objects.order_by("pk")[0]
    texts = {"theme": written.theme, **queries.written_parts(written)}
    chosen = services.edit_draft(written, editor=alice, parts=texts | {"body": "For your day."})
    services.hand_in([chosen], actor=alice)
    edited = services.edit_copy(
        Copy.objects.get(pk=chosen.pk), editor=bob, parts=texts | {"body": "Made for your day."}
    )
    assert list(queries.pair_rows()) == []
    services.approve_copy(edited, reviewer=rita)
    pairs = list(queries.pair_rows())
    assert [(pair["source"], pair["weight"]) for pair in pairs] == [("edit", 1.0)] * 2
    assert all("Made for your day." in pair["chosen"] for pair in pairs)
    assert "For your day." in pairs[0]["rejected"]
    assert written.body in pairs[1]["rejected"]


def test_a_rejection_for_what_the_text_says_stands_behind_an_approved_text() -> None:
    alice, bob = people.alice(), people.bob()
    shop.generated(alice, per_audience=3)
    first, second, third = Copy.objects.filter(audience__key="students").order_by("pk")
    services.reject_copy(first, reviewer=bob, reason="", kind="too_pushy")
    services.reject_copy(second, reviewer=bob, reason="Enough is approved.", kind="other")
    assert list(queries.pair_rows()) == []
    services.approve_copy(third, reviewer=bob)
    (pair,) = queries.pair_rows()
    assert (pair["source"], pair["weight"], pair["group"]) == ("rejection", 0.5, "BAG-1")
    assert parse(pair["chosen"]) == Candidate(theme=third.theme, **queries.written_parts(third))
    assert first.body in pair["rejected"]
    assert services.material() == services.Material(tests=0, arms=0, winners=0, answers=1, pairs=1, rejections=1)


def test_a_rejected_text_stands_behind_the_approved_one_of_its_theme() -> None:
    alice, bob = people.alice(), people.bob()
    shop.generated(alice, per_audience=3)
    first, second, third = Copy.objects.filter(audience__key="students").order_by("pk")
    Copy.objects.filter(pk__in=[second.pk, third.pk]).update(theme="Light")
    for copy in (first, second):
        services.approve_copy(Copy.objects.get(pk=copy.pk), reviewer=bob)
    services.reject_copy(Copy.objects.get(pk=third.pk), reviewer=bob, reason="", kind="clumsy")
    (pair,) = queries.pair_rows()
    assert second.body in pair["chosen"]


def test_judgements_are_read_in_as_many_queries_however_many_there_are() -> None:
    alice, bob, rita = people.alice(), people.bob(), people.member("Rita", Role.APPROVER)
    shop.generated(alice, per_audience=6)
    waiting = list(Copy.objects.filter(audience__key="students").order_by("pk"))

    def judge(edited: Copy, rejected: Copy) -> None:
        texts = {"theme": edited.theme, **queries.written_parts(edited)}
        after = services.edit_copy(edited, editor=bob, parts=texts | {"body": f"For day {LETTERS[edited.pk % 26]}."})
        services.approve_copy(after, reviewer=rita)
        services.reject_copy(rejected, reviewer=bob, reason="", kind="legal")

    judge(*waiting[:2])
    with CaptureQueriesContext(connection) as few:
        assert len(list(queries.pair_rows())) == 2
    judge(*waiting[2:4])
    with CaptureQueriesContext(connection) as many:
        assert len(list(queries.pair_rows())) == 4
    assert len(many) == len(few)
