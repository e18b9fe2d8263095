"""Pages of audiences: who may do what, the builder with and without JavaScript, and counts that are right."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from campaigns.models import Audience, CampaignExperiment, Shopper, Suppression
from campaigns.queries import audiences as queries
from core.models import AuditEntry, User
from experiments.assignment import HeldOut, is_held_out
from experiments.queries import decide
from experiments.services import create_holdout
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

STUDENTS = [{"attribute": "student", "operator": "is", "value": True}]


def shoppers(count: int = 40) -> list[Shopper]:
    """Every second one a student; all agreed to e-mail, and the first of them are suppressed."""
    made = Shopper.objects.bulk_create(
        Shopper(
            unit=f"u-{number}",
            attributes={"student": number % 2 == 0, "orders": number},
            email=f"u{number}@example.test",
            channels=["email"],
        )
        for number in range(count)
    )
    Suppression.objects.create(value="u-0", reason="manual")
    return made


def signed_in(client: Client, member: Any) -> Client:
    """The client as this member."""
    client.force_login(member)
    return client


def typed(**fields: Any) -> dict[str, Any]:
    """A form of the builder."""
    rows = {"attribute": ["orders"], "operator": ["at_least"], "value": ["10"]}
    return {"name_en": "Buyers", "name_zh": "", "description_en": "", "description_zh": "", **rows, **fields}


def test_the_list_says_who_is_in_each_audience_and_how_many(client: Client, django_assert_max_num_queries: Any) -> None:
    shoppers()
    shop.audiences()
    signed_in(client, people.ana())
    with django_assert_max_num_queries(15):
        page = client.get("/audiences/").content.decode()
    assert "student is yes" in page
    assert "everybody" in page
    assert ">20<" in page
    assert "50.0 %" in page
    assert "example.test" not in page


@pytest.mark.parametrize("path", ["/audiences/", "/audiences/students/", "/audiences/new/"])
def test_a_member_without_a_role_sees_no_audience(client: Client, path: str) -> None:
    shop.audiences()
    assert signed_in(client, people.charlie()).get(path).status_code == 403


def test_an_analyst_reads_an_audience_and_changes_none(client: Client) -> None:
    shop.audiences()
    signed_in(client, people.ana())
    assert client.get("/audiences/students/").status_code == 200
    assert client.post("/audiences/students/", typed()).status_code == 403
    assert client.post("/audiences/new/", typed()).status_code == 403
    assert client.post("/audiences/students/archive/").status_code == 403
    assert Audience.objects.get(key="students").rule == STUDENTS
    assert Audience.objects.count() == 2


def test_a_marketer_makes_an_audience_from_rows(client: Client) -> None:
    signed_in(client, people.alice())
    assert client.post("/audiences/new/", typed()).status_code == 302
    made = Audience.objects.get(key="buyers")
    assert made.rule == [{"attribute": "orders", "operator": "at_least", "value": 10}]
    assert AuditEntry.objects.filter(action="audience.made").count() == 1


def test_a_chinese_name_is_enough_and_the_key_is_still_an_address(client: Client) -> None:
    signed_in(client, people.alice())
    client.post("/audiences/new/", typed(name_en="", name_zh="老顾客"))
    client.post("/audiences/new/", typed(name_en="New"))
    assert set(Audience.objects.values_list("key", flat=True)) == {"audience", "new-2"}


def test_a_rule_that_cannot_be_read_is_refused_at_its_row(client: Client) -> None:
    signed_in(client, people.alice())
    answer = client.post("/audiences/new/", typed(value=["many"]))
    assert answer.status_code == 422
    assert 'id="problem-0"' in answer.content.decode()
    assert "A number is needed here." in answer.content.decode()
    assert not Audience.objects.exists()


def test_rows_are_added_and_taken_off_without_javascript_and_nothing_is_stored(client: Client) -> None:
    signed_in(client, people.alice())
    more = client.post("/audiences/new/", typed(add="1")).content.decode()
    assert more.count('name="attribute"') == 2
    assert 'value="Buyers"' in more
    fewer = client.post(
        "/audiences/new/", typed(attribute=["a", "b"], operator=["is"] * 2, value=["1"] * 2, remove="0")
    )
    assert fewer.content.decode().count('name="attribute"') == 1
    assert 'value="b"' in fewer.content.decode()
    assert not Audience.objects.exists()


def test_changing_an_audience_of_a_running_test_says_that_the_test_keeps_its_rule(client: Client) -> None:
    shop.launched()
    alice = User.objects.get(email="alice@shop.test")
    page = signed_in(client, alice).get("/audiences/students/").content.decode()
    assert "It keeps the rule it was launched with" in page
    client.post("/audiences/students/", typed(name_en="Students"))
    assert Audience.objects.get(key="students").rule != STUDENTS
    assert CampaignExperiment.objects.get(audience__key="students").rule == STUDENTS


def test_the_live_count_tells_shoppers_reach_holdouts_and_overlaps(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    shoppers()
    shop.launched()
    create_holdout(key="all", name="All", share=0.3, is_global=True, actor=None)
    alice = User.objects.get(email="alice@shop.test")
    signed_in(client, alice)
    form = typed(attribute=["student"], operator=["is"], value=["true"], audience_key="students")
    with django_assert_max_num_queries(15):
        page = client.post("/audiences/count/", form).content.decode()
    assert '<p class="figure">20</p>' in page
    assert "Autumn bags: Students" in page
    measure = queries.measure(STUDENTS, user=alice)
    units = [f"u-{number}" for number in range(0, 40, 2)]
    held = {unit for unit in units if is_held_out(unit, [HeldOut("holdout:all", 0.3)])}
    assert 0 < len(held) < 20
    assert (measure.shoppers, measure.total, measure.held_out.count) == (20, 40, len(held))
    email = measure.channels[0]
    assert (email.reachable, email.outside_holdouts.count) == (19, len(set(units[1:]) - held))
    by_audience = {one.link.audience.key: one for one in measure.running}
    first = min(measure.running, key=lambda one: one.link.position)
    assert sum(one.shoppers.count for one in measure.running) == 20
    decided = decide(first.link.experiment.key, units)
    assert first.taken_in.count == sum(one.in_experiment for one in decided) == 20 - len(held)
    assert set(by_audience) == {"everyone", "students"}
    assert {one.audience.key: one.shoppers.count for one in measure.others} == {"everyone": 20, "students": 20}


def test_beyond_the_sample_figures_bear_their_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    shoppers(400)
    shop.audiences()
    monkeypatch.setattr(queries, "SAMPLE", 100)
    measure = queries.measure([], user=people.alice())
    assert (measure.shoppers, measure.is_sampled) == (400, True)
    students = next(one.shoppers for one in measure.others if one.audience.key == "students")
    assert students.margin > 0
    assert abs(students.count - 200) <= 2 * students.margin


def test_counting_needs_a_form_and_stores_nothing(client: Client) -> None:
    signed_in(client, people.alice())
    assert client.get("/audiences/count/").status_code == 405
    page = client.post("/audiences/count/", typed(value=["x"])).content.decode()
    assert "A number is needed here." in page
    assert not Audience.objects.exists()


def test_an_audience_of_a_campaign_in_preparation_is_not_put_away(client: Client) -> None:
    alice = people.alice()
    shop.draft(alice)
    signed_in(client, alice)
    client.post("/audiences/students/archive/")
    assert not Audience.objects.get(key="students").is_archived


def test_the_shoppers_page_is_closed_to_analysts_and_approvers(client: Client) -> None:
    shoppers(1)
    for member in (people.ana(), people.bob(), people.charlie()):
        signed_in(client, member)
        for path in ("/shoppers/", f"/shoppers/{Shopper.objects.get().pk}/", "/suppressions/", "/shoppers/import/"):
            assert client.get(path).status_code == 403
