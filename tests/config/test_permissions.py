"""Who may open what: each role at each page, and strangers to a brand at whatever belongs to it.

The table stands in docs/permissions.md and is computed here by asking every door as every role, so a new page or a
changed rule shows as a difference. With COPYLIFT_WRITE_PERMISSIONS=1 in the environment this test writes it anew; read
the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from campaigns import queries
from campaigns.models import Campaign, Copy, Placement, ProductImport
from core.models import User
from core.roles import Role
from tests import people
from tests.campaigns import shop
from tests.config.test_doors import OPEN, doors

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
BEGIN, END = "<!-- begin of the table -->", "<!-- end of the table -->"
# What no role decides: open doors, and what anybody signed in may do to their own things.
# Promoting, staging and the rest are one address each asking for its own permission: tests/models_ml/test_model_pages.
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
    own = {"home", "core:settings", "core:notifications", "notices_read"}
    opened = {name for name, row in matrix().items() if row["no role"] != "no"}
    assert opened - own == set()


# Every address that belongs to a brand: name and what it needs of a running campaign.
def of_a_brand(campaign: Campaign) -> dict[str, list[object]]:
    experiment = queries.links_of(campaign)[0].experiment.key
    copy = Copy.objects.filter(campaign=campaign).order_by("id")[0]
    by_campaign = ("detail", "generate", "launch", "finish", "trip", "reset", "schedule", "unschedule", "archive")
    later = ("studio", "submit", "plan", "duplicate", "delivery", "result", "ads_csv")
    waves = ("wave_start", "wave_test", "delivery_messages")
    found: dict[str, list[object]] = {f"campaigns:{name}": [campaign.key] for name in (*by_campaign, *later, *waves)}
    found["campaigns:product"] = [copy.product_id]
    found["campaigns:brand"] = [campaign.brand.key]
    made_up = {"key": "home", "name": "Home", "public_key": "pl_1", "campaign": campaign}
    found["campaigns:placement"] = [Placement.objects.get_or_create(brand=campaign.brand, defaults=made_up)[0].key]
    found["campaigns:review_copy"] = [copy.pk]
    found |= {f"experiments:{name}": [experiment] for name in ("detail", "report", "report_pdf")}
    found["experiments:move"] = [experiment, "pause"]
    return found


def known(name: str) -> bool:
    return name in {door for door, _url in doors(get_resolver())}


def test_a_stranger_to_the_brand_finds_nothing_of_it_and_a_colleague_does() -> None:
    campaign = shop.launched()
    colleague, stranger = people.member("c", *Role), people.member("s", *[r for r in Role if r != Role.ADMINISTRATOR])
    colleague.groups.remove(*colleague.groups.filter(name=Role.ADMINISTRATOR))
    campaign.brand.members.add(colleague)
    before = list(Campaign.objects.values())
    missed, leaked = [], []
    for name, arguments in of_a_brand(campaign).items():
        if not known(name):
            continue
        url = reverse(name, args=arguments)
        for method in ("get", "post"):
            client = Client()
            client.force_login(stranger)
            if getattr(client, method)(url).status_code not in {404, 405}:
                leaked.append((name, method))
        client.force_login(colleague)
        if client.get(url).status_code == 404:
            missed.append(name)
    assert (leaked, missed) == ([], [])
    assert list(Campaign.objects.values()) == before


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
