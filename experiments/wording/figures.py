"""Numbers as a marketer reads them: true minus signs, grouped digits, the metric's own unit."""

from __future__ import annotations

from typing import Literal

Format = Literal["share", "money", "rating", "number"]

MINUS = "−"


def percent(value: float, digits: int = 1) -> str:
    """0.021 → 2.1 %."""
    return f"{signed_text(100 * value, digits, plus=False)} %"


def signed_percent(value: float) -> str:
    """0.021 → +2.1 %."""
    return f"{signed_text(100 * value, 1)} %"


def signed_text(value: float, digits: int, *, plus: bool = True) -> str:
    """A number with a sign and grouped digits."""
    # By what is shown: "−0.0" would be read as a loss.
    shown = round(value, digits)
    sign = MINUS if shown < 0 else "+" if plus and shown > 0 else ""
    return f"{sign}{abs(value):,.{digits}f}"


def amount(value: float, form: Format, currency: str) -> str:
    """A signed difference in the metric's own unit."""
    match form:
        case "share":
            # With a few shoppers an interval reaches beyond what two shares can differ by; nobody should read that.
            return f"{signed_text(100 * min(1.0, max(-1.0, value)), 2)} percentage points"
        case "money":
            return f"{signed_text(value, 2)} {currency}"
        case "rating":
            return f"{signed_text(value, 2)} stars"
        case "number":
            return signed_text(value, 2)


def count(value: int) -> str:
    """A whole number with grouped digits."""
    return f"{value:,}"


def shoppers(units: int) -> str:
    """1 shopper, 2,000 shoppers."""
    return "1 shopper" if units == 1 else f"{count(units)} shoppers"
