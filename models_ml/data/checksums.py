"""Check digits of cards, national ids, bank accounts and parcels: each function answers whether a text can be one."""

from __future__ import annotations

import re
from datetime import date
from ipaddress import AddressValueError, IPv6Address

# Issuer prefixes that are in use, with the lengths they come in (ISO/IEC 7812 and the networks' own tables).
_ISSUERS = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d{2}|7[01]\d|720)\d{12}|3[47]\d{13}|6(?:011|5\d{2}|4[4-9]\d)\d{12}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def digits_of(text: str) -> str:
    """The ASCII digits of `text`."""
    return "".join(char for char in text if "0" <= char <= "9")


def is_card(text: str) -> bool:
    """A payment card: a known issuer's prefix and length, and Luhn's check digit (ISO/IEC 7812-1, annex B)."""
    digits = digits_of(text)
    if not _ISSUERS.fullmatch(digits):
        return False
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def is_resident_id(text: str) -> bool:
    """A Chinese resident id of 18 characters: a real birthday and ISO 7064 MOD 11-2 (GB 11643)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], weights, strict=True))
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return "10X98765432"[total % 11] == text[17].upper()


def is_iban(text: str) -> bool:
    """A bank account: the remainder by 97 is 1 after letters became numbers (ISO 13616, ISO 7064 MOD 97-10)."""
    code = text.replace(" ", "")
    if not 15 <= len(code) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in code[4:] + code[:4])) % 97 == 1


def is_parcel(text: str) -> bool:
    """A postal item identifier of the form S10: two letters, eight digits, a check digit, a country (UPU S10)."""
    digits = digits_of(text)
    total = sum(int(digit) * weight for digit, weight in zip(digits[:8], (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    return {10: 0, 11: 5}.get(11 - total % 11, 11 - total % 11) == int(digits[8])


def is_cpf(text: str) -> bool:
    """A Brazilian CPF: two check digits modulo 11."""
    digits = [int(digit) for digit in digits_of(text)]
    for length in (9, 10):
        total = sum(digit * (length + 1 - index) for index, digit in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != digits[length]:
            return False
    return len(set(digits)) > 1


def is_aadhaar(text: str) -> bool:
    """An Indian Aadhaar number: twelve digits with Verhoeff's check digit (Verhoeff 1969)."""
    state = 0
    for index, digit in enumerate(reversed(digits_of(text))):
        state = int(_VERHOEFF_D[state][int(_VERHOEFF_P[index % 8][int(digit)])])
    return state == 0


def is_dni(text: str) -> bool:
    """A Spanish DNI: eight digits and the letter of their remainder by 23."""
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits_of(text)) % 23] == text[-1]


def is_hkid(text: str) -> bool:
    """A Hong Kong identity card: letters, six digits and a check digit modulo 11 in brackets."""
    body = text[: text.index("(")].rjust(8)
    values = [36 if char == " " else int(char, 36) for char in body]
    total = sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True))
    return (total + int(text[text.index("(") + 1], 36)) % 11 == 0


def is_ip4(text: str) -> bool:
    """An IPv4 address that is no version or price of single digits: one part is 10 or more."""
    return any(len(part) > 1 for part in text.split("."))


def is_ip6(text: str) -> bool:
    """An IPv6 address (RFC 4291) that is no time of day: at least three groups are written."""
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return sum(bool(group) for group in text.split(":")) >= 3


def is_phone_length(text: str) -> bool:
    """An international number: 8 to 15 digits (ITU-T E.164), the prefix 00 not counted."""
    digits = digits_of(text)
    return 8 <= len(digits.removeprefix("00") if text.startswith("00") else digits) <= 15
