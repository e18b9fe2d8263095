"""What the demo shop consists of, as values read from the TOML files beside this module. Pure: no Django.

`load()` reads and checks all files as one: an audience that a campaign names must exist, a SKU may stand only once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from campaigns.demo.reading import Entry, each, read
from core import errors
from core.roles import Role
from models_ml.brief import GOALS, LANGUAGES, OFFER_KINDS, TONES
from models_ml.channels import CHANNELS

FOLDER = Path(__file__).parent
ENDS = ("finished", "running", "review")
PARTS = ("headline", "body", "call_to_action")


@dataclass(frozen=True)
class BrandData:
    """The shop's one brand and the currency of its prices."""

    key: str
    name: str
    voice: str
    tone: str
    banned_words: tuple[str, ...]
    default_language: str
    jurisdictions: tuple[str, ...]
    currency: str
    sender_email: str
    postal_address: str


@dataclass(frozen=True)
class MemberData:
    """Someone who signs in to the demo."""

    email: str
    name: str
    role: str


@dataclass(frozen=True)
class AudienceData:
    """An audience and its rule, as campaigns.audiences reads it."""

    key: str
    name_en: str
    name_zh: str
    description_en: str
    description_zh: str
    rule: list[dict[str, Any]]


@dataclass(frozen=True)
class ProductData:
    """A product; prices are in the brand's currency."""

    sku: str
    category: str
    name_en: str
    name_zh: str
    description_en: str
    description_zh: str
    attributes: dict[str, dict[str, str]]
    price: Decimal
    list_price: Decimal | None
    stock: int


@dataclass(frozen=True)
class Play:
    """How far play_demo takes a campaign, and what the demo's people decide on the way."""

    ends: str
    per_audience: int
    seed: int
    traffic_seed: int
    approve: int
    reject_reason: str
    edit: dict[str, str]
    edit_reason: str
    shoppers: int
    shoppers_a_minute: int


@dataclass(frozen=True)
class CampaignData:
    """A campaign's brief, what the shop shows today, and its play."""

    key: str
    name: str
    language: str
    channel: str
    goal: str
    tone: str
    offer_kind: str
    offer_value: str
    code: str
    deadline_in_days: int
    landing_url: str
    products: tuple[str, ...]
    audiences: tuple[str, ...]
    control: dict[str, str]
    play: Play


@dataclass(frozen=True)
class Shop:
    """All of it."""

    brand: BrandData
    members: list[MemberData]
    audiences: list[AudienceData]
    products: list[ProductData]
    campaigns: list[CampaignData]

    def campaign(self, key: str) -> CampaignData:
        """One campaign by its key."""
        return next(campaign for campaign in self.campaigns if campaign.key == key)


def load(folder: Path = FOLDER) -> Shop:
    """The whole shop. Raises InvalidInput naming file, entry and field."""
    shop = read(folder / "shop.toml", folder)
    members = each(shop, "member", "email", _member)
    audiences = each(shop, "audience", "key", _audience)
    brand = _brand(shop.entry("brand"))
    shop.done()
    products = [product for path in sorted(folder.glob("products/*.toml")) for product in _products(path, folder)]
    file = read(folder / "campaigns.toml", folder)
    skus, keys = {one.sku for one in products}, {one.key for one in audiences}
    campaigns = each(file, "campaign", "key", lambda entry: _campaign(entry, skus, keys))
    file.done()
    _once("products", (one.sku for one in products))
    _once("campaigns.toml", (one.key for one in campaigns))
    _once("shop.toml", (one.email for one in members))
    return Shop(brand, members, audiences, products, campaigns)


def _once(where: str, names: Iterable[Hashable]) -> None:
    seen: set[Hashable] = set()
    for name in names:
        if name in seen:
            raise errors.InvalidInput.field(where, f"{name} stands twice.")
        seen.add(name)


def _brand(entry: Entry) -> BrandData:
    brand = BrandData(
        key=entry.text("key", longest=80),
        name=entry.text("name", longest=60),
        voice=entry.text("voice", longest=200),
        tone=entry.choice("tone", TONES),
        banned_words=entry.texts("banned_words"),
        default_language=entry.choice("default_language", LANGUAGES),
        jurisdictions=entry.texts("jurisdictions"),
        currency=entry.text("currency", longest=3),
        sender_email=entry.text("sender_email", longest=254),
        postal_address=entry.text("postal_address", longest=300),
    )
    entry.done()
    return brand


def _member(entry: Entry) -> MemberData:
    return MemberData(entry.text("email", longest=254), entry.text("name", longest=120), entry.choice("role", [*Role]))


def _audience(entry: Entry) -> AudienceData:
    return AudienceData(
        key=entry.text("key", longest=40),
        **_in_both(entry, "name", 80),
        **_in_both(entry, "description", 300),
        rule=entry.rows("rule"),
    )


def _products(path: Path, folder: Path) -> list[ProductData]:
    file = read(path, folder)
    category = file.text("category", longest=60)
    products = each(file, "product", "sku", lambda entry: _product(entry, category))
    file.done()
    return products


def _product(entry: Entry, category: str) -> ProductData:
    product = ProductData(
        sku=entry.text("sku", longest=60),
        category=category,
        **_in_both(entry, "name", 120),
        **_in_both(entry, "description", 4000),
        attributes={language: entry.table(language) for language in LANGUAGES},
        price=entry.money("price"),
        list_price=entry.optional_money("list_price"),
        stock=entry.whole("stock"),
    )
    if product.list_price is not None and product.list_price <= product.price:
        raise entry.problem("list_price", "must be above the price; leave it out where there is no reduction.")
    return product


def _in_both(entry: Entry, field: str, longest: int) -> dict[str, Any]:
    return {f"{field}_{language}": entry.text(f"{field}_{language}", longest=longest) for language in LANGUAGES}


def _campaign(entry: Entry, skus: set[str], audiences: set[str]) -> CampaignData:
    ends = entry.choice("ends", ENDS)
    return CampaignData(
        key=entry.text("key", longest=60),
        name=entry.text("name", longest=120),
        language=entry.choice("language", LANGUAGES),
        channel=entry.choice("channel", CHANNELS),
        goal=entry.choice("goal", GOALS),
        tone=entry.choice("tone", TONES),
        offer_kind=entry.choice("offer_kind", OFFER_KINDS),
        offer_value=entry.text("offer_value", longest=60, needed=False),
        code=entry.text("code", longest=30, needed=False),
        deadline_in_days=entry.whole("deadline_in_days", most=3650),
        landing_url=entry.text("landing_url", longest=500),
        products=entry.texts("products", among=skus),
        audiences=entry.texts("audiences", among=audiences),
        control=_parts(entry.entry("control")),
        play=_play(entry.entry("demo"), ends),
    )


def _parts(entry: Entry) -> dict[str, str]:
    parts = {part: entry.text(part, longest=1000) for part in PARTS}
    entry.done()
    return parts


def _play(entry: Entry, ends: str) -> Play:
    play = Play(
        ends=ends,
        per_audience=_at_least(entry, "per_audience", 1),
        seed=entry.whole("seed"),
        traffic_seed=entry.whole("traffic_seed"),
        approve=entry.whole("approve"),
        reject_reason=entry.text("reject_reason", longest=500, needed=False),
        edit=entry.table("edit"),
        edit_reason=entry.text("edit_reason", longest=500, needed=False),
        shoppers=entry.whole("shoppers"),
        shoppers_a_minute=entry.whole("shoppers_a_minute"),
    )
    entry.done()
    return play


def _at_least(entry: Entry, field: str, least: int) -> int:
    value = entry.whole(field)
    if value < least:
        raise entry.problem(field, f"must be {least} or more.")
    return value
