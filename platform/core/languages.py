"""The language in which names that exist in two are shown to whoever reads the page."""

from __future__ import annotations

from django.utils.translation import get_language


def page_language() -> str:
    """That of the page: en or zh."""
    return "zh" if (get_language() or "").startswith("zh") else "en"
