"""The card of a result page that lists the links to its report, for members who may share."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from core.answers import whole_address
from experiments.forms.sharing import ShareForm
from experiments.models import Experiment
from experiments.queries.sharing import links_of, token_of

LINKS_SHOWN = 30


def card(experiment: Experiment) -> dict[str, Any]:
    """The form of a new link, and the newest links, each with its `address` as long as it opens. One query."""
    links: list[Any] = list(links_of(experiment)[:LINKS_SHOWN])
    for link in links:
        link.address = address_of(token_of(link)) if link.is_usable() else ""
    return {"form": ShareForm(), "links": links}


def address_of(token: str) -> str:
    """The whole address, as it is sent to somebody."""
    return whole_address(reverse("shared:report", args=[token]))
