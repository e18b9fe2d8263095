"""Body and answer of /identify."""

from __future__ import annotations

from ninja import Schema
from pydantic import ConfigDict

from experiments.schemas.decisions import Unit


class IdentifyIn(Schema):
    """Two names of one shopper."""

    model_config = ConfigDict(extra="forbid")

    unit: Unit
    anonymous: Unit


class IdentifyOut(Schema):
    """The two names, and the one both count by."""

    unit: str
    anonymous: str
    canonical: str
