"""Reads of campaigns: lists for pages, the brief and the facts of a campaign, who owns a copy.

A campaign's copy speaks of one product, the first that was chosen (`lead_product`): arms that showed different
products would compare products, not copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import audiences as rules
from campaigns import facts as shown
from campaigns import lifecycle
from campaigns.compliance import CheckContext, CopyParts, Disclaimer, check
from campaigns.compliance import Finding as CopyFinding
from campaigns.models import Audience, Brand, Campaign, CampaignExperiment, Copy, CopyScore, Finding, Product, Review
from campaigns.models.copies import CopyStatus
from campaigns.offer_words import explain as explain_offer
from campaigns.queries.labels import label_of, marking, shown_parts
from core import errors
from core.localised import localised
from core.models import Job, User
from core.models.job import Status as JobStatus
from experiments import queries as experiments
from models_ml import brief as briefs
from models_ml.fact_check import PricePoint
from models_ml.lifecycle import Stage

GENERATE_TASK = "campaigns.generate_copy"
# Former prices older than this prove nothing: the laws look at 7 and 30 days.
PRICE_DAYS = 400


def campaign_list() -> QuerySet[Campaign]:
    """All campaigns, newest first, with `waiting` and `approved` copy counted."""
    return Campaign.objects.select_related("brand", "created_by").annotate(
        waiting=Count("copies", filter=Q(copies__status=CopyStatus.PENDING)),
        approved=Count("copies", filter=Q(copies__status=CopyStatus.APPROVED)),
    )


def campaign_by_key(key: str) -> Campaign:
    """One campaign. Raises NotFound."""
    found = Campaign.objects.select_related("brand", "created_by").filter(key=key).first()
    if found is None:
        raise errors.NotFound(_("There is no campaign %(key)s.") % {"key": repr(key)})
    return found


def products_of(campaign: Campaign) -> list[Product]:
    """The products in the order they were chosen, in one query."""
    links = Campaign.products.through.objects.filter(campaign_id=campaign.pk).order_by("id")
    return [link.product for link in links.select_related("product")]


def lead_product(campaign: Campaign) -> Product:
    """The product the copy speaks of. Raises Conflict where the campaign has none."""
    products = products_of(campaign)
    if not products:
        raise errors.Conflict(_("The campaign “%(name)s” has no product.") % {"name": campaign.name}, code="no_product")
    return products[0]


def lead_products(campaigns: Iterable[int]) -> dict[int, Product]:
    """The product that the copy of each of these campaigns speaks of, in one query; those without one are left out."""
    links = Campaign.products.through.objects.filter(campaign_id__in=set(campaigns)).select_related("product")
    first = links.order_by("campaign_id", "id").distinct("campaign_id")
    return {link.campaign_id: link.product for link in first}


def ordered_audiences(campaign: Campaign) -> list[Audience]:
    """The audiences in the order in which a shopper is tried: most conditions first, so that everybody comes last."""
    return sorted(campaign.audiences.all(), key=lambda audience: (-len(audience.rule), audience.key))


def brief_of(campaign: Campaign, audience: Audience, *, lead: Product | None = None) -> briefs.Brief:
    """What a model is told. Raises InvalidInput naming the campaign's field that no brief can be made from.

    `lead` is the campaign's lead product where it was read already.
    """
    product, language = lead or lead_product(campaign), campaign.language
    try:
        return briefs.Brief(
            language=language,
            channel=campaign.channel,
            product=_brief_product(product, language),
            tone=campaign.tone,
            goal=campaign.goal,
            offer=briefs.Offer(campaign.offer_kind, _offer_value(campaign, product)),
            audience=briefs.Audience(audience.key, audience.description(language)),
            deadline=campaign.deadline is not None,
            brand=campaign.brand.name,
            price=shown.money(product.price, product.currency, language),
            code=campaign.code,
            voice=tuple(word.strip() for word in campaign.brand.voice.split(",") if word.strip()),
        )
    except briefs.BriefError as problem:
        raise errors.InvalidInput.field(problem.field.replace(".", "_"), localised(f"{problem.message}.")) from problem


def facts_of(campaign: Campaign, brief: briefs.Brief) -> dict[str, str]:
    """The fact of each slot, as a shopper reads it."""
    last_day = shown.day(campaign.deadline, campaign.language) if campaign.deadline else None
    return briefs.facts(brief, deadline=last_day)


def check_context(campaign: Campaign, brief: briefs.Brief, *, ai_written: bool = False) -> CheckContext:
    """What a copy of the campaign is checked against; one by a model with the label that it will carry.

    The rules are those of the day on which shoppers will see it: today, or the start that is set.
    """
    product, brand, today = lead_product(campaign), campaign.brand, timezone.localdate()
    starts = timezone.localdate(campaign.starts_at) if campaign.starts_at else today
    own = (product.name("en"), product.name("zh"), *_texts(product))
    return CheckContext(
        channel=campaign.channel,
        language=campaign.language,
        facts=facts_of(campaign, brief),
        required_slots=briefs.required_slots(brief),
        supported=tuple(text for text in own if text),
        offer_kind=campaign.offer_kind,
        today=today,
        as_of=max(today, starts),
        price_history=price_history(product),
        label=label_of(campaign) if ai_written else None,
        ai_written=ai_written,
        **brand_rules(brand),
    )


def brand_rules(brand: Brand) -> dict[str, Any]:
    """What a brand itself lays down, as a context of the checks takes it."""
    return {
        "banned_words": tuple(brand.banned_words),
        "jurisdictions": tuple(brand.jurisdictions),
        "preferred_words": tuple(brand.preferred_words),
        "disclaimers": tuple(
            Disclaimer(
                text=str(one.get("text", "")),
                language=str(one.get("language", "")),
                channels=tuple(one.get("channels", ())),
                jurisdictions=tuple(one.get("jurisdictions", ())),
            )
            for one in brand.disclaimers
        ),
        "postal_address": brand.postal_address,
    }


def is_outdated(copy: Copy) -> bool:
    """Whether the facts have changed since the text was filled in."""
    known = facts_of(copy.campaign, brief_of(copy.campaign, copy.audience))
    return bool(dict(CopyParts.of(written_parts(copy), known).filled) != copy.filled)


def tried(
    campaign: Campaign, audience: Audience, parts: Mapping[str, str], *, ai_written: bool
) -> tuple[dict[str, str], list[CopyFinding]]:
    """A text that nobody has stored, as shown, and what the checks say of it."""
    context = check_context(campaign, brief_of(campaign, audience), ai_written=ai_written)
    texts = CopyParts.of(parts, context.facts)
    return dict(texts.filled), check(texts, context)


def price_history(product: Product) -> tuple[PricePoint, ...]:
    """The product's prices of the last year by day, for what a copy says of earlier ones."""
    since = timezone.now() - timedelta(days=PRICE_DAYS)
    return tuple(
        PricePoint(timezone.localdate(one.seen_at), one.price, one.list_price, product.currency)
        for one in product.prices.filter(seen_at__gte=since).order_by("seen_at")
    )


def copies_of(campaign: Campaign) -> QuerySet[Copy]:
    """Every copy with what a page about it needs.

    While the campaign is open, `production_scores` holds what the scorer in use says; after that the test speaks.
    """
    copies = (
        Copy.objects.filter(campaign=campaign)
        .select_related("audience", "product", "author", "requested_by", "parent")
        .prefetch_related(
            Prefetch("findings", Finding.objects.order_by("id")),
            Prefetch("reviews", Review.objects.select_related("reviewer")),
        )
    )
    if campaign.status not in lifecycle.OPEN_CAMPAIGN:
        return copies
    in_use = CopyScore.objects.filter(scorer__stage=Stage.PRODUCTION).select_related("scorer")
    return copies.prefetch_related(Prefetch("scores", in_use, to_attr="production_scores"))


def approved_copies(campaign: Campaign, audience: Audience) -> list[Copy]:
    """The copies that become arms, oldest first."""
    return list(Copy.objects.filter(campaign=campaign, audience=audience, status=CopyStatus.APPROVED).order_by("id"))


def audiences_without_approved(campaign: Campaign) -> list[Audience]:
    """The audiences for which nothing is approved yet."""
    approved = Copy.objects.filter(campaign=campaign, status=CopyStatus.APPROVED)
    have = set(approved.values_list("audience_id", flat=True))
    return [audience for audience in ordered_audiences(campaign) if audience.pk not in have]


def is_own(copy: Copy, member: User) -> bool:
    """Whether the member asked for this copy or wrote this version of it (docs/adr/0006)."""
    return member.pk in {copy.requested_by_id, copy.author_id}


def written_parts(copy: Copy) -> dict[str, str]:
    """The parts as written, with slots."""
    return {part: getattr(copy, part) for part in ("headline", "body", "call_to_action")}


def links_of(campaign: Campaign) -> list[CampaignExperiment]:
    """The experiments of a launched campaign in the order in which audiences are tried."""
    return list(campaign.experiment_links.select_related("audience", "experiment").order_by("position"))


def decide(key: str, *, unit: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a shopper gets from a campaign: the decision of the first audience whose rule fits, for JSON.

    `experiment` and `audience` are None where none fits (`no_audience`), nothing was launched (`not_running`) or the
    circuit breaker is pulled (`tripped`); then the content is what the shop shows today. Raises NotFound for an unknown
    campaign.
    """
    links = CampaignExperiment.objects.filter(campaign__key=key).order_by("position")
    found = list(links.values_list("audience__key", "rule", "experiment__key", "campaign__tripped_at"))
    for audience, rule, experiment, tripped_at in found:
        # Where the circuit breaker is pulled no arm is shown, whatever somebody did to the experiment meanwhile.
        if tripped_at is None and rules.matches(rule, attributes):
            decision = experiments.decide(experiment, [unit])[0].to_dict()
            return {"campaign": key, "audience": audience, **decision}
    return {
        "campaign": key,
        "audience": None,
        "experiment": None,
        "unit": unit,
        "in_experiment": False,
        "arm": None,
        "control": True,
        "reason": _reason(found),
        "content": control_content(campaign_by_key(key)),
    }


def _reason(links: list[tuple[Any, ...]]) -> str:
    if any(tripped_at for *_link, tripped_at in links):
        return "tripped"
    return "no_audience" if links else "not_running"


def control_content(campaign: Campaign) -> dict[str, Any]:
    """What the shop shows today, as an arm's content."""
    texts = {
        "headline": campaign.control_headline,
        "body": campaign.control_body,
        "call_to_action": campaign.control_call_to_action,
    }
    return arm_content(campaign, texts, label="Shown today")


def copy_content(campaign: Campaign, copy: Copy) -> dict[str, Any]:
    """What an arm with a copy hands to the shop: the texts as shown, with the AI label where a law asks for it."""
    label = label_of(campaign)
    content = arm_content(
        campaign, shown_parts(copy, label), label=copy.shown("headline"), theme=copy.theme, copy_id=copy.pk
    )
    marked = marking(copy, label)
    return {**content, "ai": dict(marked)} if marked else content


def arm_content(
    campaign: Campaign, texts: Mapping[str, str], *, label: str, theme: str = "", copy_id: int | None = None
) -> dict[str, Any]:
    """What an arm hands to the shop, texts as shown."""
    return {
        "copy_id": copy_id,
        "channel": campaign.channel,
        "language": campaign.language,
        "label": label,
        "theme": theme,
        **texts,
        "landing_url": campaign.landing_url,
    }


def open_generation(campaign: Campaign) -> Job | None:
    """The job that writes copy for the campaign now, or waits to."""
    return (
        Job.objects.filter(task_name=GENERATE_TASK, object_type=campaign._meta.label, object_id=str(campaign.pk))
        .filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING])
        .first()
    )


def _brief_product(product: Product, language: str) -> briefs.Product:
    return briefs.Product(product.name(language), product.category, product.attributes_in(language))


def _offer_value(campaign: Campaign, product: Product) -> str:
    try:
        return shown.offer_value(
            campaign.offer_kind, campaign.offer_value, currency=product.currency, language=campaign.language
        )
    except shown.OfferError as problem:
        raise errors.InvalidInput.field("offer_value", explain_offer(problem)) from problem


def _texts(product: Product) -> Iterable[str]:
    for language in ("en", "zh"):
        yield product.description(language)
        yield from product.attributes_in(language).values()
