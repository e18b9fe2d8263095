"""Making a campaign and its quiet moves. Nothing is half-written: every field is checked before the first row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from campaigns import audiences as rules
from campaigns import facts, lifecycle, queries
from campaigns.models import Audience, Brand, Campaign, Copy, Product
from campaigns.models.campaign import CampaignStatus
from campaigns.services.guards import require, require_open
from campaigns.services.scoring import forget_scores
from core import audit, errors, problems
from core.models import User
from models_ml.channels import PARTS

KEY = re.compile(r"[a-z0-9](?:-?[a-z0-9_])*")
CONTROL_FIELDS = {part: f"control_{part}" for part in PARTS}


def create_campaign(
    *,
    key: str,
    name: str,
    brand: Brand,
    language: str,
    channel: str,
    products: Sequence[Product],
    audiences: Sequence[Audience],
    created_by: User | None,
    goal: str = "promote",
    tone: str = "plain",
    offer_kind: str = "none",
    offer_value: str = "",
    code: str = "",
    deadline: date | None = None,
    landing_url: str = "",
    control: Mapping[str, str] | None = None,
) -> Campaign:
    """A draft. `products` in order: the copy speaks of the first. `control` is what the shop shows today, by part.

    Raises InvalidInput naming each field that cannot be used, Conflict where the key is taken, Forbidden without the
    role. `created_by` is None only for the platform itself.
    """
    if created_by is not None:
        require(created_by, "campaigns.add_campaign", "make campaigns")
    campaign = Campaign(
        key=key,
        name=name.strip(),
        brand=brand,
        language=language,
        channel=channel,
        goal=goal,
        tone=tone,
        offer_kind=offer_kind,
        offer_value=_offer(offer_kind, offer_value),
        code=code.strip(),
        deadline=deadline,
        landing_url=landing_url.strip(),
        created_by=created_by,
        **_control(control or {}),
    )
    _check(campaign, products, audiences)
    return _create(campaign, products, audiences)


@transaction.atomic
def set_control(campaign: Campaign, *, control: Mapping[str, str], actor: User) -> Campaign:
    """What the shop shows today, by part. Conflict once the campaign was launched."""
    require(actor, "campaigns.change_campaign", "change campaigns")
    require_open(campaign, "its control text is fixed")
    fields = _control(control)
    Campaign.objects.filter(pk=campaign.pk, status__in=lifecycle.OPEN_CAMPAIGN).update(**fields)
    forget_scores(Copy.objects.filter(campaign=campaign))
    audit.record("campaign.control_set", campaign, actor=actor, **fields)
    return Campaign.objects.get(pk=campaign.pk)


@transaction.atomic
def archive_campaign(campaign: Campaign, *, actor: User) -> Campaign:
    """Put away what is not running. Conflict while it runs or copy is being written."""
    require(actor, "campaigns.change_campaign", "archive campaigns")
    return move(campaign, CampaignStatus.ARCHIVED, actor=actor)


def move(campaign: Campaign, target: CampaignStatus, *, actor: User | None) -> Campaign:
    """One move by a conditional update, with its audit entry. Conflict where no move leads there from its state."""
    sources = lifecycle.sources(lifecycle.CAMPAIGN_MOVES, target)
    if not Campaign.objects.filter(pk=campaign.pk, status__in=sources).update(status=target):
        status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
        raise errors.Conflict(
            f"The campaign “{campaign}” is {status}; it cannot become {target}.", code="state", status=status
        )
    moved = Campaign.objects.get(pk=campaign.pk)
    audit.record(f"campaign.{target}", moved, actor=actor)
    return moved


def _offer(kind: str, value: str) -> str:
    try:
        return facts.checked_offer(kind, value)
    except facts.OfferError as problem:
        raise errors.InvalidInput.field("offer_value", f"{problem}.") from problem


def _control(control: Mapping[str, str]) -> dict[str, str]:
    if unknown := sorted(set(control) - set(CONTROL_FIELDS)):
        raise errors.InvalidInput.field(f"control.{unknown[0]}", "is not a part of a copy.")
    return {CONTROL_FIELDS[part]: text.strip() for part, text in control.items()}


def _check(campaign: Campaign, products: Sequence[Product], audiences: Sequence[Audience]) -> None:
    found = _field_problems(campaign)
    if not KEY.fullmatch(campaign.key) or len(campaign.key) > 38:
        text = "small letters, digits, single hyphens and underscores are needed, 38 at most."
        found.append(errors.FieldProblem("key", "invalid", text))
    if campaign.deadline is not None and campaign.deadline < timezone.localdate():
        found.append(errors.FieldProblem("deadline", "past", "lies in the past."))
    found += _chosen_problems(campaign, products, audiences)
    if found:
        named = "; ".join(f"{problem.field}: {problem.message}" for problem in found)
        raise errors.InvalidInput(named, problems=found)


def _field_problems(campaign: Campaign) -> list[errors.FieldProblem]:
    try:
        campaign.clean_fields(exclude={"key"})
    except ValidationError as problem:
        return problems.from_django(problem)
    return []


def _chosen_problems(
    campaign: Campaign, products: Sequence[Product], audiences: Sequence[Audience]
) -> list[errors.FieldProblem]:
    found = []
    if not products:
        found.append(errors.FieldProblem("products", "missing", "choose at least one."))
    elif foreign := next((one for one in products if one.brand_id != campaign.brand_id), None):
        found.append(errors.FieldProblem("products", "invalid", f"{foreign.sku} is not of the brand {campaign.brand}."))
    elif campaign.offer_kind == "amount" and Decimal(campaign.offer_value or 0) >= products[0].price:
        found.append(errors.FieldProblem("offer_value", "invalid", "is not less than the price of the first product."))
    if not audiences:
        found.append(errors.FieldProblem("audiences", "missing", "choose at least one."))
    for audience in audiences:
        try:
            rules.validate_rule(audience.rule)
        except rules.RuleError as problem:
            found.append(errors.FieldProblem("audiences", "invalid", f"{audience.key}: {problem}."))
    return found


def _create(campaign: Campaign, products: Sequence[Product], audiences: Sequence[Audience]) -> Campaign:
    try:
        with transaction.atomic():
            campaign.save()
            # In this order and not by `set`, which does not keep it: the first product leads.
            link = Campaign.products.through
            link.objects.bulk_create(link(campaign=campaign, product=one) for one in dict.fromkeys(products))
            campaign.audiences.set(audiences)
            for audience in audiences:
                queries.brief_of(campaign, audience)
            audit.record("campaign.created", campaign, actor=campaign.created_by, channel=campaign.channel)
    except IntegrityError as problem:
        if Campaign.objects.filter(key=campaign.key).exists():
            raise errors.Conflict(f"key: a campaign {campaign.key!r} exists already.", code="key_taken") from problem
        raise
    return campaign
