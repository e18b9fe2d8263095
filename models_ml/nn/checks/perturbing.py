"""Briefs as shops really type them: typos, odd casing, other words, subjects nobody trained on. Seeded, pure.

Only the shop's free text is touched (names, category, attributes, description, brand, theme, voice), never language,
channel, offer, price or code: what a copy must do stays the same, so it can be held to the same demands. Chinese text
gets Chinese faults: input methods confuse characters of one sound, and casing is the width of letters and digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from models_ml.brief import Audience, Brief, Product

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LETTERS_A_TYPO = 10
_HAN = re.compile(r"[\u4e00-\u9fff]")
# Characters that pinyin input confuses most, by sound.
_SAME_SOUND = (
    "的得地", "在再", "做作坐", "已以", "像象向", "他她它", "那哪", "是事式", "新心", "家加佳", "水睡", "包宝保",
    "灯登", "杯背", "衣依", "机鸡", "轻清青", "白百", "木目", "书舒", "茶查", "香乡", "花画", "风丰", "园圆", "器气",
)  # fmt: skip
_OTHER_WORDS: Mapping[str, tuple[str, ...]] = {
    "lamp": ("light", "luminaire"), "mug": ("cup", "beaker"), "cup": ("mug",), "bag": ("carryall", "holdall"),
    "shirt": ("top",), "shoes": ("footwear",), "sofa": ("couch",), "kettle": ("water boiler",), "blanket": ("throw",),
    "jacket": ("coat",), "soft": ("gentle to the touch",), "light": ("featherweight",), "strong": ("sturdy",),
    "small": ("compact",), "large": ("big", "roomy"), "warm": ("cosy",), "cotton": ("cotton cloth",),
    "wood": ("timber",), "steel": ("steel metal",), "blue": ("bluish",), "grey": ("gray",), "green": ("greenish",),
    "home": ("household",), "kitchen": ("cooking",), "garden": ("outdoor",), "travel": ("on the go",),
    "set": ("bundle of parts",),
    "灯": ("照明灯",), "杯": ("水杯",), "包": ("包袋",), "衫": ("上衣",), "鞋": ("鞋履",), "毯": ("毯子",),
    "锅": ("锅具",), "轻": ("轻巧",), "软": ("柔软",), "大": ("偏大",), "小": ("小巧",), "木": ("木质",),
    "棉": ("棉质",), "家": ("居家",), "户外": ("野外",), "厨房": ("灶台",), "旅行": ("出行",), "家具": ("家居用品",),
    "运动": ("健身",), "护肤": ("面部护理",),
}  # fmt: skip
_UNKNOWN = {
    "en": ("zorbware", "glimfolds", "tarnet pods", "quibblers", "ovenless drums", "lunar twine"),
    "zh": ("泽络器", "浮纹筒", "绒卡壳", "栈光片", "无炉鼓", "月麻绳"),
}
_UNKNOWN_PEOPLE = {
    "en": ("night-shift beekeepers", "left-handed sailors", "owners of very old clocks"),
    "zh": ("夜班养蜂人", "左撇子水手", "老座钟的主人"),
}
_PUNCTUATION = str.maketrans("，。！？：；（）", ",.!?:;()")
Change = Callable[[str, Random], str]


def perturb(brief: Brief, kind: str, seed: int) -> Brief:
    """`brief` under one of PERTURBATIONS. The same seed gives the same brief. Raises KeyError for an unknown kind."""
    rng = Random(f"{seed}/{kind}/{brief.product.name}/{brief.channel}")  # noqa: S311 - a disturbance, not a secret
    return PERTURBATIONS[kind](brief, rng)


def _everywhere(change: Change) -> Callable[[Brief, Random], Brief]:
    """Apply a change to every free text of a brief."""

    def changed(brief: Brief, rng: Random) -> Brief:
        def new(text: str, limit: int) -> str:
            return change(text, rng)[:limit].strip() or text

        product = brief.product
        attributes = {key: new(value, 200) for key, value in product.attributes.items()}
        return replace(
            brief,
            product=Product(new(product.name, 120), new(product.category, 60), attributes),
            audience=replace(brief.audience, description=new(brief.audience.description, 300)),
            brand=new(brief.brand, 60),
            theme=new(brief.theme, 80) if brief.theme else brief.theme,
            voice=tuple(new(word, 200) for word in brief.voice),
        )

    return changed


def typos(text: str, rng: Random) -> str:
    """About one fault in ten letters, one at least: a neighbouring key, a letter left out, doubled or swapped."""
    places = [place for place, char in enumerate(text) if char.isalpha()]
    if len(places) < 3:
        return text
    for place in sorted(rng.sample(places, max(1, len(places) // _LETTERS_A_TYPO)), reverse=True):
        text = text[:place] + _fault(text[place:], rng)
    return text


def _fault(rest: str, rng: Random) -> str:
    """`rest` with a fault in its first letter."""
    kind = rng.randrange(4)
    if kind == 0:
        return _neighbour(rest[0], rng) + rest[1:]
    if kind == 1:
        return rest[1:]
    if kind == 2 or len(rest) < 2:
        return rest[0] + rest
    return rest[1] + rest[0] + rest[2:]


def _neighbour(char: str, rng: Random) -> str:
    """A key beside this one; for a Chinese character one of the same sound, else the character itself."""
    if _HAN.match(char):
        group = next((group for group in _SAME_SOUND if char in group), char)
        return rng.choice([other for other in group if other != char] or [char])
    row = next((row for row in _ROWS if char.lower() in row), char.lower())
    place = row.index(char.lower()) if char.lower() in row else 0
    other = rng.choice([row[max(0, place - 1)], row[min(len(row) - 1, place + 1)]])
    return other.upper() if char.isupper() else other


def casing(text: str, rng: Random) -> str:
    """All large, all small, or swapped letters; in Chinese text full-width letters and digits or ASCII punctuation."""
    if _HAN.search(text):
        wide = "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)
        return rng.choice([wide, text.translate(_PUNCTUATION)]) if wide != text else text.translate(_PUNCTUATION)
    return rng.choice([str.upper, str.lower, str.swapcase])(text)


def paraphrase(text: str, rng: Random) -> str:
    """Words of a small table replaced by others of the same meaning."""

    def other(match: re.Match[str]) -> str:
        chosen = rng.choice(_OTHER_WORDS[match[0].lower()])
        return chosen.capitalize() if match[0][0].isupper() else chosen

    return _KNOWN_WORD.sub(other, text)


def unseen(brief: Brief, rng: Random) -> Brief:
    """A subject and people that no training text knows; the traits to write for stay."""
    audience = brief.audience
    return replace(
        brief,
        product=replace(brief.product, category=rng.choice(_UNKNOWN[brief.language])),
        audience=Audience(
            f"segment-{rng.randrange(10_000)}", rng.choice(_UNKNOWN_PEOPLE[brief.language]), audience.leanings
        ),
    )


_KNOWN_WORD = re.compile(
    r"\b(?:" + "|".join(word for word in _OTHER_WORDS if word.isascii()) + r")\b|"
    + "|".join(sorted((word for word in _OTHER_WORDS if not word.isascii()), key=len, reverse=True)),
    re.IGNORECASE,
)  # fmt: skip
PERTURBATIONS: Mapping[str, Callable[[Brief, Random], Brief]] = {
    "typos": _everywhere(typos),
    "casing": _everywhere(casing),
    "paraphrase": _everywhere(paraphrase),
    "unseen": unseen,
}
