"""Campaigns: the list, one of them with all its copy, a new one, and the two steps a marketer takes from its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import facts, lifecycle, queries, services
from campaigns.forms import CampaignForm, GenerateForm, ScheduleForm
from campaigns.forms.lists import CampaignFilter
from campaigns.models import Brand, Campaign, Product
from campaigns.models.campaign import CampaignStatus
from campaigns.models.copies import CopyStatus
from campaigns.queries import listing
from campaigns.services.settling import NOT_HANDED_IN
from campaigns.views import reads
from campaigns.views.waiting import review_url
from core import access, dispatch, errors
from core import queries as core_queries
from core.members import signed_in
from core.models import User
from models_ml.channels import PARTS

PAGE_SIZE = 25
# Who makes the next move, by state.
NEXT_MOVES = {
    CampaignStatus.DRAFT: gettext_lazy("Next, a marketer has copy written for each audience."),
    CampaignStatus.GENERATING: gettext_lazy("Copy is being written. A marketer may cancel the job."),
    CampaignStatus.REVIEW: gettext_lazy(
        "Next, an approver decides about each copy; nobody decides about copy they asked for or wrote."
    ),
    CampaignStatus.READY: gettext_lazy(
        "Each audience has approved copy. A marketer launches it, or sets an hour for it."
    ),
    CampaignStatus.SCHEDULED: gettext_lazy("Until its hour a marketer may take the schedule back, or launch it now."),
    CampaignStatus.RUNNING: gettext_lazy(
        "A marketer may end it. A marketer or an approver may give everyone the control by the circuit breaker."
    ),
    CampaignStatus.FINISHED: gettext_lazy("Its results can be read. A marketer may archive it."),
    CampaignStatus.ARCHIVED: gettext_lazy("It is put away. To go on with its idea, duplicate it."),
}
STEPS = ("draft", "generating", "review", "ready", "scheduled", "running", "finished")


@require_safe
@login_required
@permission_required("campaigns.view_campaign", raise_exception=True)
def campaign_list(request: HttpRequest) -> HttpResponse:
    """All campaigns, narrowed by what the address asks for."""
    form = CampaignFilter(request.GET, member=signed_in(request))
    found = listing.campaigns_for(signed_in(request), form.wanted())
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "campaigns/list.html", {"page": page, "form": form})


@require_safe
@login_required
@permission_required("campaigns.view_campaign", raise_exception=True)
def campaign_detail(request: HttpRequest, key: str) -> HttpResponse:
    """One campaign; HTMX asks for its upper part again while copy is being written."""
    campaign = find(request, key)
    context = work(campaign, signed_in(request))
    if request.headers.get("HX-Request"):
        return render(request, "campaigns/_work.html", context)
    context |= {
        "offer_text": offer_text(campaign, context["products"]),
        "history": reads.history(campaign),
    }
    return render(request, "campaigns/detail.html", context)


def work(campaign: Campaign, user: User) -> dict[str, Any]:
    """Where the campaign stands, what may be done, and its copy."""
    audiences, products = queries.ordered_audiences(campaign), queries.products_of(campaign)
    reads.dress(products, campaign.language)
    copies = list(queries.copies_of(campaign).order_by("id"))
    handed_in = [copy for copy in copies if copy.status not in NOT_HANDED_IN]
    groups = reads.audience_groups(campaign, audiences, handed_in)
    job = next(iter(core_queries.jobs_of(campaign, 1)), None)
    return {
        "campaign": campaign,
        "products": products,
        "groups": groups,
        "groups_have_copy": any(group["copies"] for group in groups),
        "pending_count": sum(group["pending"] for group in groups),
        "candidate_count": sum(copy.status == CopyStatus.DRAFT for copy in copies),
        "review_url": review_url(campaign),
        "job": job,
        "live": bool(job and job.is_open),
        "steps": steps(campaign),
        "next_move": NEXT_MOVES[CampaignStatus(campaign.status)],
        "open": campaign.status in lifecycle.OPEN_CAMPAIGN,
        "can": allowed(campaign, user, writing=bool(job and job.is_open)),
        "refusals": refusals(campaign, groups),
        "control": {part: getattr(campaign, f"control_{part}") for part in PARTS},
        "experiments": reads.experiments_of(campaign),
        "zone": timezone.get_current_timezone_name(),
    }


def steps(campaign: Campaign) -> list[dict[str, Any]]:
    """The states from draft to finished, each past, now or still to come; `scheduled` only where an hour was set."""
    shown = [step for step in STEPS if step != CampaignStatus.SCHEDULED or campaign.starts_at is not None]
    now = shown.index(campaign.status) if campaign.status in shown else len(shown)
    places = ["past" if place < now else "now" if place == now else "" for place in range(len(shown))]
    return [{"label": CampaignStatus(step).label, "place": place} for step, place in zip(shown, places, strict=True)]


def allowed(campaign: Campaign, user: User, *, writing: bool) -> dict[str, bool]:
    """Which steps this member may take in the present state."""
    open_now = campaign.status in lifecycle.OPEN_CAMPAIGN and not writing
    waits, launcher = campaign.status == CampaignStatus.SCHEDULED, user.has_perm("experiments.launch_experiment")
    sources = lifecycle.sources(lifecycle.CAMPAIGN_MOVES, CampaignStatus.ARCHIVED)
    return {
        "generate": open_now and user.has_perm("campaigns.generate_copy"),
        "launch": (open_now or waits) and launcher,
        "schedule": campaign.status == CampaignStatus.READY and not writing and launcher,
        "unschedule": waits and launcher,
        "finish": campaign.status == CampaignStatus.RUNNING and launcher,
        "archive": campaign.status in sources and not writing and user.has_perm("campaigns.change_campaign"),
    }


def refusals(campaign: Campaign, groups: list[dict[str, Any]]) -> list[str]:
    """Why the campaign cannot be launched yet, in sentences; the service decides again at the launch."""
    sentence = _("Approve at least one copy for “%(audience)s”.")
    found = [sentence % {"audience": group["name"]} for group in groups if not group["approved"]]
    if not (campaign.control_headline and campaign.control_body):
        found.append(_("Say what the shop shows today: the control needs a headline and a text."))
    if campaign.deadline is not None and campaign.deadline < timezone.localdate():
        found.append(_("The last day has passed; make a new campaign with a later one."))
    return found


def offer_text(campaign: Campaign, products: list[Product]) -> str:
    """What the offer gives, in the campaign's language; as it was entered where it cannot be said so."""
    currency = next((product.currency for product in products), "USD")
    try:
        return facts.offer_value(
            campaign.offer_kind, campaign.offer_value, currency=currency, language=campaign.language
        )
    except facts.OfferError:
        return campaign.offer_value


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@permission_required("campaigns.add_campaign", raise_exception=True)
def campaign_quick(request: HttpRequest) -> HttpResponse:
    """The whole brief on one page, or a new campaign from it."""
    member = signed_in(request)
    if request.method != "POST":
        return render(
            request, "campaigns/new.html", {"form": CampaignForm(initial=first_values(request), member=member)}
        )
    form = CampaignForm(request.POST, member=member)
    campaign = create(form, member) if form.is_valid() else None
    if campaign is None:
        return render(request, "campaigns/new.html", {"form": form}, status=422)
    messages.success(request, _("The campaign is made. Now have copy written for it."))
    return redirect("campaigns:detail", key=campaign.key)


def first_values(request: HttpRequest) -> dict[str, Any]:
    """What stands in an empty brief: the product of `?product=SKU`, and the brand's habits where there is but one."""
    member = signed_in(request)
    chosen = list(
        access.visible(member, Product.objects.all()).filter(sku=request.GET.get("product", "").replace("\x00", ""))
    )
    brands = list(access.visible(member, Brand.objects.all())[:2])
    if len(brands) > 1:
        return {"products": chosen}
    habits = ({"brand": one, "language": one.default_language, "tone": one.tone} for one in brands)
    return {"products": chosen, **next(habits, {})}


def create(form: CampaignForm, member: User) -> Campaign | None:
    """The campaign, or None with the service's refusals shown in the form."""
    values = dict(form.cleaned_data)
    control = {part: values.pop(f"control_{part}") for part in PARTS}
    try:
        return services.create_campaign(
            **values | {"products": list(values["products"]), "audiences": list(values["audiences"])},
            key=services.free_key(values["name"]),
            control=control,
            created_by=member,
        )
    except errors.CopyliftError as problem:
        form.take(problem)
        return None


@require_POST
@login_required
@permission_required("campaigns.generate_copy", raise_exception=True)
def campaign_generate(request: HttpRequest, key: str) -> HttpResponse:
    """Ask the model for copy; the page shows how far it is. With `hold` it stays in the studio until handed in."""
    campaign, form = find(request, key), GenerateForm(request.POST)
    hold = request.POST.get("hold") == "1"
    room = "campaigns:studio" if hold else "campaigns:detail"
    if not form.is_valid():
        messages.error(
            request, " ".join(f"{_('Copies for each audience')}: {one}" for one in form.errors["per_audience"])
        )
        return redirect(room, key=campaign.key)
    try:
        with transaction.atomic():
            wanted = form.cleaned_data["per_audience"]
            job = services.request_generation(campaign, per_audience=wanted, actor=signed_in(request), hold=hold)
            dispatch.send_on_commit(job)
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()))
    return redirect(room, key=campaign.key)


@require_POST
@login_required
@permission_required("experiments.launch_experiment", raise_exception=True)
def campaign_launch(request: HttpRequest, key: str) -> HttpResponse:
    """Start one experiment for each audience, or say what is missing."""
    campaign = find(request, key)
    return attempt(
        request,
        campaign,
        lambda: services.launch_campaign(campaign, actor=signed_in(request)),
        done=_("The campaign runs: each audience has its experiment."),
    )


@require_POST
@login_required
@permission_required("experiments.launch_experiment", raise_exception=True)
def campaign_finish(request: HttpRequest, key: str) -> HttpResponse:
    """End a running campaign: every experiment of it stops for good."""
    campaign = find(request, key)
    return attempt(
        request,
        campaign,
        lambda: services.finish_campaign(campaign, actor=signed_in(request)),
        done=_("The campaign has ended: its experiments are stopped and can be read."),
    )


@require_POST
@login_required
@permission_required("experiments.launch_experiment", raise_exception=True)
def campaign_schedule(request: HttpRequest, key: str) -> HttpResponse:
    """Set the hour of the launch."""
    campaign, form = find(request, key), ScheduleForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(f"{_('Launch at')}: {one}" for one in form.errors["starts_at"]))
        return redirect("campaigns:detail", key=campaign.key)
    return attempt(
        request,
        campaign,
        lambda: services.schedule_campaign(
            campaign, starts_at=form.cleaned_data["starts_at"], actor=signed_in(request)
        ),
        done=_("The launch is scheduled. You are told if it cannot be launched at its hour."),
    )


@require_POST
@login_required
@permission_required("experiments.launch_experiment", raise_exception=True)
def campaign_unschedule(request: HttpRequest, key: str) -> HttpResponse:
    """Take the hour back: the campaign waits for a person again."""
    campaign = find(request, key)
    return attempt(
        request,
        campaign,
        lambda: services.unschedule_campaign(campaign, actor=signed_in(request)),
        done=_("The scheduled launch is taken back."),
    )


@require_POST
@login_required
@permission_required("campaigns.change_campaign", raise_exception=True)
def campaign_archive(request: HttpRequest, key: str) -> HttpResponse:
    """Put away what is not running."""
    campaign = find(request, key)
    return attempt(
        request,
        campaign,
        lambda: services.archive_campaign(campaign, actor=signed_in(request)),
        done=_("The campaign is archived. Its copy and results stay readable."),
    )


def attempt(
    request: HttpRequest, campaign: Campaign, move: Callable[[], object], *, done: str, level: int = messages.SUCCESS
) -> HttpResponse:
    """Make a move of the campaign; its page says that it is done, or why it was refused."""
    try:
        move()
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(problem.sentences()))
    else:
        messages.add_message(request, level, done)
    return redirect("campaigns:detail", key=campaign.key)


def find(request: HttpRequest, key: str) -> Campaign:
    """The campaign, or the 404 page: also for one of a brand that the member may not see."""
    rows = Campaign.objects.select_related("brand", "created_by")
    return get_object_or_404(access.visible(signed_in(request), rows), key=key)
