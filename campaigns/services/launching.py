"""From approved copy to a running experiment for each audience, all or nothing; and the end of a campaign.

The control arm is what the shop shows today; every approved copy is one arm, with equal shares. What an arm shows is
copied into it at launch, so nothing that happens to the campaign later changes what shoppers see.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from campaigns import queries
from campaigns.models import Audience, Campaign, CampaignExperiment, Copy
from campaigns.models.campaign import CampaignStatus
from campaigns.services.campaigns import move
from campaigns.services.guards import require
from campaigns.services.reviews import verify_frozen
from core import errors
from core.languages import page_language
from core.models import User, WebhookEvent
from core.services.webhooks import emit
from experiments import services as experiments
from experiments.lifecycle import Status
from experiments.models import Experiment
from models_ml.channels import CHANNELS

CONTROL_KEY = "control"
# Both are stored in English with the experiment, and read in the reader's language (core.localised).
CONTROL_NAME = gettext_noop("Shown today")
HYPOTHESIS = gettext_noop("At least one new %(channel)s text sells more to %(audience)s than what is shown today.")
MOST_COPIES = 20


@transaction.atomic
def launch_campaign(
    campaign: Campaign, *, actor: User, planned_units: int | None = None, coverage: float | None = None
) -> list[Experiment]:
    """ready or scheduled → running: one started experiment for each audience, in the order in which shoppers are tried.

    `planned_units` is the plan for each experiment, over its arms, and `coverage` the share of shoppers in the test;
    where they are not given, those of the campaign hold. Raises Conflict with the sentence that says what is
    missing, Forbidden without the role; then no row is written.
    """
    require(actor, "experiments.launch_experiment", _("launch campaigns"))
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    require_ready(campaign)
    units = campaign.planned_units if planned_units is None else planned_units
    share = campaign.coverage if coverage is None else coverage
    made = [
        _experiment(campaign, audience, actor=actor, position=position, planned_units=units, coverage=share)
        for position, audience in enumerate(queries.ordered_audiences(campaign))
    ]
    move(campaign, CampaignStatus.RUNNING, actor=actor)
    emit(
        WebhookEvent.CAMPAIGN_LAUNCHED,
        key=f"campaign-launched-{campaign.pk}",
        campaign=campaign.key,
        experiments=[one.key for one in made],
    )
    return made


@transaction.atomic
def finish_campaign(campaign: Campaign, *, actor: User) -> Campaign:
    """running → finished: every experiment that still runs is stopped."""
    require(actor, "experiments.launch_experiment", _("end campaigns"))
    finished = move(campaign, CampaignStatus.FINISHED, actor=actor)
    for link in queries.links_of(campaign):
        if link.experiment.status in {Status.RUNNING, Status.PAUSED}:
            experiments.stop_experiment(link.experiment, actor=actor)
    emit(WebhookEvent.CAMPAIGN_FINISHED, key=f"campaign-finished-{campaign.pk}", campaign=campaign.key)
    return finished


def experiment_key(campaign: Campaign, audience: Audience) -> str:
    """The key of a campaign's experiment. A campaign's key has no double hyphen, so no two meet."""
    return f"{campaign.key}--{audience.key}"


def require_ready(campaign: Campaign) -> None:
    """Raise Conflict with the sentence that says what a launch would lack."""
    if campaign.status in {CampaignStatus.RUNNING, CampaignStatus.FINISHED, CampaignStatus.ARCHIVED}:
        words = {"campaign": campaign.name, "status": CampaignStatus(campaign.status).label}
        sentence = _("The campaign “%(campaign)s” is %(status)s: it was launched before or put away.")
        _refuse("already_launched", sentence % words)
    if queries.open_generation(campaign):
        _refuse("already_generating", _("Copy is being written for this campaign. Wait for it, or cancel the job."))
    if not campaign.audiences.exists():
        _refuse("no_audience", _("The campaign “%(campaign)s” has no audience.") % {"campaign": campaign.name})
    if missing := queries.audiences_without_approved(campaign):
        sentence = _("No copy is approved for: %(audiences)s. Approve at least one for each audience.")
        _refuse("no_approved_copy", sentence % {"audiences": _(", ").join(_named(audience) for audience in missing)})
    if not (campaign.control_headline and campaign.control_body):
        sentence = _("There is no control text. Enter the headline and text the shop shows today to compare with.")
        _refuse("no_control", sentence)
    if campaign.deadline is not None and campaign.deadline < timezone.localdate():
        day = date_format(campaign.deadline, "DATE_FORMAT")
        _refuse("deadline_passed", _("The last day, %(day)s, has passed.") % {"day": day})


def _named(audience: Audience) -> str:
    return audience.name(page_language())


def _refuse(code: str, sentence: str) -> None:
    raise errors.Conflict(sentence, code=code)


def _experiment(
    campaign: Campaign,
    audience: Audience,
    *,
    actor: User,
    position: int,
    planned_units: int | None,
    coverage: float,
) -> Experiment:
    copies = queries.approved_copies(campaign, audience)
    if len(copies) > MOST_COPIES:
        _refuse_many(audience, len(copies))
    made = experiments.create_experiment(
        key=experiment_key(campaign, audience),
        name=f"{campaign.name}: {audience.name_en}"[:200],
        hypothesis=HYPOTHESIS % {"channel": CHANNELS[campaign.channel].name, "audience": audience.name_en},
        arms=[
            experiments.ArmInput(
                key=CONTROL_KEY, name=CONTROL_NAME, is_control=True, content=queries.control_content(campaign)
            ),
            *(_arm(campaign, copy) for copy in copies),
        ],
        created_by=actor,
        currency=queries.lead_product(campaign).currency,
        coverage=coverage,
        planned_units=planned_units,
        planned_end=end_of(campaign),
        plan=campaign.plan,
    )
    CampaignExperiment.objects.create(
        campaign=campaign, audience=audience, experiment=made, position=position, rule=audience.rule
    )
    return experiments.start_experiment(made, actor=actor)


def _refuse_many(audience: Audience, copies: int) -> None:
    sentence = ngettext(
        "%(audience)s has %(count)d approved copy; %(most)d at most.",
        "%(audience)s has %(count)d approved copies; %(most)d at most.",
        copies,
    )
    _refuse("too_many_copies", sentence % {"audience": _named(audience), "count": copies, "most": MOST_COPIES})


def _arm(campaign: Campaign, copy: Copy) -> experiments.ArmInput:
    verify_frozen(copy)
    content = queries.copy_content(campaign, copy)
    return experiments.ArmInput(key=f"copy-{copy.pk}", name=copy.shown("headline")[:200], content=content)


def end_of(campaign: Campaign) -> datetime | None:
    """The first moment after the last day, in the shop's time zone; None where there is no last day."""
    if campaign.deadline is None:
        return None
    return timezone.make_aware(datetime.combine(campaign.deadline + timedelta(days=1), time.min))
