"""Every page of the dashboard with 50 campaigns, 2,000 copies and a million events, as a signed-in member loads it.

Each page is asked for over HTTP from the web process that `make run` starts, one request after the other, by turns with
an empty page behind the same sign-in: what a page adds to Django's own work is the difference. Asked for: no page over
200 ms at p95 and none with more than 15 queries. The queries are counted in this process, since the server has its own.
A page is found by its address pattern, so that a new one is measured without being named here.

    python benchmarks/bench_dashboard.py [events]     (default 1,000,000; takes 2 GB of disk and some minutes)
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import shop_rows
from surroundings import describe, private_platform, quantile, serving

ROUNDS = 40
MILLISECONDS, QUERIES = 200.0, 15
HEAD = """\
| page | p50, ms | p95, ms | p95 / 200 ms | p50 / plain page | queries | kB |
|---|---|---|---|---|---|---|"""
# Behind the same middleware and sign-in, and nothing of ours in it: Django's own page.
PEER = "/password/done/"
# Files and moves: what they cost is not what a reader waits for at each step.
NOT_PAGES = {
    "core:trail_csv",
    "experiments:export",
    "experiments:report",
    "campaigns:shopper_export",
    "logout",
    "login",
}


@dataclass(frozen=True)
class Page:
    """One page, as the member who may open it."""

    name: str
    url: str
    session: str
    queries: int
    kilobytes: float


# --- which pages ----------------------------------------------------------------------------------------------------
def things(team: Mapping[str, Any], campaigns: Sequence[Any]) -> dict[str, list[list[Any]]]:
    """For each pattern that names a thing, the things it is measured with."""
    from campaigns.models import CampaignDraft, Copy, Shopper
    from core.models import Webhook

    running, waiting = campaigns[shop_rows.FINISHED], campaigns[-1]
    copy = Copy.objects.filter(campaign=waiting).order_by("pk")[0]
    link = running.experiment_links.select_related("experiment", "audience").order_by("pk")[0]
    draft = CampaignDraft.objects.create(owner=team["marketer"], name="Half a brief")
    hook = Webhook.objects.create(name="gateway", url="https://sms.example/", secret="s", events=["message.sms"])
    steps = ("brief", "products", "audiences", "channel", "control", "overview")
    return {
        "campaigns:detail": [[running.key], [waiting.key]],
        **{f"campaigns:{one}": [[running.key]] for one in ("delivery", "result")},
        **{f"campaigns:{one}": [[waiting.key]] for one in ("studio", "plan")},
        "campaigns:draft": [[draft.pk, step] for step in steps],
        "campaigns:product": [[copy.product_id]],
        "campaigns:brand": [[running.brand.key]],
        "campaigns:audience": [[link.audience.key]],
        "campaigns:shopper": [[Shopper.objects.order_by("pk")[0].pk]],
        "campaigns:review_copy": [[copy.pk]],
        "experiments:detail": [[link.experiment.key]],
        "core:member": [[team["marketer"].pk]],
        "core:webhook": [[hook.pk]],
        "core:job": [[_newest_job()]],
    }


def _newest_job() -> Any:
    from core.models import Job

    return Job.objects.order_by("-created_at")[0].pk


def addresses(resolver: Any, known: Mapping[str, list[list[Any]]], space: str = "") -> Iterator[tuple[str, str]]:
    """Every named pattern outside the API and the admin, with an address for each thing it is measured with."""
    from django.urls import URLResolver, reverse

    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            if entry.namespace is None or not entry.namespace.startswith(("api", "admin")):
                yield from addresses(entry, known, f"{entry.namespace}:" if entry.namespace else space)
            continue
        name = f"{space}{entry.name}"
        if name not in NOT_PAGES and entry.name:
            values = known.get(name, [] if entry.pattern.regex.groups or entry.pattern.converters else [[]])
            yield from ((name, reverse(name, args=one)) for one in values)


def pages(team: Mapping[str, Any], campaigns: Sequence[Any]) -> list[Page]:
    """Every page that opens, as the first of the roles that may open it."""
    from django.urls import get_resolver

    clients = [_signed_in(team[role]) for role in ("marketer", "approver", "analyst", "administrator")]
    known = things(team, campaigns)
    found = (_page(name, url, clients) for name, url in addresses(get_resolver(), known))
    return [one for one in found if one is not None]


def _signed_in(member: Any) -> Any:
    from django.test import Client

    client = Client(headers={"host": "localhost"})
    client.force_login(member)
    return client


def _page(name: str, url: str, clients: Sequence[Any]) -> Page | None:
    from django.conf import settings
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for client in clients:
        client.get(url)
        with CaptureQueriesContext(connection) as sent:
            answer = client.get(url)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            return Page(name, url, f"{settings.SESSION_COOKIE_NAME}={session}", len(sent), len(answer.content) / 1e3)
    return None


# --- how long -------------------------------------------------------------------------------------------------------
def ask(connection: http.client.HTTPConnection, url: str, session: str) -> float:
    """Seconds until the whole page is here."""
    begun = perf_counter()
    connection.request("GET", url, headers={"Cookie": session})
    answer = connection.getresponse()
    answer.read()
    taken = perf_counter() - begun
    if answer.status != 200:
        sys.exit(f"{url} answered {answer.status}")
    return taken


def measure(port: int, one: Page) -> tuple[list[float], list[float]]:
    """Seconds of the page and of the plain one, by turns, warm."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(4):
        ask(connection, one.url, one.session)
        ask(connection, PEER, one.session)
    pairs = [(ask(connection, one.url, one.session), ask(connection, PEER, one.session)) for _ in range(ROUNDS)]
    connection.close()
    return [ours for ours, _ in pairs], [plain for _, plain in pairs]


def told(one: Page, ours: Sequence[float], plain: Sequence[float]) -> tuple[str, bool]:
    """A line of the table, and whether the page keeps within both limits."""
    middle, late = (1e3 * quantile(list(ours), share) for share in (0.5, 0.95))
    against = middle / (1e3 * quantile(list(plain), 0.5))
    kept = late <= MILLISECONDS and one.queries <= QUERIES
    cells = (
        f"`{one.url}`",
        f"{middle:.0f}",
        f"{late:.0f}",
        f"{late / MILLISECONDS:.2f}",
        f"{against:.1f}",
        f"{one.queries}",
        f"{one.kilobytes:.0f}",
    )
    return f"| {' | '.join(cells)} |{'' if kept else '  <- over'}", kept


def prepared(events: int) -> list[Page]:
    """The shop with its traffic; answers the pages to ask for."""
    from campaigns.models import Campaign, Copy

    team = shop_rows.people()
    brands, products, audiences = shop_rows.shop(team)
    campaigns = [
        shop_rows.campaign(number, team=team, brand=brands[number % 2], products=products[number % 2 :: 2],
                           audiences=audiences)
        for number in range(shop_rows.CAMPAIGNS)
    ]  # fmt: skip
    folded = shop_rows.traffic(events)
    shop_rows.finish(campaigns, team)
    print(f"{Campaign.objects.count()} campaigns, {Copy.objects.count():,} copies, {folded:,} events folded")
    return pages(team, campaigns)


def main() -> int:
    """0 where every page keeps within both limits."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with private_platform(durable=False, valkey=True) as var:
        print(describe("django", "gunicorn"))
        found = prepared(events)
        over = 0
        print(HEAD)
        with serving(var) as (port, _pid):
            for one in found:
                line, kept = told(one, *measure(port, one))
                over += not kept
                print(line, flush=True)
    print(f"{len(found)} pages, {ROUNDS} rounds each; {over} over {MILLISECONDS:.0f} ms at p95 or {QUERIES} queries")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
