"""The language in which names that exist in two are shown to whoever reads the page."""

from __future__ import annotations

from django.utils.translation import get_language, gettext_noop

# What stands behind the label of a field: Django says it, and its own Chinese leaves the colon narrow.
LABEL_SUFFIX = gettext_noop(":")


def page_language() -> str:
    """That of the page: en or zh."""
    return "zh" if (get_language() or "").startswith("zh") else "en"
