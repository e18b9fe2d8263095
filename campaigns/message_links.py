"""The links in a message: stopping further ones, and the way to the shop. Signed, so that nobody can write one.

Peculiar: they name rows and never an address or unit, since links end up in logs. They do not run out: whoever finds an
old message must still be able to stop the next. Row 0 is a test message, whose links change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext as _

from core import errors
from core.answers import whole_address

STOP_SALT = "campaigns.stop"
CLICK_SALT = "campaigns.click"
BUTTON = "button"
TEST = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """Who wants no more, by which message and channel."""

    message: int
    shopper: int
    channel: str


@dataclass(frozen=True, slots=True)
class Click:
    """Which link of which message was followed; the campaign knows where to."""

    message: int
    campaign: int
    link: str


def stop_url(stop: Stop) -> str:
    """The whole address that ends messages by a channel."""
    return _url("campaigns:unsubscribe", STOP_SALT, [stop.message, stop.shopper, stop.channel])


def click_url(click: Click) -> str:
    """The whole address that leads to the shop and counts the click."""
    return _url("campaigns:click", CLICK_SALT, [click.message, click.campaign, click.link])


def read_stop(token: str) -> Stop:
    """What a link says. Raises NotFound for one that is not ours or was cut."""
    return Stop(*_read(token, STOP_SALT))


def read_click(token: str) -> Click:
    """What a link says. Raises NotFound for one that is not ours or was cut."""
    return Click(*_read(token, CLICK_SALT))


def _url(name: str, salt: str, values: list[int | str]) -> str:
    token = signing.Signer(salt=salt).sign_object(values)
    return whole_address(reverse(name, args=[token]))


def _read(token: str, salt: str) -> Any:
    try:
        return signing.Signer(salt=salt).unsign_object(token)
    except signing.BadSignature:
        raise errors.NotFound(_("This link is not complete. Copy all of it from the message.")) from None
