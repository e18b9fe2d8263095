"""A brand with members is theirs: what belongs to it is hidden from others, and nothing else is."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from campaigns.models import Brand, Campaign, Product, ProductImport
from campaigns.queries.access import may_see, team_of
from core import access
from core.models import Job, User
from core.roles import Role
from core.services.jobs import create_job
from experiments.models import Experiment
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def test_a_brand_without_members_is_everyones() -> None:
    alice = people.alice()
    brand = Brand.objects.create(key="open", name="Open")
    assert list(access.visible(alice, Brand.objects.filter(pk=brand.pk))) == [brand]


def test_a_stranger_sees_nothing_of_a_brand_with_members_and_a_colleague_and_an_administrator_do() -> None:
    alice, ana, dora = people.alice(), people.ana(), people.dora()
    brand = Brand.objects.create(key="closed", name="Closed")
    brand.members.add(alice)
    product = Product.objects.create(sku="P-1", brand=brand, name_en="Mug", price=9)
    for member, expected in ((alice, [product]), (ana, []), (dora, [product])):
        assert list(access.visible(member, Product.objects.filter(brand=brand))) == expected


def test_an_experiment_of_no_campaign_is_everyones() -> None:
    ana = people.ana()
    brand = Brand.objects.create(key="closed", name="Closed")
    brand.members.add(people.alice())
    experiment = Experiment.objects.create(key="imported", name="Imported", seed="s")
    assert list(access.visible(ana, Experiment.objects.all())) == [experiment]


@pytest.mark.parametrize("kept", [False, True])
def test_the_team_of_a_brand_is_who_may_see_it(kept: bool) -> None:
    team = [people.alice(), people.bob(), people.ana(), people.dora()]
    people.charlie()
    root = User.objects.create_superuser("root@shop.test", "x")
    root.groups.set(Group.objects.filter(name=Role.ANALYST))
    gone = people.member("Gone", Role.ANALYST)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    brand = Brand.objects.create(key="own", name="Own")
    if kept:
        brand.members.set([team[0], gone])
    expected = {member.pk for member in [*team, root] if may_see(member, brand)}
    assert {member.pk for member in team_of(brand)} == expected
    assert len(expected) == (3 if kept else 5)


def test_narrowing_costs_one_query(django_assert_num_queries: object) -> None:
    ana = people.ana()
    assert ana.role_names == {"analyst"}
    with django_assert_num_queries(1):  # type: ignore[operator]
        list(access.visible(ana, Campaign.objects.all()))


# --- what names a thing by kind and number --------------------------------------------------------------------------
def kept_campaign() -> tuple[User, Campaign]:
    """A campaign of a brand that is Alice's alone, and a job about it and one about its import."""
    alice = people.alice()
    campaign = shop.draft(alice, name="Secret bags")
    campaign.brand.members.add(alice)
    taken = ProductImport.objects.create(brand=campaign.brand, name="secret.csv", path="", sha256="", format="csv")
    create_job(task_name="t", queue="default", title="Copy for Secret bags", target=campaign, created_by=alice)
    create_job(task_name="t", queue="default", title="Import of secret.csv", target=taken, created_by=alice)
    create_job(task_name="t", queue="default", title="Nobody's job", created_by=alice)
    return alice, campaign


def test_jobs_about_a_brand_are_hidden_from_strangers_on_every_page(client: Client) -> None:
    alice, _campaign = kept_campaign()
    carol = people.member("Carol", Role.MARKETER)
    for member, shown in ((alice, True), (people.dora(), True), (carol, False)):
        client.force_login(member)
        for url in (reverse("home"), reverse("core:jobs")):
            page = client.get(url).content.decode()
            assert ("Copy for Secret bags" in page, "Import of secret.csv" in page) == (shown, shown), (member, url)
            assert "Nobody" in page


def test_a_stranger_opens_cancels_and_resumes_no_job_about_it(client: Client) -> None:
    kept_campaign()
    client.force_login(people.member("Carol", Role.MARKETER))
    for job in Job.objects.exclude(object_type=""):
        assert client.get(reverse("core:job", args=[job.pk])).status_code == 404
        for move in ("job_cancel", "job_resume"):
            assert client.post(reverse(f"core:{move}", args=[job.pk])).status_code == 404
        assert Job.objects.get(pk=job.pk).cancel_requested_at is None
    own = Job.objects.get(object_type="")
    assert client.get(reverse("core:job", args=[own.pk])).status_code == 200


def test_the_audit_trail_leaves_out_what_is_about_a_hidden_brand(client: Client) -> None:
    kept_campaign()
    for member, shown in ((people.dora(), True), (people.ana(), False)):
        client.force_login(member)
        page = client.get(reverse("core:trail")).content.decode()
        answer = client.get(reverse("core:trail_csv"))
        text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        assert ("Secret bags" in page, "Secret bags" in text) == (shown, shown)
        assert "job.asked" in text


def test_what_is_about_a_brand_is_left_out_in_one_query(django_assert_num_queries: object) -> None:
    ana = people.ana()
    assert ana.role_names == {"analyst"}
    with django_assert_num_queries(1):  # type: ignore[operator]
        list(access.visible(ana, Job.objects.all()))
