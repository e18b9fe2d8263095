"""What the pages show, read in few queries and put into words: a template gets values and decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from campaigns import facts, queries
from campaigns.models import Audience, Campaign
from campaigns.models.copies import CopyStatus
from campaigns.review_page import PROVENANCE
from campaigns.views.scores import shown_score
from campaigns.wording.findings import dress as dress_findings
from core import access, audit
from core import queries as core_queries
from core.languages import page_language
from core.models import Job, Notice, User
from experiments import queries as experiment_queries
from experiments import sentences
from experiments.lifecycle import Status
from experiments.models import Analysis, Experiment
from models_ml.brief import ATTRIBUTES
from models_ml.labelling import AiLabel

RUNNING_SHOWN = 6
PAST = frozenset({CopyStatus.REJECTED, CopyStatus.EDITED})
HISTORY_SHOWN = 15
ACTIONS = {
    "campaign.created": _("made the campaign"),
    "campaign.generation_asked": _("asked for copy"),
    "campaign.planned": _("kept a plan"),
    "campaign.control_set": _("said what the shop shows today"),
    "campaign.draft": _("put it back to draft: no copy is handed in"),
    "campaign.review": _("opened the review"),
    "campaign.ready": _("found it ready: each audience has approved copy"),
    "campaign.scheduled": _("scheduled the launch"),
    "campaign.unscheduled": _("took the scheduled launch back"),
    "campaign.launch_failed": _("could not launch it at its hour"),
    "campaign.running": _("launched it"),
    "campaign.test_message": _("sent a test message"),
    "campaign.tripped": _("pulled the circuit breaker"),
    "campaign.reset": _("reset the circuit breaker"),
    "campaign.finished": _("ended it"),
    "campaign.archived": _("archived it"),
}
VERDICT_TONES = {
    "ship": "good",
    "keep": "warn",
    "roll_back": "bad",
    "invalid": "bad",
    "keep_running": "live",
    "cannot_tell": "",
}


# --- experiments ------------------------------------------------------------------------------------------------
def running_experiments(user: User) -> tuple[list[Experiment], int]:
    """The running experiments, the newest first, and how many more there are."""
    running = access.visible(user, Experiment.objects.filter(status=Status.RUNNING))
    found = list(running.order_by("-created_at", "-id")[: RUNNING_SHOWN + 40])
    return found[:RUNNING_SHOWN], max(0, len(found) - RUNNING_SHOWN)


def attach_figures(experiment: Any, analysis: Analysis | None) -> None:
    """Give a running experiment its newest figures and its verdict, also as a sentence in the reader's language."""
    results = analysis.results if analysis else {}
    experiment.units = results.get("units")
    experiment.verdict = analysis.verdict if analysis else ""
    experiment.told = sentences.sentence_of(analysis) if analysis else ""
    experiment.tone = VERDICT_TONES.get(experiment.verdict, "live")
    goal = next((metric for metric in results.get("metrics", ()) if metric.get("is_goal")), None)
    shown = goal if goal and goal.get("format") == "share" and experiment.units else None
    experiment.headline_label = sentences.label(shown["label"]) if shown else ""
    experiment.headline = _headline(shown, results["arms"]) if shown else []


def _headline(metric: dict[str, Any], arms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lifts = {one["arm"]: (one.get("lift") or {}).get("estimate") for one in metric["comparisons"]}
    chances = {one["arm"]: one.get("chance_to_win") for one in metric["comparisons"]}
    values = {one["arm"]: (one.get("value") or {}).get("estimate") for one in metric["arms"]}
    return [
        {
            "name": arm["name"],
            "is_control": arm["is_control"],
            "value": values.get(arm["key"]),
            "lift": lifts.get(arm["key"]),
            "chance": chances.get(arm["key"]),
        }
        for arm in arms
    ]


def experiments_of(campaign: Campaign) -> list[Experiment]:
    """A campaign's experiments in the order of its audiences, each with its newest sentence."""
    rows = Experiment.objects.filter(campaign_link__campaign=campaign)
    found: list[Any] = list(rows.order_by("campaign_link__position"))
    newest = experiment_queries.newest_analyses(one.pk for one in found)
    for experiment in found:
        attach_figures(experiment, newest.get(experiment.pk))
    return found


def unread_notices(user: User, limit: int) -> list[Notice]:
    """What the member was told and has not put away, the newest first."""
    return list(Notice.objects.filter(user=user, read_at=None).order_by("-id")[:limit])


def jobs_for(user: User, limit: int) -> list[Job]:
    """The newest jobs about what the member may see."""
    return core_queries.recent_jobs(user, limit)


# --- campaigns --------------------------------------------------------------------------------------------------
def waiting_campaigns(user: User, limit: int) -> list[Campaign]:
    """Campaigns in which somebody must do something.

    `reviewable` counts the copy that `user` may decide on, `candidates` what the model wrote and nobody handed in yet.
    """
    pending = Q(copies__status=CopyStatus.PENDING)
    own = Q(copies__author=user) | Q(copies__requested_by=user)
    open_now = Campaign.objects.filter(status__in=["draft", "review", "ready"])
    found = access.visible(user, open_now).order_by("-created_at")
    return list(
        found.annotate(
            candidates=Count("copies", filter=Q(copies__status=CopyStatus.DRAFT)),
            reviewable=Count("copies", filter=pending & ~own),
        )[:limit]
    )


def audience_groups(campaign: Campaign, audiences: Sequence[Audience], copies: Iterable[Any]) -> list[dict[str, Any]]:
    """The copy by audience: what can become an arm, and apart from it what was rejected or replaced."""
    language = page_language()
    by_audience: dict[int, list[Any]] = {audience.pk: [] for audience in audiences}
    label = queries.label_of(campaign)
    for copy in copies:
        copy.shown_parts = queries.shown_parts(copy, label)
        copy.labelled_for = _asking(label) if queries.is_ai_written(copy) else ""
        copy.shown_findings = list(copy.findings.all())
        dress_findings(copy.shown_findings, language)
        copy.shown_reviews = list(copy.reviews.all())
        copy.shown_score = shown_score(next(iter(getattr(copy, "production_scores", ())), None))
        copy.shown_provenance = provenance(copy.provenance)
        by_audience.setdefault(copy.audience_id, []).append(copy)
    return [_group(audience, by_audience[audience.pk], language) for audience in audiences]


def _asking(label: AiLabel | None) -> str:
    """Where a law asks that a text by a model says so, for the note beside the copy."""
    return ", ".join(rule.jurisdiction for rule in label.rules) if label is not None else ""


def _group(audience: Audience, copies: list[Any], language: str) -> dict[str, Any]:
    states = [copy.status for copy in copies]
    return {
        "key": audience.key,
        "name": audience.name(language),
        "description": audience.description(language),
        "copies": [copy for copy in copies if copy.status not in PAST],
        "past": [copy for copy in copies if copy.status in PAST],
        "approved": states.count(CopyStatus.APPROVED),
        "pending": states.count(CopyStatus.PENDING),
    }


def provenance(values: dict[str, Any]) -> list[tuple[str, str]]:
    """The parts of a provenance worth reading, as names and short texts."""
    return [(str(label), str(values[name])[:120]) for name, label in PROVENANCE.items() if values.get(name) is not None]


def history(campaign: Campaign) -> list[Any]:
    """What happened to the campaign, newest first, each entry with `words` to read after the name of who did it."""
    entries: list[Any] = list(audit.history(campaign)[:HISTORY_SHOWN])
    for entry in entries:
        entry.words = ACTIONS.get(entry.action, entry.action)
    return entries


# --- products ---------------------------------------------------------------------------------------------------
def dress(products: Iterable[Any], language: str) -> None:
    """Give each product its texts and prices as a person reads them."""
    for product in products:
        product.shown_name = product.name(language)
        product.shown_attributes = _in_order(product.attributes_in(language))
        product.shown_price = facts.money(product.price, product.currency, language)
        reduced = product.list_price is not None and product.list_price > product.price
        product.shown_list_price = facts.money(product.list_price, product.currency, language) if reduced else ""


def _in_order(attributes: dict[str, str]) -> list[str]:
    """The values, those that become slots first: the database does not keep the order of an object's keys."""
    names = sorted(attributes, key=lambda name: (name not in ATTRIBUTES, name))
    return [attributes[name] for name in names]
