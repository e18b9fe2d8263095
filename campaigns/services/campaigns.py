"""Making a campaign and its quiet moves. Nothing is half-written: every field is checked before the first row."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from campaigns import audiences as rules
from campaigns import facts, lifecycle, queries
from campaigns.models import Audience, Brand, Campaign, Copy, Product
from campaigns.models.campaign import CampaignStatus, OfferKind
from campaigns.offer_words import explain as explain_offer
from campaigns.services.guards import require, require_open
from campaigns.services.scoring import forget_scores
from core import audit, errors, problems
from core.models import User
from models_ml.channels import PARTS

KEY = re.compile(r"[a-z0-9](?:-?[a-z0-9_])*")
# The longest key a campaign may have, less the number that keeps it apart from others.
KEY_LENGTH = 32
# Words that stand where a key would in the addresses of pages.
RESERVED = frozenset({"new", "drafts", "calendar"})
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
        require(created_by, "campaigns.add_campaign", _("make campaigns"))
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
    require(actor, "campaigns.change_campaign", _("change campaigns"))
    require_open(campaign, _("its control text is fixed"))
    fields = _control(control)
    Campaign.objects.filter(pk=campaign.pk, status__in=lifecycle.OPEN_CAMPAIGN).update(**fields)
    forget_scores(Copy.objects.filter(campaign=campaign))
    audit.record("campaign.control_set", campaign, actor=actor, **fields)
    return Campaign.objects.get(pk=campaign.pk)


@transaction.atomic
def archive_campaign(campaign: Campaign, *, actor: User) -> Campaign:
    """Put away what is not running. Conflict while it runs or copy is being written."""
    require(actor, "campaigns.change_campaign", _("archive campaigns"))
    return move(campaign, CampaignStatus.ARCHIVED, actor=actor)


def move(campaign: Campaign, target: CampaignStatus, *, actor: User | None) -> Campaign:
    """One move by a conditional update, with its audit entry. Conflict where no move leads there from its state."""
    sources = lifecycle.sources(lifecycle.CAMPAIGN_MOVES, target)
    if not Campaign.objects.filter(pk=campaign.pk, status__in=sources).update(status=target):
        status = Campaign.objects.values_list("status", flat=True).get(pk=campaign.pk)
        words = {"campaign": campaign.name, "status": CampaignStatus(status).label, "target": target.label}
        sentence = _("The campaign “%(campaign)s” is %(status)s; it cannot become %(target)s.") % words
        raise errors.Conflict(sentence, code="state", status=status)
    moved = Campaign.objects.get(pk=campaign.pk)
    audit.record(f"campaign.{target}", moved, actor=actor)
    return moved


def free_key(name: str) -> str:
    """A key from the name that no campaign bears yet; names without Latin letters get a number."""
    stem = slugify(name).strip("-_")[:KEY_LENGTH].rstrip("-_")
    taken = RESERVED | set(Campaign.objects.filter(key__startswith=stem or "campaign").values_list("key", flat=True))
    if stem and stem not in taken:
        return stem
    numbered = (f"{(stem or 'campaign')}-{number}" for number in itertools.count(2 if stem else 1))
    return next(key for key in numbered if key not in taken)


def _offer(kind: str, value: str) -> str:
    try:
        return facts.checked_offer(kind, value)
    except facts.OfferError as problem:
        raise errors.InvalidInput.field("offer_value", explain_offer(problem)) from problem


def _control(control: Mapping[str, str]) -> dict[str, str]:
    if unknown := sorted(set(control) - set(CONTROL_FIELDS)):
        raise errors.InvalidInput.field(f"control.{unknown[0]}", _("is not a part of a copy."))
    return {CONTROL_FIELDS[part]: text.strip() for part, text in control.items()}


def _check(campaign: Campaign, products: Sequence[Product], audiences: Sequence[Audience]) -> None:
    found = _field_problems(campaign)
    if not KEY.fullmatch(campaign.key) or len(campaign.key) > 38:
        text = _("small letters, digits, single hyphens and underscores are needed, 38 at most.")
        found.append(errors.FieldProblem("key", "invalid", text))
    if campaign.deadline is not None and campaign.deadline < timezone.localdate():
        found.append(errors.FieldProblem("deadline", "past", _("lies in the past.")))
    if campaign.code and campaign.offer_kind == OfferKind.NONE:
        found.append(errors.FieldProblem("code", "invalid", _("needs an offer that it unlocks.")))
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
        found.append(errors.FieldProblem("products", "missing", _("choose at least one.")))
    elif foreign := next((one for one in products if one.brand_id != campaign.brand_id), None):
        words = {"sku": foreign.sku, "brand": campaign.brand.name}
        sentence = _("%(sku)s is not of the brand %(brand)s.") % words
        found.append(errors.FieldProblem("products", "invalid", sentence))
    elif campaign.offer_kind == "amount" and Decimal(campaign.offer_value or 0) >= products[0].price:
        sentence = _("is not less than the price of the first product.")
        found.append(errors.FieldProblem("offer_value", "invalid", sentence))
    if not audiences:
        found.append(errors.FieldProblem("audiences", "missing", _("choose at least one.")))
    for audience in audiences:
        try:
            rules.validate_rule(audience.rule)
        except rules.RuleError:
            sentence = _("%(audience)s: its rule cannot be used. Correct the audience first.")
            found.append(errors.FieldProblem("audiences", "invalid", sentence % {"audience": audience.key}))
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
            sentence = _("key: a campaign %(key)s exists already.") % {"key": repr(campaign.key)}
            raise errors.Conflict(sentence, code="key_taken") from problem
        raise
    return campaign
