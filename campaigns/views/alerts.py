"""What went wrong with running tests, each with its sentence: a breaker that is pulled, a guardrail, shares of arms.

An alert lasts as long as what it tells of: the platform's notice stays on the test's own page, here it goes once the
breaker is reset, or once a test that somebody let go on is well again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from core.localised import localised
from experiments import sentences
from experiments.lifecycle import Status
from experiments.models import Analysis, Experiment
from experiments.services.guarding import BREACH

ON = frozenset({Status.RUNNING, Status.PAUSED})


@dataclass(frozen=True)
class Alert:
    """One of them: `key` stays the same while it lasts."""

    key: str
    label: str
    name: str
    sentence: str
    url: str


def alerts(noticed: Iterable[Any], newest: Mapping[int, Analysis]) -> list[Alert]:
    """Of the tests to look at, those that are on and not well; a pulled breaker is said once a campaign."""
    found = {one.key: one for test in noticed for one in _alerts(test, newest.get(test.pk))}
    return list(found.values())


def _alerts(test: Any, analysis: Analysis | None) -> Iterator[Alert]:
    link = getattr(test, "campaign_link", None)
    if test.status not in ON:
        return
    if link is not None and link.campaign.tripped_at is not None:
        yield _tripped(link.campaign)
    elif test.notice and (test.status == Status.PAUSED or _lasts(test.notice["code"], analysis)):
        yield _noticed(test, analysis)


def _lasts(code: str, analysis: Analysis | None) -> bool:
    results = analysis.results if analysis else {}
    if code == BREACH:
        return any(one["status"] == "failed" for one in results.get("guardrails", ()))
    return bool(results.get("sample_ratio", {}).get("flagged"))


def _tripped(campaign: Any) -> Alert:
    sentence = _("Everyone gets the control. %(reason)s") % {"reason": localised(campaign.tripped_reason)}
    url = reverse("campaigns:detail", args=[campaign.key])
    return Alert(f"tripped-{campaign.pk}", _("circuit breaker pulled"), campaign.name, sentence, url)


def _noticed(test: Experiment, analysis: Analysis | None) -> Alert:
    notice = test.notice or {}
    label = _("guardrail broken") if notice["code"] == BREACH else _("shares of the arms are wrong")
    sentence = sentences.notice_of(notice, analysis)
    return Alert(
        f"{notice['code']}-{test.pk}", label, test.name, sentence, reverse("experiments:detail", args=[test.key])
    )
