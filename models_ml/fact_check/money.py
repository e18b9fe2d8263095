"""Currencies beside a number, and the part a price or percentage plays: a price, a reduction, a former price.

The part is read from the words around: "save $10" takes off, "only $10" is to be paid, "was $10" used to be, "over $10"
is an order value. A bare yen sign is read as yuan, on both sides of every comparison.
"""

from __future__ import annotations

import re

_CURRENCIES = {
    "$": "USD", "us$": "USD", "usd": "USD", "dollar": "USD", "dollars": "USD", "bucks": "USD", "美元": "USD", "美金": "USD",
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "欧元": "EUR", "£": "GBP", "gbp": "GBP", "pound": "GBP",
    "pounds": "GBP", "quid": "GBP", "英镑": "GBP", "¥": "CNY", "cn¥": "CNY", "cny": "CNY", "rmb": "CNY", "yuan": "CNY",
    "元": "CNY", "块钱": "CNY", "块": "CNY", "人民币": "CNY", "元人民币": "CNY", "日元": "JPY", "jpy": "JPY", "hk$": "HKD",
    "hkd": "HKD", "港元": "HKD", "港币": "HKD", "nt$": "TWD", "twd": "TWD", "新台币": "TWD", "s$": "SGD", "sgd": "SGD",
    "新加坡元": "SGD", "a$": "AUD", "aud": "AUD", "澳元": "AUD", "ca$": "CAD", "cad": "CAD", "加元": "CAD", "₹": "INR",
    "inr": "INR", "卢比": "INR", "₩": "KRW", "krw": "KRW", "韩元": "KRW", "chf": "CHF",
}  # fmt: skip
_SIGN = r"us\$|cn¥|hk\$|nt\$|ca\$|s\$|a\$|\$|€|£|¥|₹|₩"
_CODE = r"usd|eur|gbp|cny|rmb|jpy|hkd|twd|sgd|aud|cad|inr|krw|chf"
BEFORE = re.compile(rf"((?<![a-z])(?:{_CODE})|{_SIGN})\s?$")
AFTER = re.compile(
    rf"[\s-]?((?:dollars?|bucks|euros?|pounds?(?! weight)|quid|yuan|{_CODE})(?![a-z])|{_SIGN}"
    r"|元人民币|美元|美金|欧元|英镑|日元|港元|港币|新台币|新加坡元|澳元|加元|卢比|韩元|人民币|元(?![旦素气老首复宵])|块钱"
    r"|块(?=[。、,.!;\s]|就|带|搞定|拿下|起|以|左右|出头|入手|到手|$))"
)

# (role, words before, words after): the first that fits is the role. Windows are short, so reading stays linear.
_FILLER = r"(?:\s*(?:up to|a|an|you|extra|another|further|additional|flat|total of|最多|最高|至多|高达))*\s*:?\s*$"
_ROLES: tuple[tuple[str, re.Pattern[str] | None, re.Pattern[str] | None], ...] = (
    ("more", re.compile(r"(?:提升|增加|多出|提高)\s*$"), re.compile(
        r"\s?(?:more|faster|lighter|stronger|longer|softer|bigger|larger|warmer|thicker|brighter|quieter|thinner|smaller"
        r"|better|extra|cleaner|happier|cooler|drier|更)(?![a-z])")),
    ("off", None, re.compile(
        r"\s?(?:(?:off|less|discount|reduction|cheaper|savings?|rebate|cashback|vouchers?|coupons?|back|credit)(?![a-z])"
        r"|优惠|折扣|的?(?:代金|抵用|抵扣)?券|红包|补贴)")),
    ("off", re.compile(
        r"(?:\b(?:sav(?:e|es|ed|ing)(?: of)?|knock|cut|reduced by|discount of|reduction of|minus|less|drops? by|down by"
        r"|off by|lowered by)|[立直再]?[减降]了?|直降|降价|立省|省下?了?|便宜了?|返现?|抵扣?|让利|优惠|少花|少付|补贴)" + _FILLER), None),
    ("former", re.compile(
        r"(?:\b(?:was|were|before|formerly|originally|previously|rrp|msrp|list price|regular price|regularly|old price"
        r"|down from|reduced from|instead of|usually|normally)|原价|原售价|市场价|吊牌价|划线价|日常价|平时|曾售|之前|专柜价)"
        r"\s*(?:of|at|为|是)?\s*[:~]?\s*$"), None),
    ("waived", re.compile(r"(?:[不未没]满|不用满|无需满|不必满)\s*$|\b(?:under|below|less than)\s*$"), None),
    ("threshold", re.compile(
        r"(?:\b(?:over|above|spend(?:ing)?|minimum(?: order)?(?: of)?|orders? of|at least)|满|消费|超过|达到?)\s*$"),
        re.compile(r"\s?(?:(?:or more|and over|or over|and up|minimum)(?![a-z])|以上|及以上|起[送包])")),
    ("from", re.compile(r"(?:\bfrom|\bstarting at)\s*$"), None),
    ("price", re.compile(
        r"(?:\b(?:only|just|for|at|now|price|priced at|costs?|pay)|只要|仅需|仅要|售价|价格|到手价?|特价|现价|仅售|才|只需|单价|活动价)"
        r"\s*(?:为|是)?\s*:?\s*$"), re.compile(r"(?:就能?|即可)?(?:入手|带走|带回家|拿下|到手)")),
)  # fmt: skip
_WINDOW = 32


def currency_at(text: str, start: int, end: int) -> tuple[str, int, int] | None:
    """The currency beside a number at [start, end) of a folded text: its code and the whole span; None without one."""
    low = max(0, start - 6)
    if before := BEFORE.search(text[low:start]):
        return _CURRENCIES[before[1]], low + before.start(), end
    if after := AFTER.match(text, end):
        return _CURRENCIES[after[1]], start, after.end()
    return None


def role_at(text: str, start: int, end: int) -> str:
    """The part an amount at [start, end) of a folded text plays, from the words around; empty where nothing tells."""
    left = text[max(0, start - _WINDOW) : start]
    for role, before, after in _ROLES:
        if (before and before.search(left)) or (after and after.match(text, end)):
            return role
    return ""
