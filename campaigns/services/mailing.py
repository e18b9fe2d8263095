"""E-mail of a campaign: text and HTML, the sender, and the ways out that the law and RFC 8058 ask for.

Peculiar: whoever writes in the name of a brand is the brand, so the sender is the brand's and never the platform's. A
subject with a line break would be a second header; Django refuses it, so white space is made plain here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formataddr
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.utils import translation

from campaigns.message_links import BUTTON, Click, Stop, click_url, stop_url
from campaigns.models import Campaign, Channel
from campaigns.queries.delivery import destination
from models_ml.channels import PARTS, preheader_text

LOCALES = {"en": "en", "zh": "zh-hans"}
MESSAGE_HEADER = "X-Copylift-Message"


@dataclass(frozen=True, slots=True)
class Addressed:
    """Who gets a message, and which row it is; row 0 is a test."""

    message: int
    shopper: int
    address: str


def email_of(
    campaign: Campaign, content: Mapping[str, Any], to: Addressed, connection: BaseEmailBackend | None = None
) -> EmailMultiAlternatives:
    """The e-mail with an arm's content. `List-Unsubscribe` is one click by POST (RFC 8058)."""
    brand, stop = campaign.brand, stop_url(Stop(to.message, to.shopper, Channel.EMAIL.value))
    context = {
        "parts": parts_of(content),
        "preheader": preheader_text(parts_of(content)),
        "link": link_of(campaign, to.message),
        "stop": stop,
        "brand": brand,
        "language": campaign.language,
        "ai": content.get("ai", {}),
    }
    with translation.override(LOCALES[campaign.language]):
        text = render_to_string("campaigns/mail/message.txt", context)
        html = render_to_string("campaigns/mail/message.html", context)
    mail = EmailMultiAlternatives(
        " ".join(str(content.get("headline", "")).split()),
        text,
        formataddr((" ".join((brand.sender_name or brand.name).split()), brand.sender_email)),
        [to.address],
        connection=connection,
        headers={
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            MESSAGE_HEADER: str(to.message),
        },
    )
    mail.attach_alternative(html, "text/html")
    return mail


def parts_of(content: Mapping[str, Any]) -> dict[str, str]:
    """The texts of an arm's content as shown."""
    return {part: str(content.get(part) or "").strip() for part in PARTS}


def link_of(campaign: Campaign, message: int) -> str:
    """The link to the shop, which counts the click; empty where the campaign leads nowhere."""
    return click_url(Click(message, campaign.pk, BUTTON)) if destination(campaign) else ""
