"""The shops of the campaign journeys: what their feeds hold, what their people enter, what the fake model writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.journeys.visitor import NARROW

ENGLISH_CSV = """sku,title,price,currency,material,stock
BAG-1,Canvas Tote,49.90,USD,100% cotton,12
BAG-2,Leather Satchel,129,USD,leather,4
BAG-3,Nothing Known,free,USD,,1
"""
ENGLISH_XML = """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>
<item><g:id>BAG-1</g:id><g:title>Canvas Tote</g:title><g:price>44.90 USD</g:price></item>
<item><g:id>BAG-4</g:id><g:title>Wool &amp; Linen Pouch</g:title><g:price>19.00 USD</g:price></item>
</channel></rss>
"""
CHINESE_CSV = """货号,名称,价格,币种,材质,库存
包-1,帆布托特包,299,CNY,纯棉,12
包-2,真皮邮差包,899,CNY,牛皮,4
"""
CHINESE_XML = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>
<item><g:id>包-1</g:id><g:title>帆布托特包</g:title><g:price>279.00 CNY</g:price></item>
</channel></rss>
"""


@dataclass(frozen=True)
class Story:
    """One shop: what its feeds hold, what its people enter, and what the fake model writes."""

    language: str
    interface: str
    width: int
    feeds: tuple[tuple[str, str], ...]
    currency: str
    lead: str
    price_after: str
    name: str
    control: Mapping[str, str]
    written: Mapping[str, str]
    edited: str
    why: str


ENGLISH = Story(
    language="en",
    interface="en",
    width=1280,
    feeds=(("feed.csv", ENGLISH_CSV), ("merchant.xml", ENGLISH_XML)),
    currency="USD",
    lead="Canvas Tote",
    price_after="44.90",
    name="Autumn bags",
    control={"headline": "Shop our bags", "body": "Find a bag for every day.", "call_to_action": "Shop now"},
    written={"theme": "For {word}", "body": "Made for {word}, and kept for years.", "call_to_action": "Take a look"},
    edited="Made for slow mornings, and for the way home.",
    why="Says nothing of the bag.",
)
CHINESE = Story(
    language="zh",
    interface="zh-hans",
    width=1280,
    feeds=(("商品.csv", CHINESE_CSV), ("merchant.xml", CHINESE_XML)),
    currency="CNY",
    lead="帆布托特包",
    price_after="279.00",
    name="秋日包袋",
    control={"headline": "选购包袋", "body": "为每一天挑一只包。", "call_to_action": "去看看"},
    written={"theme": "陪你{word}", "body": "陪你{word}，天天都用得上。", "call_to_action": "看看这款"},
    edited="陪你慢慢走过清晨，也陪你回家。",
    why="没有说到包本身。",
)
NARROW_ENGLISH = replace(ENGLISH, width=NARROW, feeds=ENGLISH.feeds[:1], price_after="49.90")
WORDS = {"en": ("quiet evenings", "long walks", "rainy days"), "zh": ("散步", "出门", "通勤")}
