"""REST of delivery: start a wave, see how far it is, and tell that an address bounced or somebody complained."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import ConfigDict, Field, StringConstraints

from campaigns.models import Campaign, Wave
from campaigns.queries import campaign_by_key
from campaigns.queries.access import may_see
from campaigns.queries.delivery import wave_by_number
from campaigns.services import answering, waves
from core import dispatch, errors
from core.answers import answer
from core.api_auth import KeyAuth
from core.models import ApiKey, User
from core.models.access import Scope

router = Router(tags=["delivery"])
Reason = Annotated[str, StringConstraints(pattern="^(bounced|complained)$")]


class WaveOut(Schema):
    """A wave; `counts` are its messages by state."""

    id: int
    campaign: str
    channel: str
    state: str
    counts: dict[str, int]
    created_at: datetime
    finished_at: datetime | None


class BounceIn(Schema):
    """What came back, by the address or by the message's number (of the header X-Copylift-Message, or the event)."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(description="bounced: the address does not exist, for good; complained: marked as spam.")
    channel: Annotated[str, StringConstraints(pattern="^(email|sms|push)?$")] = Field(
        default="", description="Of an address; left out: every channel. A message knows its own."
    )
    address: Annotated[str, StringConstraints(max_length=254, strip_whitespace=True)] = ""
    message: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None


class BounceOut(Schema):
    """How many messages it was noted on. The address is suppressed in any case."""

    noted: int


class WaveAuth(KeyAuth):
    """A key that may read, or a signed-in member whose role may see waves."""

    def __call__(self, request: HttpRequest) -> ApiKey | User:
        """The key or the member; raises Forbidden for a member without the permission."""
        found = super().__call__(request)
        if isinstance(found, User) and not found.has_perm("campaigns.view_wave"):
            raise errors.Forbidden(_("Your role may not see waves."))
        return found


@router.post(
    "/campaigns/{key}/waves", auth=KeyAuth(Scope.WRITE), response={202: WaveOut}, summary="Start a wave of messages"
)
def start(request: HttpRequest, key: str) -> HttpResponse:
    """To everybody in the audiences who can be reached and has had no message of this campaign.

    409 with the sentence that says what is in the way: the campaign does not run, another wave is open, the brand has
    no sender.
    """
    wave = waves.start_wave(campaign_by_key(key), actor=_caller(request))
    if wave.job is not None:
        dispatch.send_on_commit(wave.job)
    return answer(describe(wave), status=202)


@router.get("/campaigns/{key}/waves/{number}", auth=WaveAuth(Scope.READ), response=WaveOut, summary="One wave")
def wave(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Its state and its messages by state."""
    return answer(describe(wave_by_number(_visible(request, key), number)))


@router.post("/bounces", auth=KeyAuth(Scope.WRITE), response=BounceOut, summary="Tell of a bounce or a complaint")
def bounce(request: HttpRequest, payload: BounceIn) -> HttpResponse:
    """Nothing goes to the address any more. May be told twice. Only of addresses that failed for good."""
    noted = answering.report(**payload.dict(), actor=_caller(request))
    return answer({"noted": noted})


def describe(wave: Wave) -> dict[str, Any]:
    """A wave for JSON."""
    return {
        "id": wave.pk,
        "campaign": wave.campaign.key,
        "channel": wave.channel,
        "state": wave.state,
        "counts": wave.counts,
        "created_at": wave.created_at.isoformat(),
        "finished_at": wave.finished_at.isoformat() if wave.finished_at else None,
    }


def _visible(request: HttpRequest, key: str) -> Campaign:
    campaign, caller = campaign_by_key(key), _caller(request)
    if isinstance(caller, User) and not may_see(caller, campaign.brand):
        raise errors.NotFound
    return campaign


def _caller(request: HttpRequest) -> ApiKey | User | None:
    """Who asks: put there by KeyAuth."""
    found = getattr(request, "auth", None)
    return found if isinstance(found, ApiKey | User) else None
