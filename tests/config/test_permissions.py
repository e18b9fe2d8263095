"""Who may open what: each role at each page, and strangers to a brand at whatever belongs to it.

The table stands in docs/permissions.md and is computed here by asking every door as every role, so a new page or a
changed rule shows as a difference. With COPYLIFT_WRITE_PERMISSIONS=1 in the environment this test writes it anew; read
the difference before it is committed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse
from django.urls.converters import UUIDConverter

from campaigns import queries
from campaigns.models import Campaign, Copy, Placement, ProductImport
from core.models import Job, User
from core.roles import Role
from tests import people
from tests.campaigns import shop
from tests.config.test_doors import OPEN, doors, made_up

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
BEGIN, END = "<!-- begin of the table -->", "<!-- end of the table -->"
# What no role decides: open doors, and what anybody signed in may do to their own things.
# Promoting, staging and the rest are one address each asking for its own permission: tests/models_ml/test_model_pages.
HIDDEN = {404, 405}
LEFT_OUT = OPEN | {"password_change", "models_ml:version_move"}


def team() -> dict[str, User]:
    return {
        "marketer": people.member("m", Role.MARKETER),
        "approver": people.member("p", Role.APPROVER),
        "analyst": people.member("n", Role.ANALYST),
        "administrator": people.member("d", Role.ADMINISTRATOR),
        "no role": people.member("x"),
    }


def answer(client: Client, method: str, url: str) -> str:
    """How a door answers somebody: a dash where it does not know the method, no where it refuses."""
    status = getattr(client, method)(url).status_code
    return "–" if status == 405 else "no" if status == 403 else "yes"


def matrix() -> dict[str, dict[str, str]]:
    """{page: {role: what it may do}} with made-up addresses: a page that finds nothing there has let the role in."""
    clients = {}
    for role, user in team().items():
        clients[role] = Client()
        clients[role].force_login(user)
    real = addresses()
    found = {}
    for name, url in doors(get_resolver()):
        if name not in LEFT_OUT:
            found[name] = {role: may(client, real.get(name, url)) for role, client in clients.items()}
    return found


def addresses() -> dict[str, str]:
    """Pages that look for the thing before they ask who may change it: these get one that is there."""
    product = shop.product(shop.brand())
    taken = ProductImport.objects.create(brand=product.brand, name="feed", path="", sha256="", format="csv")
    return {
        "campaigns:product": reverse("campaigns:product", args=[product.pk]),
        "campaigns:product_import_one": reverse("campaigns:product_import_one", args=[taken.pk]),
    }


def may(client: Client, url: str) -> str:
    """Look, change, both or nothing."""
    look, change = answer(client, "get", url), answer(client, "post", url)
    words = [word for word, allowed in (("looks", look), ("changes", change)) if allowed == "yes"]
    return " and ".join(words) or "no"


def table(found: dict[str, dict[str, str]]) -> str:
    roles = list(team_names())
    lines = [f"| page | {' | '.join(roles)} |", f"|---|{'---|' * len(roles)}"]
    lines += [f"| `{name}` | {' | '.join(row[role] for role in roles)} |" for name, row in sorted(found.items())]
    return "\n".join(lines)


def team_names() -> tuple[str, ...]:
    return ("marketer", "approver", "analyst", "administrator", "no role")


def test_the_table_of_the_docs_is_what_the_doors_do() -> None:
    text = PAGE.read_text(encoding="utf-8")
    now = table(matrix())
    before, rest = text.split(BEGIN)
    if os.environ.get("COPYLIFT_WRITE_PERMISSIONS"):
        PAGE.write_text(f"{before}{BEGIN}\n{now}\n{END}{rest.split(END)[1]}", encoding="utf-8")
        return
    assert rest.split(END)[0].strip() == now


def test_who_has_no_role_opens_nothing_of_the_shops() -> None:
    # The home page and the tour show a member without a role nothing of the shop; the rest is their own account.
    own = {"home", "core:settings", "core:notifications", "notices_read", "campaigns:tour", "campaigns:tour_move"}
    opened = {name for name, row in matrix().items() if row["no role"] != "no"}
    assert opened - own == set()


# The product of these tests has no picture, and there is no made-up format.
NOT_THERE = {"campaigns:product_image", "experiments:export"}
# Addresses with a value in them that belong to no brand: what is the whole team's, one's own, or an open door.
OF_NO_BRAND = (
    "/audiences/",
    "/shoppers/",
    "/suppressions/",
    "/settings/",
    "/models/",
    "/campaigns/drafts/",
    "/r/",
    "/tour/",
)


def of_a_brand(campaign: Campaign) -> dict[str, str]:
    """From a made-up beginning of an address (tests.config.test_doors) to that of a thing of the campaign's brand."""
    experiment = queries.links_of(campaign)[0].experiment
    copy = Copy.objects.filter(campaign=campaign).order_by("id")[0]
    taken = ProductImport.objects.create(brand=campaign.brand, name="feed", path="", sha256="", format="csv")
    placement = Placement.objects.create(key="home", name="Home", public_key="pl_1", brand=campaign.brand)
    job = Job.objects.filter(object_type=Campaign._meta.label, object_id=str(campaign.pk))[0]
    return {
        f"/jobs/{made_up(UUIDConverter())}/": f"/jobs/{job.pk}/",
        "/campaigns/plan/": f"/campaigns/{campaign.key}/",
        "/review/7/": f"/review/{copy.pk}/",
        "/products/import/7/": f"/products/import/{taken.pk}/",
        "/products/7/": f"/products/{copy.product_id}/",
        "/brands/plan/": f"/brands/{campaign.brand.key}/",
        "/placements/plan/": f"/placements/{placement.key}/",
        "/experiments/plan/": f"/experiments/{experiment.key}/",
    }


def with_a_value() -> list[tuple[str, str]]:
    """The doors whose address holds a value, by name, with a made-up one."""
    return [(name, url) for name, url in doors(get_resolver()) if name not in OPEN and not takes_nothing(name)]


def takes_nothing(name: str) -> bool:
    try:
        reverse(name)
    except NoReverseMatch:
        return False
    return True


def test_of_each_door_it_is_said_whether_it_belongs_to_a_brand() -> None:
    known = (*OF_NO_BRAND, *of_a_brand(shop.launched()))
    unknown = [(name, url) for name, url in with_a_value() if not url.startswith(known)]
    assert unknown == [], "add each to OF_NO_BRAND or to of_a_brand"


def test_a_stranger_to_the_brand_finds_nothing_of_it_and_a_colleague_does() -> None:
    campaign = shop.launched()
    colleague, stranger = people.member("c", *Role), people.member("s", *[r for r in Role if r != Role.ADMINISTRATOR])
    colleague.groups.remove(*colleague.groups.filter(name=Role.ADMINISTRATOR))
    campaign.brand.members.add(colleague)
    real = of_a_brand(campaign)
    before = (list(Campaign.objects.values()), list(Copy.objects.values()), list(Placement.objects.values()))
    outside, inside = Client(), Client()
    outside.force_login(stranger)
    inside.force_login(colleague)
    missed, leaked = [], []
    for name, made in with_a_value():
        for beginning in (one for one in real if made.startswith(one) and not made.startswith(OF_NO_BRAND)):
            rest = made.removeprefix(beginning)
            url = real[beginning] + rest
            leaked += [(url, verb) for verb in ("get", "post") if getattr(outside, verb)(url).status_code not in HIDDEN]
            # With another made-up value behind it nothing may be there for the colleague either.
            is_there = name not in NOT_THERE and not re.search(r"\b(7|plan)\b", rest)
            if is_there and inside.get(url).status_code == 404:
                missed.append((name, url))
    assert (leaked, missed) == ([], [])
    assert before == (list(Campaign.objects.values()), list(Copy.objects.values()), list(Placement.objects.values()))


@pytest.mark.parametrize("path", ["", "/results", "/export?format=csv"])
def test_a_stranger_reads_nothing_of_it_over_rest_with_a_session_either(client: Client, path: str) -> None:
    campaign = shop.launched()
    experiment = queries.links_of(campaign)[0].experiment
    campaign.brand.members.add(people.member("c", Role.ANALYST))
    client.force_login(people.ana())
    assert client.get(f"/api/v1/experiments/{experiment.key}{path}").status_code == 404
    assert client.get("/api/v1/experiments").json()["experiments"] == []


def test_lists_leave_out_what_a_stranger_may_not_see(client: Client) -> None:
    campaign = shop.launched()
    campaign.brand.members.add(people.member("c", Role.ANALYST))
    client.force_login(people.ana())
    for url in ("/", "/campaigns/", "/experiments/", "/products/"):
        assert campaign.name not in client.get(url).content.decode()
        assert "Canvas Tote" not in client.get(url).content.decode()
