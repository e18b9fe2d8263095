"""The pages of campaigns: who may see and do what, refusals in sentences, escaped text, few queries."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import services
from campaigns.models import Audience, Campaign, Copy, Product
from core.models import Job, User
from core.roles import Role
from experiments import services as experiment_services
from experiments.models import Experiment
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15
MARKUP = "<script>alert(1)</script><b>Tote"


def page(client: Client, member: User, name: str, *args: Any, **query: str) -> str:
    """A page as a member sees it; it must be there."""
    client.force_login(member)
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


def brief(**fields: Any) -> dict[str, Any]:
    """What a browser posts for a good brief."""
    owner = shop.brand()
    return {
        "name": "Spring bags",
        "brand": owner.pk,
        "language": "en",
        "channel": "push",
        "goal": "promote",
        "tone": "warm",
        "offer_kind": "percent",
        "offer_value": "20",
        "code": "",
        "deadline": "",
        "landing_url": "",
        "products": [shop.product(owner).pk],
        "audiences": [one.pk for one in shop.audiences()],
        "control_headline": "Shop our bags",
        "control_body": "Find a bag for every day.",
        "control_call_to_action": "Shop now",
        **fields,
    }


# --- who may ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["campaigns:list", "campaigns:new", "campaigns:new_quick", "campaigns:products"])
def test_a_stranger_is_sent_to_sign_in(client: Client, name: str) -> None:
    answer = client.get(reverse(name))
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, reverse("login"))


@pytest.mark.parametrize("who", [people.alice, people.bob, people.ana, people.dora])
def test_every_role_may_look(client: Client, who: Callable[[], User]) -> None:
    campaign = shop.draft(people.member("Mara", Role.MARKETER))
    member = who()
    for name, args in (("home", []), ("campaigns:list", []), ("campaigns:detail", [campaign.key])):
        page(client, member, name, *args)
    page(client, member, "campaigns:products")


def test_charlie_without_a_role_sees_no_campaign_and_no_product(client: Client) -> None:
    campaign = shop.draft(people.alice())
    client.force_login(people.charlie())
    for name, args in (("campaigns:list", []), ("campaigns:detail", [campaign.key]), ("campaigns:products", [])):
        assert client.get(reverse(name, args=args)).status_code == 403
    home = client.get(reverse("home"))
    assert home.status_code == 200
    assert campaign.name not in home.content.decode()


@pytest.mark.parametrize("who", [people.bob, people.ana])
def test_who_is_no_marketer_can_neither_make_nor_write_nor_launch(client: Client, who: Callable[[], User]) -> None:
    campaign = shop.ready(people.alice(), people.member("Bert", Role.APPROVER))
    before = (Campaign.objects.count(), Job.objects.count(), Experiment.objects.count())
    client.force_login(who())
    assert client.get(reverse("campaigns:new_quick")).status_code == 403
    assert client.post(reverse("campaigns:new_quick"), {"name": "x"}).status_code == 403
    for door in ("generate", "launch"):
        answer = client.post(reverse(f"campaigns:{door}", args=[campaign.key]), {"per_audience": 2})
        assert answer.status_code == 403
        assert "Your role does not include this" in answer.content.decode()
    assert (Campaign.objects.count(), Job.objects.count(), Experiment.objects.count()) == before
    shown = client.get(reverse("campaigns:detail", args=[campaign.key])).content.decode()
    assert reverse("campaigns:launch", args=[campaign.key]) not in shown
    assert reverse("campaigns:generate", args=[campaign.key]) not in shown


@pytest.mark.parametrize("door", ["generate", "launch", "finish"])
def test_a_step_is_never_taken_by_following_a_link(client: Client, door: str) -> None:
    campaign = shop.draft(people.alice())
    client.force_login(people.dora())
    assert client.get(reverse(f"campaigns:{door}", args=[campaign.key])).status_code == 405


def test_no_campaign_of_that_key_is_the_404_page(client: Client) -> None:
    client.force_login(people.alice())
    assert client.get(reverse("campaigns:detail", args=["nowhere"])).status_code == 404


# --- a new campaign ---------------------------------------------------------------------------------------------
def test_a_marketer_makes_a_campaign(client: Client) -> None:
    client.force_login(people.alice())
    answer = client.post(reverse("campaigns:new_quick"), brief())
    assert (answer.status_code, answer["Location"]) == (302, reverse("campaigns:detail", args=["spring-bags"]))
    campaign = Campaign.objects.get()
    assert (campaign.status, campaign.offer_value, campaign.control_headline) == ("draft", "20", "Shop our bags")
    assert campaign.audiences.count() == 2


def test_a_name_without_latin_letters_and_a_name_twice_get_keys_of_their_own(client: Client) -> None:
    client.force_login(people.alice())
    first = brief(name="秋季包袋")
    for values in (first, first, {**first, "name": "Spring bags"}, {**first, "name": "Spring bags"}):
        assert client.post(reverse("campaigns:new_quick"), values).status_code == 302
    keys = set(Campaign.objects.values_list("key", flat=True))
    assert keys == {"campaign-1", "campaign-2", "spring-bags", "spring-bags-2"}


@pytest.mark.parametrize(
    ("fields", "label", "sentence"),
    [
        ({"name": ""}, "Name", "This field is required"),
        ({"name": "x" * 121}, "Name", "at most 120 characters"),
        ({"channel": "pigeon"}, "Channel", "pigeon is not one of the available choices"),
        ({"products": []}, "Products", "This field is required"),
        ({"products": ["999999"]}, "Products", "999999 is not one of the available choices"),
        ({"audiences": ["x"]}, "Audiences", "“x” is not a valid value"),
        ({"offer_value": "a lot"}, "Offer value", "must be a number for this offer"),
        ({"offer_kind": "none"}, "Offer value", "must be empty where there is no offer"),
        ({"deadline": "2001-02-03"}, "Last day", "lies in the past"),
        ({"deadline": "31.12.2040"}, "Last day", "Enter a valid date"),
        ({"landing_url": "javascript:alert(1)"}, "Landing page", "Enter a valid URL"),
        ({"name": "zero\x00"}, "Name", "Null characters are not allowed"),
    ],
)
def test_a_brief_that_cannot_be_used_names_the_field_and_makes_nothing(
    client: Client, fields: dict[str, Any], label: str, sentence: str
) -> None:
    client.force_login(people.alice())
    answer = client.post(reverse("campaigns:new_quick"), brief(**fields))
    shown = answer.content.decode()
    assert answer.status_code == 422
    assert Campaign.objects.count() == 0
    problems = shown[shown.index('id="problems"') : shown.index("<form", shown.index('id="problems"'))]
    assert re.search(rf">{label}</a>:[^<]*{re.escape(sentence)}", problems), problems
    assert "Find a bag for every day." in shown  # what was typed is still there


def test_an_empty_brief_has_the_habits_of_the_only_brand_and_the_product_that_was_asked_for(client: Client) -> None:
    owner = shop.brand(default_language="zh", tone="warm")
    tote = shop.product(owner)
    shop.product(owner, sku="BAG-2")
    shown = page(client, people.alice(), "campaigns:new_quick", product="BAG-1")
    checked = re.findall(r'name="products" value="(\d+)"[^>]* checked', shown)
    assert checked == [str(tote.pk)]
    assert re.search(r'<option value="zh" selected', shown)
    assert re.search(r'<option value="warm" selected', shown)


# --- one campaign -----------------------------------------------------------------------------------------------
def test_a_draft_offers_writing_and_says_what_the_launch_needs(client: Client) -> None:
    alice = people.alice()
    shown = page(client, alice, "campaigns:detail", shop.draft(alice).key)
    assert "Write copy" in shown
    assert "Approve at least one copy for “Students”." in shown
    assert re.search(r"<button[^>]*disabled[^>]*>\s*Launch", shown)


def test_asking_for_copy_makes_one_job_and_the_page_follows_it(client: Client) -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    client.force_login(alice)
    answer = client.post(reverse("campaigns:generate", args=[campaign.key]), {"per_audience": "3"})
    assert answer.status_code == 302
    job = Job.objects.get()
    assert job.arguments["per_audience"] == 3
    shown = page(client, alice, "campaigns:detail", campaign.key)
    assert "<progress" in shown
    assert 'hx-trigger="every 2s"' in shown
    again = client.post(reverse("campaigns:generate", args=[campaign.key]), {"per_audience": "3"}, follow=True)
    assert "Copy is being written for this campaign already." in again.content.decode()
    assert Job.objects.count() == 1


@pytest.mark.parametrize("number", ["", "0", "21", "many"])
def test_a_wrong_number_of_copies_is_a_sentence_and_no_job(client: Client, number: str) -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    client.force_login(alice)
    answer = client.post(reverse("campaigns:generate", args=[campaign.key]), {"per_audience": number}, follow=True)
    assert "Copies for each audience:" in answer.content.decode()
    assert Job.objects.count() == 0


def test_for_htmx_the_working_part_comes_alone(client: Client) -> None:
    alice = people.alice()
    campaign = shop.generated(alice)
    client.force_login(alice)
    part = client.get(reverse("campaigns:detail", args=[campaign.key]), headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="work"')
    assert "<html" not in part
    assert "hx-get" not in part  # nothing is being written: it does not ask again


def test_copy_stands_by_audience_as_the_shopper_sees_it_with_where_it_comes_from(client: Client) -> None:
    alice = people.alice()
    campaign = shop.generated(alice, per_audience=2)
    shown = page(client, alice, "campaigns:detail", campaign.key)
    assert shown.count('class="copy-box"') == 4
    assert "Canvas Tote, 20% off" in shown
    assert "{product}, {discount} off" in shown  # as written, under "where it comes from"
    assert "2 waiting" in shown
    assert "4 copies wait for an approver." in shown


def test_a_finding_is_said_beside_its_copy(client: Client) -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    parts = {**shop.GOOD, "headline": "{product}, cheap and {discount} off", "body": "So cheap."}
    services.submit_copy(campaign=campaign, audience=campaign.audiences.all()[0], parts=parts, author=alice)
    shown = page(client, alice, "campaigns:detail", campaign.key)
    assert "must be changed" in shown
    assert re.search(r'<mark class="bad"><bdi>cheap</bdi></mark>', shown)


def test_an_approver_gets_the_way_to_the_review(client: Client) -> None:
    campaign = shop.generated(people.alice())
    shown = page(client, people.bob(), "campaigns:detail", campaign.key)
    assert f"{reverse('campaigns:review')}?campaign={campaign.key}" in shown
    assert "Review 4 copies" in shown
    first = Copy.objects.order_by("id")[0]
    assert reverse("campaigns:review_copy", args=[first.pk]) in shown
    listed = client.get(reverse("campaigns:review"), {"campaign": campaign.key}).content.decode()
    assert first.shown("headline") in listed


def test_a_marketer_launches_and_sees_the_experiments(client: Client) -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob())
    client.force_login(alice)
    answer = client.post(reverse("campaigns:launch", args=[campaign.key]), follow=True)
    shown = answer.content.decode()
    assert "The campaign runs: each audience has its experiment." in shown
    assert Experiment.objects.filter(status="running").count() == 2
    assert reverse("experiments:detail", args=["autumn--students"]) in shown
    assert reverse("campaigns:generate", args=[campaign.key]) not in shown
    assert re.search(r'aria-current="step">\s*running', shown)


def test_a_launch_that_is_refused_says_why_and_starts_nothing(client: Client) -> None:
    alice = people.alice()
    campaign = shop.generated(alice)
    client.force_login(alice)
    answer = client.post(reverse("campaigns:launch", args=[campaign.key]), follow=True)
    assert "No copy is approved for: Students, Everyone." in answer.content.decode()
    assert Experiment.objects.count() == 0


def test_a_past_deadline_and_a_missing_control_are_named_before_the_launch(client: Client) -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob(), control={})
    Campaign.objects.filter(pk=campaign.pk).update(deadline=timezone.localdate() - timedelta(days=1))
    shown = page(client, alice, "campaigns:detail", campaign.key)
    assert "the control needs a headline and a text" in shown
    assert "The last day has passed" in shown


def test_a_marketer_ends_a_running_campaign_once(client: Client) -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    assert reverse("campaigns:finish", args=[campaign.key]) in page(client, alice, "campaigns:detail", campaign.key)
    ended = client.post(reverse("campaigns:finish", args=[campaign.key]), follow=True).content.decode()
    assert "The campaign has ended" in ended
    assert set(Experiment.objects.values_list("status", flat=True)) == {"stopped"}
    again = client.post(reverse("campaigns:finish", args=[campaign.key]), follow=True).content.decode()
    assert "is finished; it cannot become finished" in again


def test_an_analyst_cannot_end_a_campaign(client: Client) -> None:
    campaign = shop.launched(people.alice(), people.bob())
    client.force_login(people.ana())
    assert client.post(reverse("campaigns:finish", args=[campaign.key])).status_code == 403
    assert set(Experiment.objects.values_list("status", flat=True)) == {"running"}


def test_a_marketer_enters_what_is_shown_today_until_the_launch(client: Client) -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob(), control={})
    url = reverse("campaigns:control", args=[campaign.key])
    assert f'href="{url}"' in page(client, alice, "campaigns:detail", campaign.key)
    values = {"control_headline": "Bags", "control_body": "For today.", "control_call_to_action": ""}
    assert client.post(url, {**values, "control_body": ""}).status_code == 422
    assert client.post(url, values).status_code == 302
    assert Campaign.objects.get().control_body == "For today."
    services.launch_campaign(campaign, actor=alice)
    late = client.post(url, {**values, "control_body": "Later."}, follow=True).content.decode()
    assert "so its control text is fixed" in late
    assert Campaign.objects.get().control_body == "For today."


def test_the_page_says_who_makes_the_next_move_and_has_no_hour_where_none_was_set(client: Client) -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob())
    shown = page(client, alice, "campaigns:detail", campaign.key)
    assert "A marketer launches it, or sets an hour for it." in shown
    assert "scheduled</li>" not in shown
    services.schedule_campaign(campaign, starts_at=timezone.now() + timedelta(days=1), actor=alice)
    shown = page(client, alice, "campaigns:detail", campaign.key)
    assert re.search(r'aria-current="step">\s*scheduled</li>', shown)


# --- home -------------------------------------------------------------------------------------------------------
def test_home_tells_each_role_what_waits(client: Client) -> None:
    alice, bob = people.alice(), people.bob()
    shop.generated(alice)
    owner = {"products": [Product.objects.get()], "audiences": list(Audience.objects.all())}
    shop.draft(alice, key="empty", name="Nothing yet", **owner)
    assert "Have copy written" in page(client, alice, "home")
    assert "Review 4 copies" not in page(client, alice, "home")
    for_bob = page(client, bob, "home")
    assert "Review 4 copies" in for_bob
    assert "Have copy written" not in for_bob


def test_home_does_not_offer_an_approver_their_own_copy(client: Client) -> None:
    both = people.member("Bo", Role.MARKETER, Role.APPROVER, staff=True)
    shop.generated(both)
    assert "Review 4 copies" not in page(client, both, "home").split("Recent jobs")[0]


def test_home_offers_the_launch_of_a_ready_campaign(client: Client) -> None:
    alice = people.alice()
    campaign = shop.ready(alice, people.bob())
    waiting = page(client, alice, "home").split("Recent jobs")[0]
    assert re.search(rf'href="{reverse("campaigns:detail", args=[campaign.key])}">Launch</a>', waiting)


def test_home_shows_the_running_experiments_with_their_figures(client: Client) -> None:
    alice = people.alice()
    shop.launched(alice, people.bob())
    experiment = Experiment.objects.get(key="autumn--students")
    analysis = experiment_services.analyse(experiment)
    shown = page(client, alice, "home")
    assert reverse("experiments:detail", args=[experiment.key]) in shown
    assert analysis.sentence in shown
    assert 'hx-trigger="every 4s"' in shown


def test_home_tells_the_analyst_of_a_result_to_read(client: Client) -> None:
    alice = people.alice()
    campaign = shop.launched(alice, people.bob())
    services.finish_campaign(campaign, actor=alice)
    shown = page(client, people.ana(), "home")
    assert "Read the result" in shown
    assert "No experiment is running." in shown


# --- lists ------------------------------------------------------------------------------------------------------
def test_campaigns_are_found_by_name_and_key(client: Client) -> None:
    alice = people.alice()
    shop.draft(alice)
    assert "Autumn bags" in page(client, alice, "campaigns:list", q="umn BAG")
    assert "No campaign fits all of this." in page(client, alice, "campaigns:list", q="winter")


def test_products_are_found_by_any_of_their_texts(client: Client) -> None:
    alice, owner = people.alice(), shop.brand()
    shop.product(owner, description_en="Carries books.", list_price=Decimal("60.00"))
    shop.product(owner, sku="MUG-1", name_en="Stone Mug", name_zh="石杯", category="drinkware")
    for words in ("tote", "帆布", "BAG-1", "books carries", "bags"):
        shown = page(client, alice, "campaigns:products", q=words)
        assert "Canvas Tote" in shown, words
        assert "Stone Mug" not in shown, words
    assert "$49.90" in page(client, alice, "campaigns:products")
    assert "$60" in page(client, alice, "campaigns:products")
    assert "No product bears “zzz”" in page(client, alice, "campaigns:products", q="zzz")
    assert "Stone Mug" in page(client, alice, "campaigns:products", q="\x00mug")


def test_the_products_come_in_pages_and_a_wrong_page_is_the_nearest(client: Client) -> None:
    alice, owner = people.alice(), shop.brand()
    for number in range(30):
        shop.product(owner, sku=f"S-{number:02}", name_en=f"Thing {number:02}")
    first, second = page(client, alice, "campaigns:products"), page(client, alice, "campaigns:products", page="2")
    assert ("Thing 00" in first, "Thing 29" in first) == (True, False)
    assert ("Thing 00" in second, "Thing 29" in second) == (False, True)
    assert "Thing 29" in page(client, alice, "campaigns:products", page="99")
    assert "Thing 00" in page(client, alice, "campaigns:products", page="x")


# --- untrusted text, script, queries ----------------------------------------------------------------------------
class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def everything(client: Client, member: User) -> dict[str, str]:
    """Each page with a campaign that has copy and a product, by name."""
    campaign = Campaign.objects.get()
    found = {
        name: page(client, member, name)
        for name in ("home", "campaigns:list", "campaigns:new_quick", "campaigns:products")
    }
    return {**found, "campaigns:detail": page(client, member, "campaigns:detail", campaign.key)}


def test_markup_in_catalogue_brief_and_copy_is_shown_and_never_run(client: Client) -> None:
    alice, owner = people.alice(), shop.brand(name="<i>Lumen")
    tote = shop.product(owner, name_en=MARKUP, category="<u>bags", attributes={"en": {"material": MARKUP}})
    group = Audience.objects.create(key="all", name_en="<em>All", description_en=MARKUP, rule=[])
    campaign = shop.draft(
        alice, name=MARKUP, products=[tote], audiences=[group], control={"headline": MARKUP, "body": "x"}
    )
    parts = {
        "theme": "<s>theme",
        "headline": "{product}<b>",
        "body": "<img src=x onerror=alert(1)>",
        "call_to_action": "Go",
    }
    services.submit_copy(campaign=campaign, audience=group, parts=parts, author=alice)
    for name, shown in everything(client, alice).items():
        tags = Tags(shown).found
        assert not [tag for tag, _ in tags if tag in {"b", "i", "u", "em", "img"}], name
        assert not [attrs for tag, attrs in tags if tag == "script" and not attrs.get("src")], name
    for name in ("campaigns:list", "campaigns:new_quick", "campaigns:products", "campaigns:detail"):
        assert "&lt;script&gt;alert(1)" in page(client, alice, name, *([campaign.key] if "detail" in name else [])), (
            name
        )


def test_no_page_has_a_script_or_a_handler_of_its_own(client: Client) -> None:
    dora = people.dora()
    shop.generated(dora)
    for name, shown in everything(client, dora).items():
        for tag, attrs in Tags(shown).found:
            assert not [key for key in attrs if key.startswith("on") or key == "style"], (name, tag, attrs)
            assert tag != "script" or attrs.get("src"), name


def test_every_field_has_a_label_and_no_id_stands_twice(client: Client) -> None:
    dora = people.dora()
    shop.generated(dora)
    for name, shown in everything(client, dora).items():
        tags = Tags(shown).found
        ids = [str(attrs["id"]) for _, attrs in tags if "id" in attrs]
        assert len(ids) == len(set(ids)), (name, sorted(one for one in ids if ids.count(one) > 1))
        labelled = {attrs.get("for") for tag, attrs in tags if tag == "label"}
        fields = [
            attrs for tag, attrs in tags if tag in {"input", "select", "textarea"} and attrs.get("type") != "hidden"
        ]
        assert not [attrs for attrs in fields if attrs.get("id") not in labelled], name


@pytest.mark.parametrize("state", ["review", "running"])
def test_no_page_needs_more_than_a_few_queries(client: Client, django_assert_max_num_queries: Any, state: str) -> None:
    alice, dora = people.alice(), people.dora()
    if state == "review":
        campaign = shop.generated(alice, per_audience=6)
    else:
        campaign = shop.launched(alice, people.bob(), per_audience=3)
        for experiment in Experiment.objects.all():
            experiment_services.analyse(experiment)
    client.force_login(dora)
    for name, args in (
        ("home", []),
        ("campaigns:list", []),
        ("campaigns:new_quick", []),
        ("campaigns:products", []),
        ("campaigns:detail", [campaign.key]),
    ):
        with django_assert_max_num_queries(MOST_QUERIES):
            assert client.get(reverse(name, args=args)).status_code == 200


def test_the_pages_speak_the_members_language_for_catalogue_texts(client: Client) -> None:
    alice = people.alice()
    User.objects.filter(pk=alice.pk).update(language="zh-hans")
    campaign = shop.draft(alice)
    assert "学生" in page(client, User.objects.get(pk=alice.pk), "campaigns:detail", campaign.key)
