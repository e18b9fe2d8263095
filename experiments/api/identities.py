"""Two names of one shopper: said when somebody signs in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from core.answers import answer
from core.api_auth import KeyAuth
from core.models.access import Scope
from experiments.schemas.identities import IdentifyIn, IdentifyOut
from experiments.services import identities

router = Router()


@router.post("/identify", auth=KeyAuth(Scope.EVENTS), response={200: IdentifyOut}, summary="Join two names of a unit")
def identify(request: HttpRequest, payload: IdentifyIn) -> HttpResponse:
    """From now on `anonymous` and `unit` are one: they get one arm and count once. May be repeated at will."""
    canonical = identities.identify(unit=payload.unit, anonymous=payload.anonymous)
    return answer({"unit": payload.unit, "anonymous": payload.anonymous, "canonical": canonical})
