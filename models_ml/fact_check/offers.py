"""Offers made of more than one number: "buy 2 get 1 free", `买二送一`, `第二件半价`, `满200减30`, fractions and 折.

One form for each: what is paid for how many ("3 for 2"), how many for a sum ("2 for USD 30"), "second at 50 %", and
"CNY 30 off from CNY 200". Chinese 折 names what is LEFT to pay, in tenths with one digit (8折), in hundredths with two
(75折, 七五折).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal

from models_ml.fact_check.money import currency_at, role_at
from models_ml.fact_check.numerals import SMALL_NUMBER, find_numbers, plain, value_of
from models_ml.fact_check.taken import Taken
from models_ml.fact_check.values import Claim

_N = SMALL_NUMBER
_SUM = r"(?:[a-z]{0,2}[$€£¥]\s?\d[\d,.]{0,9}|\d[\d,.]{0,9}\s?(?:dollars|euros|pounds|元|块钱|块|美元|欧元|英镑|€|£))"
_HALF = r"(?:at\s+)?half[\s-](?:price|off)|(?:at\s+)?50\s?%\s*off|5折|五折|半价|半折"
_SHARES: dict[str, int | Decimal] = {"half": 50, "third": Decimal(100) / 3, "quarter": 25, "fifth": 20, "tenth": 10}
_TENTHS = {character: value for value, character in enumerate("零一二三四五六七八九")}

Reader = Callable[[re.Match[str]], Claim | None]


def read_offers(text: str) -> Iterator[Claim]:
    """Every offer of a folded text; where two readings overlap, the earlier pattern is meant."""
    taken = Taken(len(text))
    for gate, pattern, reader in _READERS:
        if gate in text:
            claims = (reader(match) for match in pattern.finditer(text))
            yield from taken.claim(claim for claim in claims if claim is not None)


def _small(text: str | None, otherwise: int = 1) -> int:
    value = value_of(text) if text and text not in {"another", "the second"} else None
    return otherwise if value is None else int(value)


def _offer(match: re.Match[str], subject: str) -> Claim:
    return Claim("offer", subject, None, match.start(), match.end())


def _get_free(match: re.Match[str]) -> Claim:
    paid, given = _small(match["paid"]), _small(match["given"])
    return _offer(match, f"{paid + given} for {paid}")


def _one_free(match: re.Match[str]) -> Claim:
    return _offer(match, "2 for 1")


def _for_price_of(match: re.Match[str]) -> Claim | None:
    taken, paid = _small(match["taken"]), _small(match["paid"])
    return _offer(match, f"{taken} for {paid}") if taken > paid else None


def _free_of(match: re.Match[str]) -> Claim:
    taken, free = _small(match["taken"]), _small(match["free"])
    return _offer(match, f"{taken + free} for {taken}")


def _sum(text: str) -> str | None:
    number = next(iter(find_numbers(text)), None)
    currency = currency_at(text, number.start, number.end) if number else None
    if number is None:
        return None
    return f"{currency[0] if currency else 'CNY'} {plain(number.value)}"


def _set_price(match: re.Match[str]) -> Claim | None:
    price = _sum(match["sum"])
    return _offer(match, f"{_small(match['taken'])} for {price}") if price else None


def _over(match: re.Match[str]) -> Claim | None:
    reduction, least = _sum(match["reduction"]), _sum(match["least"])
    return _offer(match, f"{reduction} off from {least}") if reduction and least else None


def _second(match: re.Match[str]) -> Claim:
    return _offer(match, "second at 50 %")


def _reduction(match: re.Match[str], amount: Decimal, bound: str = "") -> Claim:
    return Claim("percent", "", amount, match.start(), match.end(), "off", bound)


def _half(match: re.Match[str]) -> Claim:
    return _reduction(match, Decimal(50))


def _fraction(match: re.Match[str]) -> Claim:
    count = {"two": 2, "three": 3}.get(match["count"] or "", 1)
    share = count * Decimal(_SHARES[match["share"].removesuffix("s").replace("halve", "half")])
    return _reduction(match, share, "max" if match["bound"] else "")


def _left_to_pay(match: re.Match[str]) -> Claim:
    digits = match["left"]
    if digits[0] in _TENTHS:
        digits = "".join(str(_TENTHS[character]) for character in digits)
    left = Decimal(digits)
    bound = "max" if match["low"] or match["from"] else ""
    claim = _reduction(match, 100 - (left if left >= 10 else left * 10), bound)
    start, end = match.start("left"), match.end()
    before = match.string[max(0, start - 4) : start]
    wrong = re.search(r"(?:[减省]|立减|直降|降)了?$", before) or re.match(r"\s?off\b", match.string[end:])
    return claim._replace(start=start, end=end, role="wrong way" if wrong else "off")


def _tenths(match: re.Match[str]) -> Claim | None:
    value = value_of(match["tenths"])
    if value is None:
        return None
    return _reduction(match, value * 10)._replace(start=match.start("tenths"))


def _hundredths(match: re.Match[str]) -> Claim | None:
    value = value_of(match["number"])
    if value is None:
        return None
    role = role_at(match.string, match.start(), match.end())
    return Claim("percent", "", value, match.start(), match.end(), role if role in {"off", "more"} else "")


# (a word that must be in the text, pattern, what it means)
_READERS: tuple[tuple[str, re.Pattern[str], Reader], ...] = tuple(
    (gate, re.compile(pattern), reader)
    for gate, pattern, reader in (
        ("buy", rf"\bbuy\s+(?:{_N})(?:\s+[a-z]+)?,?\s+(?:and\s+|then\s+)?get\s+(?:another|(?:the\s+|a\s+)?(?:second|2nd)"
         rf"(?:\s+one)?|{_N})\s+(?:{_HALF})", _second),
        ("buy", rf"\bbuy\s+(?P<paid>{_N})(?:\s+[a-z]+)?,?\s+(?:and\s+|then\s+)?get\s+(?P<given>another|(?:the\s+|a\s+)?"
         rf"(?:second|2nd)(?:\s+one)?|{_N})(?:\s+[a-z]+)?(?:\s+(?:for\s+)?free\b)?", _get_free),
        ("bogo", r"\bbogo\b", _one_free),
        ("price of", rf"\b(?P<taken>{_N})\s+for\s+the\s+price\s+of\s+(?P<paid>{_N})", _for_price_of),
        ("for", rf"\b(?P<taken>{_N})(?:\s+[a-z]+)?\s+for\s+(?P<sum>{_SUM})", _set_price),
        ("for", rf"\b(?P<taken>{_N})[\s-]for[\s-](?P<paid>{_N})(?![.,]?\d|\s?(?:%|days?|hours?|months?|years?|weeks?|min))",
         _for_price_of),
        ("free", rf"\b(?P<taken>{_N})\s?\+\s?(?P<free>{_N})\s+free\b", _free_of),
        ("half", rf"\b(?:second|2nd)(?:\s+(?:one|item|pair|piece))?(?:\s+is)?\s+(?:{_HALF})", _second),
        ("off", rf"(?P<reduction>{_SUM})\s+off\s+(?:(?:all|any|your|orders?|purchases?|baskets?|when|you|spend|if|a|spends)\s+)*"
         rf"(?:over|above|of|from|on|spend)?\s*(?P<least>{_SUM})", _over),
        ("spend", rf"\bspend\s+(?:over\s+)?(?P<least>{_SUM}),?\s+(?:and\s+|to\s+)?(?:save|get)\s+(?P<reduction>{_SUM})(?:\s+off)?",
         _over),
        ("half", r"\bhalf[\s-]+(?:the\s+)?(?:price|off)(?![a-z])|\bhalf\s+(?:the|its|their)\s+(?:usual\s+)?price\b", _half),
        ("1⁄2", r"1⁄2\s+(?:price|off)", _half),
        ("f", r"(?P<bound>up\s+to\s+)?\b(?:(?P<count>an?|one|two|three)[\s-])?(?P<share>half|thirds?|quarters?|fifths?|tenth)"
         r"\s+(?:off|less|cheaper)(?![a-z])", _fraction),
        ("by", r"\b(?P<bound>up\s+to\s+)?(?:cut|reduced|down|lower(?:ed)?)\s+by\s+(?P<count>an?|one|two|three)[\s-]"
         r"(?P<share>half|thirds?|quarters?|fifths?|tenth)(?![a-z])", _fraction),
        ("save", r"\bsave\s+(?P<bound>up\s+to\s+)?(?P<count>an?|one|two|three)[\s-](?P<share>half|thirds?|quarters?|fifths?|tenth)"
         r"(?![a-z])", _fraction),
        ("第", rf"第[二2两]件(?:只要|仅需|享)?(?:{_HALF})", _second),
        ("第", r"第[二2两]件(?:只要|仅需)?(?:0元|零元|免费|免单)", _one_free),
        ("买", rf"买(?P<paid>{_N})[件个双瓶盒]?[就立]?[送赠得](?P<given>{_N})", _get_free),
        ("免", rf"(?:买|满)?(?P<taken>{_N})件?免(?P<free>{_N})(?!费)", lambda match: _offer(
            match, f"{_small(match['taken'])} for {_small(match['taken']) - _small(match['free'])}")),
        ("付", rf"(?P<taken>{_N})件(?:只|仅)?付(?P<paid>{_N})件(?:钱|价|的钱)?", _for_price_of),
        ("件", rf"(?P<taken>{_N})件(?:只要|仅需|共|才|售价)?(?P<sum>{_SUM})", _set_price),
        ("满", rf"满(?P<least>\d[\d,]{{0,6}}|[一二三四五六七八九十百千两]{{1,6}})(?:元|块)?[就可]?[立再]?[减省返](?P<reduction>\d[\d,]{{0,6}}"
         r"|[一二三四五六七八九十百千两]{1,6})(?:元|块)?", _over),
        ("半价", r"半价", _half),
        ("对折", r"(?:打)?对折", _half),
        ("折", r"(?P<low>(?:低至|最低|低到)\s?)?(?<![\d.一二三四五六七八九])(?P<left>\d{1,2}(?:\.\d)?|[一二三四五六七八九]{1,2})"
         r"\s?折(?![叠页痕扇返中旧磨射线腾伞])(?P<from>起|封顶)?", _left_to_pay),
        ("成", r"(?:[省减降]|便宜|优惠)了?(?P<tenths>[一二三四五六七八九1-9])成", _tenths),
        ("百分之", r"百分之(?P<number>\d{1,3}(?:\.\d{1,2})?|[一二三四五六七八九十百零点]{1,6})", _hundredths),
    )
)  # fmt: skip
