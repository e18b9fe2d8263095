"""Ranks that no list of words can hold: "the softest towel", "the most comfortable chair", `最舒服的椅子`; and low prices.

A word ending in -est is a rank unless it is none ("forest") or speaks of time, place or wishes ("latest", "nearest",
"deepest thanks"). `最` likewise (`最后`, `最近`). Exempt uses follow the SAMR notice 2023 no. 6, Art. 5 and 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from models_ml.fact_check.numerals import SMALL_NUMBER, value_of
from models_ml.fact_check.values import Claim

_NO_RANK = frozenset(
    "best forest guest guests interest rest west east nest quest request test contest honest modest harvest chest crest zest vest "
    "invest suggest protest digest jest lest pest arrest attest ingest infest manifest tempest conquest bequest earnest "
    "midwest northwest southwest northeast southeast everest budapest bucharest trieste dishonest immodest latest nearest "
    "closest dearest oldest earliest soonest furthest farthest unrest armrest footrest headrest fest est sest finest greatest "
    "cheapest priest breast least lowest coolest-box yeast feast beast toast coast boast past roast".split()
)
_EST = re.compile(r"\b[a-z]{2,12}est\b")
_EST_EXEMPT = re.compile(
    r"\s+(?:wishes|thanks|regards|dreams?|condolences|apologies|hour|of (?:days|nights|mornings|moments|evenings)|day of the year"
    r"|days|nights|weeks|months|mornings|evenings|winters?|corners?|moments?|hearts?|bidder|common)\b"
)
_MOST = re.compile(
    r"\b(?:the|our|your|world's|its)\s+(?P<said>most\s+(?!of\b|out\b|important (?:people|person|day|thing|moments)\b|part\b|people\b)[a-z]{3,}(?:[- ][a-z]{3,})?)"
)
_FIRST = re.compile(r"(?<![a-z])(?:no\.?\s?1(?!\d)|#\s?1(?!\d)|top\.?\s?1(?!\d))(?:\s+(?:choice|brand|rated))?")
_ONLY = re.compile(r"\bthe only [a-z]+ (?:brand|maker|shop|one of its kind)\b|\bonly brand\b|\bone of its kind\b")
_LOWEST_WINDOW = re.compile(
    rf"\blowest (?:ever )?price (?:in|of|for|over) (?:the )?(?:last |past )?(?P<count>\d{{1,3}}|an?|thirty|sixty|ninety|{SMALL_NUMBER})"
    r"[\s-](?P<unit>day|week|month|year)s?"
    r"|(?:近|过去|最近)?(?P<days>\d{1,3}|[一二两三四五六七八九十百半]{1,3})(?P<han>天|周|个月|年)(?:之?内|以?来)?的?(?:最低价?|低价)"
)
_LOWEST = re.compile(
    r"\blow(?:est) prices?\b(?! (?:ever\b|yet\b|this year|of the year|(?:in|of|for|over) (?:the |last |past |\d|thirty|sixty|ninety|seven)))|(?<![天月年史内来])(?<![天月年内来]的)最低价(?!格?波动)"
)
_ZUI = re.compile(
    r"最(?!后|近|终|初|多|少|爱|想|新|早|晚|喜|适合|先|佳|优|好|高温|低|便宜|划算|外|内|里|怕|难忘|亲|在意|珍贵的人)[\u4e00-\u9fff]{1,2}"
)
_WISH = re.compile(r"[祝愿][^,。!]{0,8}$")
_ZUI_EXEMPT = re.compile(
    r"最(?:大|高|小|长|重)(?:载重|承重|容量|尺寸|号|温|可|不超|限度)|最(?:重要|珍贵|亲|美)的(?:人|你|事|日子|时光|家人|朋友)|最美的?(?:季节|时光|一天|风景)|最(?:简单|平凡|寻常|普通)的"
)
_UNIT = {"day": 1, "week": 7, "month": 30, "year": 365, "天": 1, "周": 7, "个月": 30, "年": 365}
_HAN_FIRST = re.compile(
    r"(?:全[国网球]|行业|业界|同类|世界|亚洲|国内|[\u4e00-\u9fff](?:度|量|率|质|能|力|价比))(?:排名)?第一(?![次眼步天口件时个位杯])"
)
_COMPARED = re.compile(
    r"\bnothing (?:else )?(?:beats|compares|comes close)\b|\blike (?:no|nothing) other\b|\bunlike (?:any|anything) (?:other|else)\b"
    r"|\bbetter than (?:any|all|every)\b|\bbeats (?:every|all|any)\b|\bin a class of (?:its|their) own\b|\bof all time\b|\bno other [a-z]+"
    r"|\b(?:a|the) leading (?!the\b)[a-z]+|\bthe ultimate [a-z]+|\bthe world's [a-z]+"
)


def read_ranks(text: str) -> Iterator[Claim]:
    """Every rank of a folded text that is not in the vocabulary, and every claim of a lowest price."""
    for match in _EST.finditer(text) if "est" in text else ():
        if match[0] not in _NO_RANK and not _EST_EXEMPT.match(text, match.end()):
            yield Claim("superlative", match[0], None, *match.span())
    for pattern in (_MOST, _FIRST, _ONLY):
        for match in pattern.finditer(text):
            said = "said" if pattern is _MOST else 0
            subject = "number one" if pattern is _FIRST else match[said]
            yield Claim("superlative", subject, None, *match.span(said))
    for pattern in (_COMPARED, _HAN_FIRST):
        yield from (Claim("superlative", match[0], None, *match.span()) for match in pattern.finditer(text))
    yield from _lowest_prices(text)
    for match in _ZUI.finditer(text) if "最" in text else ():
        if not _ZUI_EXEMPT.match(text, match.start()) and not _WISH.search(
            text[max(0, match.start() - 9) : match.start()]
        ):
            yield Claim("superlative", match[0], None, *match.span())


def _lowest_prices(text: str) -> Iterator[Claim]:
    if "lowest" not in text and "低" not in text:
        return
    for match in _LOWEST_WINDOW.finditer(text):
        count = value_of(match["count"] or match["days"]) or 1
        days = int(count) * _UNIT[match["unit"] or match["han"]]
        yield Claim("price_history", f"lowest price in {days} days", None, *match.span())
    for match in _LOWEST.finditer(text):
        yield Claim("superlative", "lowest price", None, *match.span())
