"""Plays the demo: takes each campaign from its present state to the next, like a team at work, until it has arrived.

Nothing is kept but what the platform keeps: each turn reads the states of campaigns, jobs, copy and experiments and
does what comes next. So a director that was killed, or a second one later, goes on where the database stands.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.db import transaction

from campaigns import queries, services
from campaigns.demo import progress
from campaigns.demo.data import CampaignData, Play, Shop
from campaigns.demo.review import Approvers, review
from campaigns.demo.traffic import Traffic
from campaigns.models import Campaign
from campaigns.models.campaign import CampaignStatus
from core import dispatch
from core import queries as core_queries
from core.models import User
from core.models.job import Status as JobStatus
from experiments import queries as experiment_queries
from experiments import services as experiment_services

logger = logging.getLogger(__name__)

# A model that wrote nothing usable is asked again with other seeds this many times; then a person has to look.
MOST_REQUESTS = 4
# How long to wait for the workers to fold what was sent, before the director folds it itself.
FOLD_SECONDS = 20.0
# How long live traffic is played at a stretch once nothing else has to be looked after, and before that.
LIVE_SECONDS, LIVE_SECONDS_BETWEEN = 60, 5


@dataclass
class Director:
    """One play. `say` prints a line; `stopping` tells that the process shall end."""

    shop: Shop
    marketer: User
    approvers: Approvers
    traffic: Traffic
    say: Callable[[str], None]
    stopping: Callable[[], bool] = lambda: False
    _said: dict[str, str] = field(default_factory=dict)

    def turn(self) -> bool:
        """Take each campaign one step on, in the order of the data; whether anything moved.

        Live traffic, which takes its time, comes when nothing else can be done.
        """
        live = [data for data in self.shop.campaigns if self._is_live(data)]
        moved = [self._step(data) for data in self.shop.campaigns if data not in live and not self.stopping()]
        return any(moved) or any(self._step(data) for data in live if not self.stopping())

    @staticmethod
    def _is_live(data: CampaignData) -> bool:
        running = Campaign.objects.filter(key=data.key, status=CampaignStatus.RUNNING)
        return bool(data.play.shoppers_a_minute) and running.exists()

    def done(self) -> bool:
        """Whether every campaign has arrived and live traffic is through its plan."""
        return all(self._is_done(data) for data in self.shop.campaigns)

    def _is_done(self, data: CampaignData) -> bool:
        campaign = Campaign.objects.filter(key=data.key).first()
        if campaign is None:
            return True
        if not progress.has_arrived(campaign):
            return self._given_up(campaign)
        return campaign.status != CampaignStatus.RUNNING or self.traffic.is_through(campaign, data.play)

    def _step(self, data: CampaignData) -> bool:
        campaign = Campaign.objects.filter(key=data.key).first()
        if campaign is None:
            return False
        steps: dict[str, Callable[[Campaign, Play], bool]] = {
            CampaignStatus.DRAFT: self._have_written,
            CampaignStatus.GENERATING: self._watch_writing,
            CampaignStatus.REVIEW: self._have_reviewed,
            CampaignStatus.READY: self._launch,
            CampaignStatus.RUNNING: self._play,
        }
        step = steps.get(campaign.status)
        if step is None or (progress.has_arrived(campaign) and campaign.status != CampaignStatus.RUNNING):
            return False
        return step(campaign, data.play)

    # --- writing ------------------------------------------------------------------------------------------------
    def _have_written(self, campaign: Campaign, play: Play) -> bool:
        if self._given_up(campaign):
            return self._tell(campaign, "no usable copy was written; see the jobs page. The demo goes on without it.")
        asked = len(core_queries.jobs_of(campaign, MOST_REQUESTS))
        with transaction.atomic():
            job = services.request_generation(
                campaign, per_audience=play.per_audience, seed=play.seed + asked, actor=self.marketer
            )
            dispatch.send_on_commit(job)
        total = play.per_audience * len(queries.ordered_audiences(campaign))
        return self._tell(campaign, f"{self.marketer.name} asks the model for {total} candidates.")

    def _given_up(self, campaign: Campaign) -> bool:
        return campaign.status in {"draft", "review"} and (
            len(core_queries.jobs_of(campaign, MOST_REQUESTS)) >= MOST_REQUESTS
        )

    def _watch_writing(self, campaign: Campaign, _play: Play) -> bool:
        if queries.open_generation(campaign) is None:
            # The worker died for good before it could say so.
            return services.settle_campaign(campaign) != CampaignStatus.GENERATING
        job = core_queries.jobs_of(campaign, 1)[0]
        waits = job.status == JobStatus.QUEUED
        line = "waits for the model." if waits else f"writing copy, {10 * int(job.percent // 10)} %."
        self._tell(campaign, line)
        return False

    # --- review and launch --------------------------------------------------------------------------------------
    def _have_reviewed(self, campaign: Campaign, play: Play) -> bool:
        made = review(campaign, play, by=self.approvers, say=partial(self._line, campaign))
        if made:
            return True
        if services.settle_campaign(campaign) == CampaignStatus.REVIEW:
            # Everything was decided and an audience has nothing approved: other seeds give other texts.
            return self._have_written(campaign, play)
        return True

    def _launch(self, campaign: Campaign, play: Play) -> bool:
        if review(campaign, play, by=self.approvers, say=partial(self._line, campaign)):
            return True
        planned = play.shoppers // len(queries.ordered_audiences(campaign))
        made = services.launch_campaign(campaign, actor=self.marketer, planned_units=planned)
        return self._tell(campaign, f"launched: {len(made)} experiments of {planned} shoppers each.")

    # --- traffic and result -------------------------------------------------------------------------------------
    def _play(self, campaign: Campaign, play: Play) -> bool:
        say = partial(self._line, campaign)
        if not self.traffic.is_through(campaign, play):
            moved = self.traffic.send(
                campaign, play, say=say, seconds=LIVE_SECONDS if self._all_arrived() else LIVE_SECONDS_BETWEEN
            )
            if not self.traffic.is_through(campaign, play):
                return moved
        if play.ends != "finished":
            return self._tell(campaign, "its plan is full; live traffic has ended. The experiments still run.")
        self._wait_for_fold(campaign, play)
        services.finish_campaign(campaign, actor=self.marketer)
        self._tell(campaign, "stopped; the plan is full.")
        for experiment in experiment_queries.experiment_list().filter(campaign_link__campaign=campaign):
            analysis = experiment_services.analyse(experiment)
            self.say(f"{experiment.name}: {analysis.sentence}")
        return True

    def _all_arrived(self) -> bool:
        return all(map(progress.has_arrived, Campaign.objects.filter(key__in=[one.key for one in self.shop.campaigns])))

    def _wait_for_fold(self, campaign: Campaign, play: Play) -> None:
        until = time.monotonic() + FOLD_SECONDS
        while progress.units_of(campaign) < play.shoppers and not self.stopping():
            if time.monotonic() > until:
                experiment_services.fold_events()
                return
            time.sleep(0.5)

    # --- words --------------------------------------------------------------------------------------------------
    def _tell(self, campaign: Campaign, line: str) -> bool:
        """Say a line unless it was the last one of this campaign; True where it was new."""
        new = self._said.get(campaign.key) != line
        if new:
            self._said[campaign.key] = line
            self._line(campaign, line)
        return new

    def _line(self, campaign: Campaign, line: str) -> None:
        self.say(f"{campaign.name}: {line}")
