"""Putting the demo shop into the database. Adds what is missing and changes nothing that is there: what people edited
in the demo stays, and a second run does nothing.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from campaigns import services
from campaigns.demo.data import AudienceData, BrandData, CampaignData, ProductData, Shop
from campaigns.models import Audience, Brand, Campaign, PriceRecord, Product
from core.models import User

# The list price of a reduced product stood this long ago, so that the reduction has a history to be measured against.
BEFORE_REDUCTION = timedelta(days=45)


@transaction.atomic
def load_brand(data: BrandData) -> bool:
    """The brand; whether it was made now."""
    _brand, made = Brand.objects.get_or_create(
        key=data.key,
        defaults={
            "name": data.name,
            "voice": data.voice,
            "tone": data.tone,
            "banned_words": list(data.banned_words),
            "default_language": data.default_language,
            "jurisdictions": list(data.jurisdictions),
            "sender_name": data.name,
            "sender_email": data.sender_email,
            "postal_address": data.postal_address,
        },
    )
    return made


@transaction.atomic
def load_products(products: list[ProductData], brand: BrandData) -> int:
    """The products that are missing, each with the prices it had; how many."""
    owner = Brand.objects.get(key=brand.key)
    present = set(Product.objects.filter(sku__in=[one.sku for one in products]).values_list("sku", flat=True))
    rows = [_product(one, owner, brand.currency) for one in products if one.sku not in present]
    made = Product.objects.bulk_create(rows)
    PriceRecord.objects.bulk_create([record for product in made for record in _prices(product)])
    return len(made)


def _product(data: ProductData, brand: Brand, currency: str) -> Product:
    return Product(
        sku=data.sku,
        brand=brand,
        category=data.category,
        name_en=data.name_en,
        name_zh=data.name_zh,
        description_en=data.description_en,
        description_zh=data.description_zh,
        attributes=data.attributes,
        price=data.price,
        list_price=data.list_price,
        currency=currency,
        stock=data.stock,
    )


def _prices(product: Product) -> list[PriceRecord]:
    now = timezone.now()
    before = product.list_price or product.price
    return [
        PriceRecord(product=product, price=before, seen_at=now - BEFORE_REDUCTION),
        PriceRecord(product=product, price=product.price, list_price=product.list_price, seen_at=now),
    ]


@transaction.atomic
def load_audiences(audiences: list[AudienceData]) -> int:
    """The audiences that are missing; how many."""
    present = set(Audience.objects.values_list("key", flat=True))
    made = Audience.objects.bulk_create(
        Audience(
            key=one.key,
            name_en=one.name_en,
            name_zh=one.name_zh,
            description_en=one.description_en,
            description_zh=one.description_zh,
            rule=one.rule,
        )
        for one in audiences
        if one.key not in present
    )
    return len(made)


def load_campaigns(shop: Shop, *, marketer: User) -> int:
    """The campaigns that are missing, as drafts by the demo's marketer; how many."""
    present = set(Campaign.objects.values_list("key", flat=True))
    missing = [one for one in shop.campaigns if one.key not in present]
    for data in missing:
        _campaign(data, shop, marketer)
    return len(missing)


def _campaign(data: CampaignData, shop: Shop, marketer: User) -> Campaign:
    brand = Brand.objects.get(key=shop.brand.key)
    products = {product.sku: product for product in Product.objects.filter(sku__in=data.products)}
    audiences = {audience.key: audience for audience in Audience.objects.filter(key__in=data.audiences)}
    last_day = timezone.localdate() + timedelta(days=data.deadline_in_days) if data.deadline_in_days else None
    return services.create_campaign(
        key=data.key,
        name=data.name,
        brand=brand,
        language=data.language,
        channel=data.channel,
        goal=data.goal,
        tone=data.tone,
        offer_kind=data.offer_kind,
        offer_value=data.offer_value,
        code=data.code,
        deadline=last_day,
        landing_url=data.landing_url,
        products=[products[sku] for sku in data.products],
        audiences=[audiences[key] for key in data.audiences],
        control=data.control,
        created_by=marketer,
    )
