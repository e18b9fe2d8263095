"""Reading: figures, dates, offers and words of both languages come out in one normal form, with their exact place."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.fact_check import claims_of
from models_ml.fact_check.numerals import find_numbers, plain, value_of


def normal(text: str) -> list[str]:
    """The claims of a text in their normal form."""
    return [claim.normal() for claim in claims_of(text)]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("20% off", ["reduction 20 %"]),
        ("20 per cent off", ["reduction 20 %"]),
        ("twenty percent off", ["reduction 20 %"]),
        ("half price", ["reduction 50 %"]),
        ("a third off", ["reduction 33.33 %"]),
        ("up to two thirds off", ["reduction up to 66.67 %"]),
        ("$1,299.50 today", ["price USD 1299.5"]),
        ("1.299,50 €", ["price EUR 1299.5"]),
        ("1 299,50 €", ["price EUR 1299.5"]),
        ("49 dollars", ["price USD 49"]),
        ("€ 5", ["price EUR 5"]),
        ("CHF 5", ["price CHF 5"]),
        ("USD49", ["price USD 49"]),
        ("save $5", ["reduction USD 5"]),
        ("was $5", ["former price USD 5"]),
        ("orders over $5", ["order value USD 5"]),
        ("$10-20", ["price USD 10", "price USD 20"]),
        ("until 30 September", ["date 9-30"]),
        ("until September 30th", ["date 9-30"]),
        ("until the 3rd of May", ["date 5-3"]),
        ("on 2026-09-30", ["date 2026-9-30"]),
        ("on 30.09.2026", ["date 2026-9-30"]),
        ("until 9/30", ["date 9/30"]),
        ("at 8:30 pm", ["date 20:30"]),
        ("on 31 June 2026", ["date 2026-6-31"]),
        ("you may go", []),
        ("buy 2 get 1 free", ["offer 3 for 2"]),
        ("two for one", ["offer 2 for 1"]),
        ("2 for $30", ["offer 2 for USD 30"]),
        ("spend $200, save $30", ["offer USD 30 off from USD 200"]),
        ("500ml", ["quantity volume 500 ml"]),
        ("0.5 l", ["quantity volume 500 ml"]),
        ("12 fl oz", ["quantity volume 354.88 ml"]),
        ("40 x 60 cm", ["quantity length 400 mm", "quantity length 600 mm"]),
        ("10-20 hours", ["duration time 600 minutes", "duration time 1200 minutes"]),
        ("a two-year plan", ["duration months 24 months"]),
        ("a two-year warranty", ["guarantee warranty 24 months"]),
        ("half an hour", ["duration time 30 minutes"]),
        ("lasts a full week", ["duration time 10080 minutes"]),
        ("A4 and X-100", ["code a4", "code x100"]),
        ("over 10,000 customers", ["rating over people 10000"]),
        ("4.8 out of 5", ["rating stars 4.8"]),
        ("100% cotton", ["material cotton 100 %"]),
        ("pure cotton", ["material cotton 100 %"]),
        ("one of a kind, for one and all", []),
        ("8折", ["reduction 20 %"]),
        ("八折", ["reduction 20 %"]),
        ("七五折", ["reduction 25 %"]),
        ("7.5折", ["reduction 25 %"]),
        ("75折", ["reduction 25 %"]),
        ("百分之二十", ["share 20 %"]),
        ("省三成", ["reduction 30 %"]),
        ("半价", ["reduction 50 %"]),
        ("三折叠屏", []),
        ("百折不挠", []),
        ("49.9元", ["price CNY 49.9"]),
        ("￥４９", ["price CNY 49"]),
        ("三百元", ["price CNY 300"]),
        ("一千二百美元", ["price USD 1200"]),
        ("立减80", ["reduction CNY 80"]),
        ("一元复始", []),
        ("9月30日", ["date 9-30"]),
        ("九月三十日", ["date 9-30"]),
        ("双十一", ["date 11-11"]),
        ("仅限今日", ["date today"]),
        ("买二送一", ["offer 3 for 2"]),
        ("第二件半价", ["offer second at 50 %"]),
        ("满200减30", ["offer CNY 30 off from CNY 200"]),
        ("五倍快乐", ["number times 5"]),
        ("1.2万条评价", ["rating reviews 12000"]),
        ("纯棉", ["material cotton 100 %"]),
        ("一天的开始", []),
        ("", []),
    ],
)
def test_claims_in_one_form(text: str, claims: list[str]) -> None:
    assert normal(text) == claims


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,299.50", "1299.5"),
        ("1.299,50", "1299.5"),
        ("1.299.000", "1299000"),
        ("49,90", "49.9"),
        ("1,299", "1299"),
        ("twelve hundred", "1200"),
        ("two thousand and twenty-six", "2026"),
        ("a dozen", "12"),
        ("三点五", "3.5"),
        ("一千零八", "1008"),
        ("两万三千", "23000"),
        ("十二", "12"),
        ("二〇二六", "2026"),
        ("3.5亿", "350000000"),
    ],
)
def test_a_number_however_written(text: str, value: str) -> None:
    number = value_of(text)
    assert number is not None
    assert plain(number) == value


@pytest.mark.parametrize("text", ["two three", "", "about", "12 34", "点五"])
def test_what_is_no_one_number(text: str) -> None:
    assert value_of(text) is None


_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
]
_SMALL += ["seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def english(number: int) -> str:
    """A whole number under a million in English words."""
    if number >= 1000:
        rest = f" {english(number % 1000)}" if number % 1000 else ""
        return f"{english(number // 1000)} thousand{rest}"
    if number >= 100:
        rest = f" and {english(number % 100)}" if number % 100 else ""
        return f"{_SMALL[number // 100]} hundred{rest}"
    if number >= 20:
        return _TENS[number // 10 - 2] + (f"-{_SMALL[number % 10]}" if number % 10 else "")
    return _SMALL[number]


def chinese(number: int) -> str:
    """A whole number under ten thousand in Chinese numerals."""
    written, zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            written += ("零" if zero and written else "") + "零一二三四五六七八九"[digit] + name
            zero = False
        else:
            zero = True
    return written or "零"


@given(st.integers(1, 9999))
def test_every_way_to_write_a_number_gives_one_value(number: int) -> None:
    full_width = str(number).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    ways = {
        f"costs {number:,} dollars",
        f"costs ${number}.00",
        f"costs {number},00 $",
        f"costs {english(number)} dollars",
        f"只要{chinese(number)}美元",
        f"只要{full_width}美元",
    }
    wanted = (f"price USD {number}",)
    assert {way: tuple(normal(way)) for way in ways} == dict.fromkeys(ways, wanted)


@given(st.integers(1, 99))
def test_every_way_to_write_a_reduction_gives_one_value(percent: int) -> None:
    ways = [
        f"{percent}% off",
        f"{percent} percent off",
        f"{english(percent)} per cent off",
        f"优惠百分之{chinese(percent)}",
    ]
    left = 100 - percent
    ways += [f"{left // 10}折" if left % 10 == 0 else f"{left / 10:.1f}折"]
    assert {way: normal(way) for way in ways} == {way: [f"reduction {percent} %"] for way in ways}


@given(st.integers(1, 900), st.sampled_from([("l", 1000), ("litres", 1000), ("cl", 10), ("升", 1000), ("毫升", 1)]))
def test_units_convert(amount: int, unit: tuple[str, int]) -> None:
    assert normal(f"holds {amount} {unit[0]}") == [f"quantity volume {amount * unit[1]} ml"]


def test_numbers_stand_where_they_are() -> None:
    text = "from 12 to twenty-five, 三百"
    assert [(text[one.start : one.end], one.value) for one in find_numbers(text)] == [
        ("12", Decimal(12)),
        ("twenty-five", Decimal(25)),
        ("三百", Decimal(300)),
    ]
