"""REST of the checks: a text in a brand's name goes in, what the rules say of it comes out. Nothing is stored.

For a shop's own editor or a build that must not ship a sentence. As in the box on the brand's page, what needs a
product or a brief (figures, prices, the offer) is left out.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router, Schema
from pydantic import ConfigDict, Field, StringConstraints

from campaigns import compliance
from campaigns.queries import brands as queries
from campaigns.wording.findings import localised
from core.answers import answer
from core.api_auth import KeyAuth, member_of
from core.languages import page_language
from core.models.access import Scope
from models_ml.channels import CHANNELS

router = Router(tags=["brands"])
# NUL can stand in no text, and the database would refuse it.
Headline = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")]
Body = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
Action = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]


class CheckIn(Schema):
    """A text to check."""

    model_config = ConfigDict(extra="forbid")

    headline: Headline = ""
    body: Body = ""
    call_to_action: Action = ""
    channel: Annotated[str, StringConstraints(pattern=f"^({'|'.join(CHANNELS)})$")]
    language: Annotated[str, StringConstraints(pattern="^(en|zh)$")]
    day: date | None = Field(None, description="The day on which shoppers see it; rules have days. Today if left out.")


@router.post("/brands/{key}/check", auth=KeyAuth(Scope.READ), summary="What the rules say of a text")
def check(request: HttpRequest, key: str, payload: CheckIn) -> HttpResponse:
    """Every finding with its rule, pack, article, weight, place, reason and remedy; `blocks` where one forbids it.

    Sentences are in the language that Accept-Language asks for. Positions are characters of the part.
    """
    brand = queries.brand_for(member_of(request), key)
    texts = {name: getattr(payload, name) for name in ("headline", "body", "call_to_action")}
    day = payload.day or timezone.localdate()
    found = queries.tried_out(brand, texts, channel=payload.channel, language=payload.language, day=day)
    body = {
        "brand": brand.key,
        "day": day.isoformat(),
        "packs": [{"pack": pack.id, "version": pack.version} for pack in queries.packs_of(brand)],
        "blocks": compliance.blocks(found),
        "findings": [described(one, page_language()) for one in found],
    }
    return answer(body)


def described(one: compliance.Finding, language: str) -> dict[str, Any]:
    """A finding for JSON, in the reader's language."""
    plain = ("rule", "severity", "part", "start", "end", "excerpt", "pack", "pack_version", "jurisdiction", "verified")
    return {name: getattr(one, name) for name in plain} | localised(one, language)._asdict()
