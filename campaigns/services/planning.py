"""The plan of a campaign's tests: lengths compared by what the engine's planner expects of them, and the one chosen.

Every audience has a test of its own, so all figures are for one audience. A test is at least a week long: shoppers of
a Tuesday are not those of a Sunday. What is compared: test so long, then show everyone the text believed best for the
rest of the days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import lifecycle
from campaigns.models import Campaign
from campaigns.services.guards import require, require_open
from core import audit, errors
from core.models import User
from experiments.planning import Outcome, PlanInputs, days_needed_for, lengths, simulate
from experiments.services.planning import plan_experiment

GOAL = "conversion"
LEAST_DAYS = 7
MOST_CHOICES = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """One length: units of one audience, gain over all days, chance to find the typical lift, and of a wrong call."""

    days: int
    units: int
    gain: float
    power: float
    wrong: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was asked, and lengths in order. `lift` is the one that half of past changes exceed; `best` gains most.

    `enough_share` is a smaller share of the shoppers that would gain as much, else the share itself. `proof_days` are
    needed to find the lift with the usual power; None beyond a year.
    """

    inputs: PlanInputs
    lift: float
    choices: tuple[Choice, ...]
    best: Choice
    enough_share: float
    proof_days: int | None


def compare_lengths(
    *, arms: int, days: int, share: float, baseline: float | None = None, daily_units: float | None = None
) -> Comparison:
    """Two or three lengths within `days`. What is None comes from past experiments.

    Raises InvalidInput naming the field that cannot be used, or that neither the caller nor the past knows.
    """
    if days < LEAST_DAYS:
        raise errors.InvalidInput.field("days", _("A test takes a week at least."))
    plan = plan_experiment(metric=GOAL, arms=arms, days=days, share=share, baseline=baseline, daily_units=daily_units)
    inputs = replace(plan.inputs, share=share)
    played = simulate(inputs, adaptive=False)
    tests = {round(one.fraction * days): one for one in played if one.kind == "test_best"}
    whole = next(one for one in played if one.kind == "even")
    usable = {length: one for length, one in tests.items() if length >= LEAST_DAYS} or {days: whole}
    choices = tuple(_choice(inputs, plan.lift, length, usable[length]) for length in _few([*usable], usable))
    best = max(choices, key=lambda one: one.gain)
    return Comparison(inputs, plan.lift, choices, best, plan.share, days_needed_for(inputs, plan.lift))


@transaction.atomic
def save_plan(campaign: Campaign, *, comparison: Comparison, days: int, actor: User) -> Campaign:
    """Keep one of the lengths: the launch uses its shoppers and share. Conflict once the campaign was launched."""
    require(actor, "campaigns.change_campaign", _("change campaigns"))
    require_open(campaign, _("its plan is fixed"))
    chosen = next((one for one in comparison.choices if one.days == days), None)
    if chosen is None:
        raise errors.InvalidInput.field("days", _("Choose one of the lengths shown."))
    inputs = comparison.inputs
    plan = {
        **asdict(chosen),
        "horizon": inputs.days,
        "arms": inputs.arms,
        "share": inputs.share,
        "baseline": inputs.baseline,
        "daily_units": inputs.daily_units,
        "lift": comparison.lift,
        "made_at": timezone.now().isoformat(),
    }
    rows = Campaign.objects.filter(pk=campaign.pk, status__in=lifecycle.OPEN_CAMPAIGN)
    rows.update(coverage=inputs.share, planned_units=chosen.units, plan=plan)
    audit.record("campaign.planned", campaign, actor=actor, days=days, units=chosen.units, share=inputs.share)
    return Campaign.objects.get(pk=campaign.pk)


def _few(found: Sequence[int], outcomes: dict[int, Outcome]) -> list[int]:
    """The one that gains most, and others a third longer or shorter: the longest, the shortest, a middle."""
    most = max(found, key=lambda length: outcomes[length].lift)
    middle = min(found, key=lambda length: abs(length - (min(found) * max(found)) ** 0.5))
    chosen = [most]
    for length in (max(found), min(found), middle):
        if len(chosen) < MOST_CHOICES and all(abs(length - one) >= min(length, one) / 3 for one in chosen):
            chosen.append(length)
    return sorted(chosen)


def _choice(inputs: PlanInputs, lift: float, days: int, outcome: Outcome) -> Choice:
    length = lengths(replace(inputs, days=days), lift)[-1]
    return Choice(days, max(round(length.units), inputs.arms), outcome.lift, length.power, outcome.wrong)
