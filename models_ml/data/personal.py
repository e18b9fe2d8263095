"""Masks personal data in a text by a typed mark: [EMAIL], [PHONE], [ID], [CARD], [BANK], [IP], [ORDER].

Certainty decides. A number is masked where a check digit proves it (cards: Luhn, ISO/IEC 7812-1; Chinese resident id:
GB 11643, ISO 7064 MOD 11-2; IBAN: ISO 13616; Aadhaar: Verhoeff; CPF, DNI, HKID; S10 parcels: UPU), where its written
form is that of a phone number, or where the word before it says what it is. A price, a SKU, an EAN, a date, a size or
a plain number stays: a shop's text is full of them, and the model must learn from them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from models_ml.data import checksums

MASKS = ("EMAIL", "PHONE", "ID", "CARD", "BANK", "IP", "ORDER")
_START, _END = r"(?<![A-Za-z0-9])(?<![\d][.\-/])", r"(?![A-Za-z0-9])(?![.\-/]\d)"
# After one of these words a bare number is a code of the shop, whatever it looks like.
_CODE_WORD = re.compile(
    r"(?:\b(?:sku|ean|upc|gtin|isbn|asin|mpn|item|model|part|style|art|article|barcode|serial|version|firmware|lot|no)"
    r"|货号|型号|编号|款号|条码|条形码|编码|书号|批号|序列号|版本)[ .:#：号no]*$",
    re.IGNORECASE,
)
Check = Callable[[str], bool]
Rule = tuple[str, re.Pattern[str], Check | None]  # kind, form, proof


def _pattern(body: str, flags: re.RegexFlag = re.ASCII) -> re.Pattern[str]:
    return re.compile(_START + r"(?:" + body + r")" + _END, flags)


_PHONE_WORD = (
    r"(?:\b(?:tel|telephone|phone|mobile|cell|call|text|whatsapp|fax|dial|contact)\b(?: (?:us|me|him|her))?"
    r"(?: (?:no|number))?(?: (?:at|on|is))?|电话|手机号?|热线|致电|拨打|联系方式|微信同号|传真|座机)[ .:：(（]*"
)
_ORDER_WORD = (
    r"(?:\border (?:no|number|id|nr)\b(?: is| was)?|\border ?#|\b(?:tracking|shipment|parcel|consignment|waybill)"
    r"(?: (?:no|number|id|code))?\b(?: is| was)?"
    r"|订单号?码?|订单编号|快递单?号|运单号|物流单?号|包裹号)[ .:：#是为]{0,4}"
)
# Order matters: what is longer or proved comes before what is shorter or only looks so.
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}(?![A-Za-z0-9-])",
    re.ASCII,
)
_PARCELS: tuple[Rule, ...] = (
    ("ORDER", _pattern(r"[A-Z]{2}\d{9}[A-Z]{2}|[A-Z]{2} \d{3} \d{3} \d{3} [A-Z]{2}"), checksums.is_parcel),
    ("ORDER", _pattern(r"1Z[0-9A-Z]{16}"), None),  # UPS
    ("ORDER", _pattern(r"SF\d{12,13}|(?:YT|JT)\d{13}|JD[VX]?\d{11,14}"), None),  # Chinese couriers
)
_BIRTHDAY = r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_CARD = (
    r"\d{4}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?"
    r"|3[47]\d{2}[ -]?\d{6}[ -]?\d{5}"  # American Express
    r"|3[068]\d{2}[ -]\d{6}[ -]\d{4}"  # Diners, only in groups: bare, it cannot be told from a GTIN-14
)
_NUMBERS: tuple[Rule, ...] = (
    ("BANK", _pattern(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"), checksums.is_iban),
    ("ID", _pattern(r"[1-9]\d{5}" + _BIRTHDAY + r"\d{3}[\dXx]"), checksums.is_resident_id),
    ("CARD", _pattern(_CARD), checksums.is_card),
    ("ID", _pattern(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}"), None),  # United States
    ("ID", _pattern(r"\d{3}\.\d{3}\.\d{3}-\d{2}"), checksums.is_cpf),
    ("ID", _pattern(r"[2-9]\d{3} \d{4} \d{4}"), checksums.is_aadhaar),
    ("ID", _pattern(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]"), None),
    ("ID", _pattern(r"\d{8}-?[A-HJ-NP-TV-Z]"), checksums.is_dni),
    ("ID", re.compile(_START + r"[A-Z]{1,2}\d{6}\([0-9A]\)", re.ASCII), checksums.is_hkid),
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESSES: tuple[Rule, ...] = (
    ("IP", re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\w.]*\d)", re.ASCII), checksums.is_ip4),
    ("IP", re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])", re.ASCII), checksums.is_ip6),
)
_INTERNATIONAL = re.compile(
    r"(?<![\w+])(?:\+|00)[1-9]\d{0,2}[ .-]?(?:\(0\)|\(\d{1,4}\))?[ .-]?\d{1,4}(?:[ .-]?\d{2,4}){1,5}" + _END,
    re.ASCII,
)
_NORTH_AMERICA = re.compile(r"(?<![\w(])(?:1[ .-])?\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]\d{4}" + _END, re.ASCII)
_PHONES: tuple[Rule, ...] = (
    ("PHONE", _INTERNATIONAL, checksums.is_phone_length),
    ("PHONE", _pattern(r"1[3-9]\d(?:[ -]?\d{4}){2}"), None),  # China, mobile
    ("PHONE", _pattern(r"0(?:10|2\d|[3-9]\d{2})-\d{7,8}(?:-\d{1,4})?|400-?\d{3}-?\d{4}|400-\d{4}-\d{3}"), None),
    ("PHONE", _NORTH_AMERICA, None),
    ("PHONE", _pattern(r"(?:1[ .-])?[2-9]\d{2}([ .-])[2-9]\d{2}\1\d{4}"), None),
    ("PHONE", _pattern(r"07\d{3} ?\d{3} ?\d{3}|0[12]\d{1,3} \d{3,4} \d{3,4}|01\d{3} \d{6}"), None),  # United Kingdom
    ("PHONE", _pattern(r"0[1-9](?:([ .])\d{2})(?:\1\d{2}){3}"), None),  # France
    ("PHONE", _pattern(r"0[1-9]\d{1,3}[ /]\d{6,8}"), None),  # Germany
)
_CERTAIN: tuple[Rule, ...] = (("EMAIL", _EMAIL, None), *_PARCELS, *_NUMBERS, *_ADDRESSES)
_ORDER_AFTER_WORD = re.compile(f"({_ORDER_WORD})" + r"([A-Z0-9][A-Z0-9-]{4,29})(?![A-Z0-9])", re.IGNORECASE)
_PHONE_AFTER_WORD = re.compile(f"({_PHONE_WORD})" + r"(\d[\d .-]{5,16}\d)(?![\d%])", re.IGNORECASE)
_DIGIT, _LEAST_DIGITS = re.compile(r"[0-9]"), 5  # no form below has fewer, but for two
_UNPROVED = frozenset({"PHONE", "IP", "ID", "CARD", "ORDER"})


def mask(text: str) -> tuple[str, Counter[str]]:
    """`text` with personal data replaced by typed marks, and how many of each kind were found."""
    found: Counter[str] = Counter()
    if "@" not in text and "::" not in text and len(_DIGIT.findall(text)) < _LEAST_DIGITS:
        return text, found
    for kind, pattern, check in _CERTAIN:
        text = _masked(text, kind, pattern, check=check, found=found)
    text = _masked_after(text, "ORDER", _ORDER_AFTER_WORD, digits=5, found=found)
    for kind, pattern, check in _PHONES:  # after orders, whose numbers may look like those of phones
        text = _masked(text, kind, pattern, check=check, found=found)
    return _masked_after(text, "PHONE", _PHONE_AFTER_WORD, digits=7, found=found), found


def _masked(text: str, kind: str, pattern: re.Pattern[str], *, check: Check | None, found: Counter[str]) -> str:
    def replace(match: re.Match[str]) -> str:
        if check is not None and not check(match[0]):
            return match[0]
        if kind in _UNPROVED and _CODE_WORD.search(text, max(0, match.start() - 16), match.start()):
            return match[0]
        found[kind] += 1
        return f"[{kind}]"

    return pattern.sub(replace, text)


def _masked_after(text: str, kind: str, pattern: re.Pattern[str], *, digits: int, found: Counter[str]) -> str:
    def replace(match: re.Match[str]) -> str:
        if sum(char.isdigit() for char in match[2]) < digits:
            return match[0]
        found[kind] += 1
        return f"{match[1]}[{kind}]"

    return pattern.sub(replace, text)
