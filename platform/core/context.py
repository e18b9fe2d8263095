"""What every page's frame needs: the sections a member may open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class Section:
    """One entry of the main menu."""

    label: StrPromise
    url_name: str
    prefix: str | tuple[str, ...]
    permission: str = ""

    def url(self) -> str:
        """Its address."""
        return reverse(self.url_name)


SECTIONS = (
    Section(_("Home"), "home", "/"),
    Section(_("Campaigns"), "campaigns:list", ("/campaigns/", "/placements/")),
    Section(_("Review"), "campaigns:review", "/review/", "campaigns.view_copy"),
    Section(_("Brands"), "campaigns:brands", ("/brands/", "/rules/"), "campaigns.view_brand"),
    Section(_("Products"), "campaigns:products", "/products/"),
    Section(_("Audiences"), "campaigns:audiences", "/audiences/"),
    Section(_("Experiments"), "experiments:list", "/experiments/"),
    Section(_("Models"), "models_ml:list", "/models/"),
    Section(_("Settings"), "core:settings", "/settings/"),
)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """`sections` with the open one marked, for signed-in members; what their role may not open is left out."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"sections": []}
    return {
        "sections": [
            {"label": section.label, "url": section.url(), "current": is_current(section, request.path)}
            for section in SECTIONS
            if not section.permission or user.has_perm(section.permission)
        ]
    }


def is_current(section: Section, path: str) -> bool:
    """Home only at its own address; another section for everything under it."""
    return path == "/" if section.prefix == "/" else path.startswith(section.prefix)
