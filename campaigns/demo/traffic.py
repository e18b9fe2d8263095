"""Simulated shoppers for the demo's campaigns, over the public API and with an API key, as a shop's server would do it.

A campaign with a pace is played some seconds at a time, so that the director looks around in between; the other ones in
parts of a thousand. Where the play goes on follows from what was folded, less some that may still be under way: a
shopper who comes twice sends the same events with the same ids, and the platform keeps one of each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

from campaigns import queries
from campaigns.demo import progress
from campaigns.demo.data import Play
from campaigns.demo.shoppers import attributes_for
from campaigns.models import Campaign
from campaigns.models.campaign import CampaignStatus
from experiments.simulation.blocks import Played
from experiments.simulation.client import Shop
from experiments.simulation.player import Progress, play

PART = 1000
THREADS = 4
# How many shoppers past the first missing one may have been played when the process was killed: its threads work on
# up to twice their number of blocks of a hundred; at a pace, one thread on blocks of one or two.
UNDER_WAY = 2 * THREADS * 100
UNDER_WAY_LIVE = 20
LOOK_EVERY_SECONDS = 3.0


class Traffic:
    """The demo's shop: one client for all campaigns. A context manager."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        stopping: Callable[[], bool] = lambda: False,
        shop: Shop | None = None,
    ) -> None:
        self.stopping = stopping
        self.shop = shop or Shop(base_url, api_key, should_stop=stopping)
        self._next: dict[str, int] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.shop)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def is_through(self, campaign: Campaign, wanted: Play) -> bool:
        """Whether the plan is full, or was sent to its end by us."""
        return self.next_shopper(campaign, wanted) >= wanted.shoppers

    def next_shopper(self, campaign: Campaign, wanted: Play) -> int:
        """The number of the shopper to go on with."""
        if campaign.key not in self._next:
            units = progress.units_of(campaign)
            open_end = UNDER_WAY_LIVE if wanted.shoppers_a_minute else UNDER_WAY
            full = units >= wanted.shoppers
            self._next[campaign.key] = wanted.shoppers if full else max(0, units - open_end)
        return self._next[campaign.key]

    def send(self, campaign: Campaign, wanted: Play, *, say: Callable[[str], None], seconds: int) -> bool:
        """Play the next part of a running campaign, of `seconds` where it has a pace; whether a shopper came."""
        first = self.next_shopper(campaign, wanted)
        rate = wanted.shoppers_a_minute / 60 if wanted.shoppers_a_minute else None
        part = PART if rate is None else max(1, wanted.shoppers_a_minute * seconds // 60)
        still_running = StillRunning(campaign)
        played = play(
            self.shop,
            seed=wanted.traffic_seed,
            shoppers=min(part, wanted.shoppers - first),
            first=first,
            campaign=campaign.key,
            rate=rate,
            threads=THREADS if rate is None else 1,
            attributes=attributes_for([audience.rule for audience in queries.ordered_audiences(campaign)]),
            progress=_teller(say, first, wanted.shoppers) if rate is None else _silent,
            should_stop=lambda: self.stopping() or not still_running(),
        )
        self._next[campaign.key] = first + played.shoppers
        if rate is not None and played.shoppers:
            say(_account(played, first, wanted.shoppers))
        return bool(played.shoppers)


class StillRunning:
    """Asks the database now and then whether a campaign still runs: a person may end it while shoppers come."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._asked_at = time.monotonic()
        self._answer = True

    def __call__(self) -> bool:
        """The answer, at most a few seconds old."""
        if time.monotonic() - self._asked_at > LOOK_EVERY_SECONDS:
            self._asked_at = time.monotonic()
            self._answer = Campaign.objects.filter(pk=self._campaign.pk, status=CampaignStatus.RUNNING).exists()
        return self._answer


def _silent(_progress: Progress) -> None:
    """Live traffic says one line a part, not one a shopper."""


def _teller(say: Callable[[str], None], first: int, total: int) -> Callable[[Progress], None]:
    """A line once a part is through; the blocks of a part come back together, so several are told of its end."""
    told = False

    def tell(now: Progress) -> None:
        nonlocal told
        if now.shoppers >= now.total and not told:
            told = True
            each = now.shoppers / now.seconds if now.seconds else 0.0
            say(f"{first + now.shoppers} of {total} shoppers, {each:.0f} a second.")

    return tell


def _account(played: Played, first: int, total: int) -> str:
    return f"live traffic: {first + played.shoppers} of {total} shoppers, {played.accepted} events."
