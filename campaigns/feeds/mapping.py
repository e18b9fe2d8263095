"""Which column of a feed is which field of a product: a guess by its name, and what a chosen mapping must hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from campaigns.feeds.errors import FeedError

IGNORED = ""
ATTRIBUTE = "attribute"  # kept under the column's own name
ATTRIBUTES = ("material", "colour", "size", "feature", "brand", "gtin")
FIELDS = (
    "sku", "name", "name_en", "name_zh", "description", "description_en", "description_zh", "category", "price",
    "sale_price", "sale_dates", "list_price", "currency", "availability", "stock", "image_url", "url", "is_active",
    *ATTRIBUTES,
)  # fmt: skip
_NAMES: dict[str, str] = {
    "sku": "sku id item_id product_id article_number variant_sku 货号 商品编号 编号 商家编码",
    "name": "name title product_name product_title 名称 商品名称 标题 商品标题",
    "name_en": "name_en title_en",
    "name_zh": "name_zh title_zh",
    "description": "description body body_html summary content text 描述 商品描述 详情",
    "description_en": "description_en",
    "description_zh": "description_zh",
    "category": "category product_type type google_product_category product_category 类目 分类 类别",
    "price": "price variant_price amount current_price 价格 售价 单价",
    "sale_price": "sale_price 促销价 活动价",
    "sale_dates": "sale_price_effective_date",
    "list_price": "list_price compare_at_price variant_compare_at_price original_price regular_price rrp 原价 吊牌价",
    "currency": "currency currency_code 币种 货币",
    "availability": "availability available stock_status 供货",
    "stock": "stock quantity qty inventory inventory_quantity variant_inventory_qty sell_on_google_quantity 库存 数量",
    "image_url": "image image_url image_link image_src picture photo 图片 主图",
    "url": "url link product_url page permalink 链接 商品链接",
    "is_active": "is_active active published status on_sale 上架",
    "material": "material fabric 材质 面料",
    "colour": "colour color 颜色",
    "size": "size 尺码 尺寸",
    "feature": "feature product_highlight 特点 卖点",
    "brand": "brand vendor manufacturer 品牌",
    "gtin": "gtin ean upc isbn barcode variant_barcode 条码",
}
_GUESSES = {name: field for field, names in _NAMES.items() for name in names.split()}
_JOINED = re.compile(r"[^\w]+")


def guess(columns: Iterable[str]) -> dict[str, str]:
    """A field for each column by its name; of two for one field the first has it, and what is unknown is left out."""
    found: dict[str, str] = {}
    for column in columns:
        name = _JOINED.sub("_", column.lower().removeprefix("g:").removeprefix("option:")).strip("_")
        field = _GUESSES.get(name, IGNORED)
        if field == IGNORED and column.startswith("Option:"):
            field = ATTRIBUTE
        found[column] = IGNORED if field != ATTRIBUTE and field in found.values() else field
    return found


def check(mapping: Mapping[str, str]) -> None:
    """Raise FeedError where a needed field has no column, one has two, or a field is unknown."""
    chosen = [field for field in mapping.values() if field not in (IGNORED, ATTRIBUTE)]
    if unknown := set(chosen) - set(FIELDS):
        raise FeedError("field_unknown", min(unknown))
    if twice := {field for field in chosen if chosen.count(field) > 1}:
        raise FeedError("field_twice", min(twice))
    if "sku" not in chosen:
        raise FeedError("needs_sku")
    if "price" not in chosen:
        raise FeedError("needs_price")
    if not {"name", "name_en", "name_zh"} & set(chosen):
        raise FeedError("needs_name")
