"""A small shop for tests, and a writer without weights. Each campaign can be walked to any state, by the services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from campaigns import services
from campaigns.models import Audience, Brand, Campaign, Copy, Product
from core.models import Job, User
from models_ml.brief import Brief
from models_ml.drafting import Context
from tests import people

CONTROL = {"headline": "Shop our bags", "body": "Find a bag for every day.", "call_to_action": "Shop now"}
GOOD = {
    "theme": "Made with care",
    "headline": "{product}, {discount} off",
    "body": "Made to stay with you, until {deadline}.",
    "call_to_action": "Take a look",
}


def brand(**fields: Any) -> Brand:
    """A brand that bans one word."""
    values = {"key": "lumen", "name": "Lumen", "voice": "calm, clear", "banned_words": ["cheap"], **fields}
    return Brand.objects.create(**values)


def product(owner: Brand, **fields: Any) -> Product:
    """A bag in two languages."""
    values: dict[str, Any] = {
        "sku": "BAG-1",
        "category": "bags",
        "name_en": "Canvas Tote",
        "name_zh": "帆布包",
        "attributes": {"en": {"material": "100% cotton"}, "zh": {"material": "纯棉"}},
        "price": Decimal("49.90"),
        "currency": "USD",
        "stock": 5,
        **fields,
    }
    return Product.objects.create(brand=owner, **values)


def audiences() -> list[Audience]:
    """Students by an attribute, and everybody."""
    student = {"attribute": "student", "operator": "is", "value": True}
    return [
        Audience.objects.create(key="everyone", name_en="Everyone", name_zh="所有人", rule=[]),
        Audience.objects.create(key="students", name_en="Students", name_zh="学生", rule=[student]),
    ]


def draft(created_by: User, **fields: Any) -> Campaign:
    """A campaign with a 20 % offer for two audiences."""
    owner = Brand.objects.filter(key="lumen").first() or brand()
    values: dict[str, Any] = {
        "key": "autumn",
        "name": "Autumn bags",
        "brand": owner,
        "language": "en",
        "channel": "push",
        "products": fields.pop("products", None) or [product(owner)],
        "audiences": fields.pop("audiences", None) or audiences(),
        "offer_kind": "percent",
        "offer_value": "20",
        "control": CONTROL,
        "created_by": created_by,
        **fields,
    }
    return services.create_campaign(**values)


class FakeWriter:
    """Writes numberless lines from a list, two at a time; `stop_after` and `fail_after` cut it short."""

    def __init__(self, *, fewer: int = 0, stop_after: int | None = None, fail_after: int | None = None) -> None:
        self.fewer = fewer
        self.stop_after = stop_after
        self.fail_after = fail_after
        self.calls: list[tuple[str, int]] = []
        self.contexts: list[Context] = []
        self.given = 0

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
        """The same texts for the same briefs and seed."""
        self.calls.append((briefs[0].audience.key, seed))
        self.contexts.append(context)
        counted = [(place, brief) for place, brief in enumerate(briefs) for _ in range(per_brief - self.fewer)]
        first = len(context.taken) if briefs[0].theme else 0
        texts = [candidate(brief, seed, first + number, place) for number, (place, brief) in enumerate(counted)]
        for start in range(0, len(texts), 2):
            if should_stop() or self.given == self.stop_after:
                break
            if self.given == self.fail_after:
                raise ConnectionError("the card fell off the bus")
            batch = texts[start : start + 2]
            self.given += len(batch)
            on_batch(batch)
        return texts


LETTERS = "abcdefghijklmnopqrstuvwxyz"


def candidate(brief: Brief, seed: int, number: int, place: int = 0) -> dict[str, Any]:
    """One text that follows the brief and passes every check."""
    word = f"{LETTERS[seed % 26]}{LETTERS[number % 26]}"
    return {
        "brief_index": place,
        "theme": brief.theme or f"Idea {word}",
        "headline": "{product}, {discount} off",
        "body": f"Made for the day, in the {word} way.",
        "call_to_action": "Take a look",
        "provenance": {"source": "model", "model_id": "fake", "seed": seed, "draw": number},
    }


def generated(created_by: User, *, per_audience: int = 2, writer: FakeWriter | None = None, **fields: Any) -> Campaign:
    """A campaign whose copy waits for review, written by the fake."""
    campaign = draft(created_by, **fields)
    job = services.request_generation(campaign, per_audience=per_audience, actor=created_by)
    run(job, writer or FakeWriter())
    return Campaign.objects.get(pk=campaign.pk)


class FakeThemer:
    """Finds the themes it was given; notes what it was asked."""

    def __init__(self, *themes: str) -> None:
        self.themes = themes
        self.asked: list[tuple[list[str], int, int]] = []

    def __call__(
        self, briefs: Sequence[Brief], *, count: int, seed: int, should_stop: Callable[[], bool], job_id: str | None
    ) -> list[dict[str, Any]]:
        """At most `count` of them."""
        self.asked.append(([brief.audience.key for brief in briefs], count, seed))
        return [{"text": text, "support": 1, "audiences": [], "provenance": {}} for text in self.themes[:count]]


def run(job: Job, writer: FakeWriter, themer: FakeThemer | None = None) -> Job:
    """What the task does, with a fake for the model."""
    from core.jobs import run_job

    run_job(str(job.pk), lambda context: services.write_copy(context, writer=writer, themer=themer))
    services.settle_campaign(Campaign.objects.get(pk=job.arguments["campaign"]))
    return Job.objects.get(pk=job.pk)


def waiting_copy(created_by: User, **fields: Any) -> Copy:
    """One waiting copy of a fresh campaign."""
    return Copy.objects.filter(campaign=generated(created_by, **fields)).order_by("id")[0]


def ready(created_by: User, reviewer: User, **fields: Any) -> Campaign:
    """A campaign with every copy approved."""
    campaign = generated(created_by, **fields)
    for copy in Copy.objects.filter(campaign=campaign).order_by("id"):
        services.approve_copy(copy, reviewer=reviewer)
    return Campaign.objects.get(pk=campaign.pk)


def launched(created_by: User | None = None, reviewer: User | None = None, **fields: Any) -> Campaign:
    """A running campaign."""
    created_by, reviewer = created_by or people.alice(), reviewer or people.bob()
    campaign = ready(created_by, reviewer, **fields)
    services.launch_campaign(campaign, actor=created_by)
    return Campaign.objects.get(pk=campaign.pk)
