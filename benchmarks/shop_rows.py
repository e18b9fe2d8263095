"""A shop at the size the dashboard is promised for: campaigns in every state, their copy and reviews, and traffic.

Not a benchmark itself. What a person or a worker does goes through the services (candidates are checked, reviewed and
launched as in use, and the events are folded and analysed); only the events, shoppers and products are put in bulk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, islice, product
from typing import Any

CAMPAIGNS = 50
# Copies for each of a campaign's two audiences: 2,000 in all.
COPIES_EACH = 20
PRODUCTS, SHOPPERS = 240, 10_000
LAUNCHED, FINISHED, READY = 35, 15, 5
APPROVED_EACH, REJECTED_EACH = 3, 9
DAYS, EVENTS_A_UNIT = 14, 5

FIRST = ("quiet", "warm", "clear", "bright", "calm", "soft", "light", "slow", "open", "plain")
SECOND = ("mornings", "evenings", "walks", "rooms", "letters", "gardens", "journeys", "tables", "windows", "weekends")
FIRST_ZH = ("安静的", "温暖的", "清晨的", "明亮的", "柔和的", "轻快的", "悠闲的", "平常的", "秋日的", "雨后的")
SECOND_ZH = ("早晨", "夜晚", "散步", "房间", "书信", "花园", "旅途", "餐桌", "窗边", "周末")

# Each unit is exposed, clicks twice, rates or clicks, and buys or clicks; later arms sell a little better.
EVENTS = """
insert into experiments_event (sequence, id, day, kind, experiment_id, arm_id, unit, occurred_at, received_at, value,
    margin, currency, is_bot, is_prefetch, name, properties)
select row_number() over (order by at), 'e-' || i, (at at time zone 'UTC')::date, kind,
    case when kind = 'exposure' then experiment end, case when kind = 'exposure' then arm end, 'u-' || u, at, at,
    case kind when 'conversion' then 20 + i %% 5000 * 0.01 when 'rating' then 1 + i %% 5 end,
    case when kind = 'conversion' then 8 end, null, false, false, null, '{}'::jsonb
from (
    select i, u, e.experiment, e.arms[1 + u / %(experiments)s %% array_length(e.arms, 1)] as arm,
        case i %% %(each)s when 0 then 'exposure' when 3 then case when u %% 4 = 0 then 'rating' else 'click' end
            when 4 then case when (hashint4(u) & 65535) / 65536.0
                < 0.05 + 0.01 * (u / %(experiments)s %% array_length(e.arms, 1)) then 'conversion' else 'click' end
            else 'click' end as kind,
        %(start)s + (hashint4(u + 7) & 65535) / 65536.0 * %(days)s * interval '1 day'
            + i %% %(each)s * interval '90 seconds' as at
    from (select i, i / %(each)s as u from generate_series(0, %(events)s - 1) as i) as numbered
    join made_arms as e on e.place = u %% %(experiments)s
) as made
"""


def people() -> dict[str, Any]:
    """One member of each role, by role."""
    from django.contrib.auth.models import Group

    from core.models import User
    from core.roles import Role

    found = {}
    for role in Role:
        found[role.value] = User.objects.create_user(f"{role.value}@example.com", "not-used-anywhere", name=role.value)
        found[role.value].groups.set(Group.objects.filter(name=role.value))
    return found


def shop(team: Mapping[str, Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Brands that the team alone sees, the first brand's products with past prices, and audiences; and the shoppers."""
    from campaigns.models import Audience, Brand, PriceRecord, Product, Shopper

    brands = [Brand.objects.create(key=key, name=key.title(), jurisdictions=["US", "CN"]) for key in ("lumen", "haven")]
    for brand in brands:
        brand.members.set(team.values())
    now = datetime.now(UTC)
    products = Product.objects.bulk_create(
        Product(
            sku=f"SKU-{number}",
            brand=brands[number % 2],
            category="bags",
            name_en=f"Canvas Tote {number}",
            name_zh=f"帆布包{number}",
            attributes={"en": {"material": "100% cotton"}, "zh": {"material": "纯棉"}},
            price=Decimal(20 + number),
            stock=5,
        )
        for number in range(PRODUCTS)
    )
    prices = (PriceRecord(product=one, price=one.price, seen_at=now - timedelta(days=45 * age))
              for one in products for age in (1, 2))  # fmt: skip
    PriceRecord.objects.bulk_create(prices)
    rules = [[], [{"attribute": "student", "operator": "is", "value": True}]]
    names = [("everyone", "Everyone", "所有人"), ("students", "Students", "学生")]
    audiences = [
        Audience.objects.create(key=key, name_en=english, name_zh=chinese, rule=rule)
        for (key, english, chinese), rule in zip(names, rules, strict=True)
    ]
    Shopper.objects.bulk_create(
        Shopper(unit=f"s-{number}", attributes={"student": number % 3 == 0}, channels=["email"])
        for number in range(SHOPPERS)
    )
    return brands, products, audiences


def writer(language: str) -> Any:
    """Stands for the model: sentences without a figure, each pair of words once."""
    pairs = product(FIRST_ZH, SECOND_ZH) if language == "zh" else product(FIRST, SECOND)
    words = ("".join(pair) if language == "zh" else " ".join(pair) for pair in pairs)

    def write(
        _briefs: Sequence[Any], *, per_brief: int, on_batch: Callable[[Sequence[Mapping[str, Any]]], None], **_: Any
    ) -> None:
        for number, two in zip(count(), islice(words, per_brief)):
            on_batch([_candidate(two, language, number)])

    return write


def _candidate(words: str, language: str, number: int) -> dict[str, Any]:
    english = {
        "theme": f"For {words}",
        "headline": f"{{product}} for {words}",
        "body": f"Made for {words}, and kept for years.",
        "call_to_action": "Take a look",
    }
    chinese = {
        "theme": words,
        "headline": f"{{product}}，{words}",
        "body": f"陪你度过{words}。",
        "call_to_action": "去看看",
    }
    return (chinese if language == "zh" else english) | {"provenance": {"source": "model", "draw": number}}


def campaign(number: int, *, team: Mapping[str, Any], brand: Any, products: Sequence[Any], audiences: Any) -> Any:
    """One campaign with its copy, as far on as its number says: launched first, then ready, then in review."""
    from campaigns import services
    from campaigns.models import Campaign
    from core.jobs import run_job

    language = "zh" if number % 5 == 4 else "en"
    made = services.create_campaign(
        key=f"campaign-{number}",
        name=f"{'秋日活动' if language == 'zh' else 'Autumn campaign'} {number}",
        brand=brand,
        language=language,
        channel="email",
        products=products[:3],
        audiences=audiences,
        created_by=team["marketer"],
        control={"headline": "Shop our bags", "body": "Find a bag for every day.", "call_to_action": "Shop now"},
    )
    job = services.request_generation(made, per_audience=COPIES_EACH, actor=team["marketer"])
    run_job(str(job.pk), lambda context: services.write_copy(context, writer=writer(language)))
    services.settle_campaign(made)
    if number < LAUNCHED + READY:
        review(made, team["approver"])
    if number < LAUNCHED:
        services.launch_campaign(made, actor=team["marketer"], planned_units=20_000)
    return Campaign.objects.get(pk=made.pk)


def review(made: Any, approver: Any) -> None:
    """Approve some copy of each audience, reject more, and leave the rest waiting."""
    from campaigns import services
    from campaigns.models import Copy

    for audience in made.audiences.all():
        waiting = list(Copy.objects.filter(campaign=made, audience=audience).order_by("pk"))
        for copy in waiting[:APPROVED_EACH]:
            services.approve_copy(copy, reviewer=approver)
        for copy in waiting[APPROVED_EACH : APPROVED_EACH + REJECTED_EACH]:
            services.reject_copy(copy, reviewer=approver, reason="Says nothing of the bag.")


def traffic(events: int) -> int:
    """Events of two weeks over every launched experiment, folded and analysed as workers do; how many were folded."""
    from django.db import connection

    from experiments import services, tasks
    from experiments.models import Experiment
    from experiments.services.partitions import ensure_partitions

    start = datetime.now(UTC) - timedelta(days=DAYS, hours=2)
    Experiment.objects.update(started_at=start)
    ensure_partitions(start.date() + timedelta(days=offset) for offset in range(DAYS + 3))
    arms = [(place, one.pk, [arm.pk for arm in one.arms.all()]) for place, one in enumerate(Experiment.objects.all())]
    with connection.cursor() as cursor:
        cursor.execute("create temp table made_arms (place int, experiment bigint, arms bigint[])")
        cursor.executemany("insert into made_arms values (%s, %s, %s)", arms)
        values: dict[str, Any] = {
            "experiments": len(arms),
            "each": EVENTS_A_UNIT,
            "days": DAYS,
            "start": start,
            "events": events,
        }
        cursor.execute(EVENTS, values)
        cursor.execute("select setval('experiments_event_sequence', %s)", [events])
        cursor.execute("analyze")
    folded = 0
    while passed := services.fold_events():
        folded += passed
    tasks.refresh_analyses()
    return folded


def finish(campaigns: Sequence[Any], team: Mapping[str, Any]) -> None:
    """End the first of the launched ones."""
    from campaigns import services

    for one in campaigns[:FINISHED]:
        services.finish_campaign(one, actor=team["marketer"])
