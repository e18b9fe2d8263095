"""Somebody at a browser who reads the pages in a language: buttons and fields are named by the English sentence and
looked up as that person sees them. On a narrow screen no page may scroll sideways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import translation
from django.utils.translation import gettext, ngettext
from pytest_django.live_server_helper import LiveServer

from core.models import User
from tests import people

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

NARROW = 375


class Visitor:
    """One browser window, used by one member after the other."""

    def __init__(self, page: Page, server: LiveServer, *, language: str = "en", width: int = 1280) -> None:
        self.page = page
        self.server = server
        self.language = language
        self.width = width
        page.set_viewport_size({"width": width, "height": 900})

    def sign_in(self, member: User) -> None:
        """Leave, and come back as this member, who reads this window's language."""
        User.objects.filter(pk=member.pk).update(language=self.language)
        self.page.context.clear_cookies()
        self.open("/login/")
        # Nobody is known yet: the page follows the browser, whose fields stand in their order.
        self.page.locator("input[name=username]").fill(member.email)
        self.page.locator("input[name=password]").fill(people.PASSWORD)
        self.page.locator("main button").first.click()
        self.settled()

    def open(self, path: str) -> None:
        """Go to an address of the site."""
        self.page.goto(f"{self.server.url}{path}")
        self.settled()

    def said(self, words: str, **values: Any) -> str:
        """A sentence as this person reads it."""
        with translation.override(self.language):
            return gettext(words) % values if values else gettext(words)

    def counted(self, one: str, many: str, number: int, **values: Any) -> str:
        """A sentence that counts, as this person reads it."""
        with translation.override(self.language):
            return ngettext(one, many, number) % values

    def press(self, words: str, within: str = "main", **values: Any) -> None:
        """Press a button, and wait for the page that comes of it."""
        self.button(words, within, **values).click()
        self.settled()

    def button(self, words: str, within: str = "main", **values: Any) -> Locator:
        """A button or a link that looks like one, by what stands on it."""
        said = self.said(words, **values)
        buttons = self.page.locator(within).get_by_role("button", name=said, exact=True)
        return buttons.or_(self.page.locator(within).get_by_role("link", name=said, exact=True)).first

    def unfold(self, words: str) -> None:
        """Open what is folded away under these words."""
        self.page.locator("summary", has_text=self.said(words)).first.click()

    def fill(self, **fields: str) -> None:
        """Enter values in fields by their names; in a list, choose."""
        for name, value in fields.items():
            field = self.page.locator(f"main [name={name}]:visible").first
            if field.evaluate("one => one.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    def reads(self, words: str, **values: Any) -> None:
        """The sentence stands on the page, now or within moments."""
        self.page.get_by_text(self.said(words, **values)).first.wait_for()

    def text(self) -> str:
        """What the page says."""
        return self.page.locator("main").inner_text()

    def settled(self) -> None:
        """The page is there, in its language once somebody is signed in, and fits the window."""
        self.page.wait_for_load_state()
        if self.width <= NARROW:
            over = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, f"{self.page.url} scrolls sideways by {over}"
