"""The rule packs to read: versions, what changed, and each rule with its article, days, exemptions and examples."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from campaigns.compliance.library import packs
from campaigns.compliance.packs import EVERYWHERE, Pack, Rule, jurisdiction_of
from campaigns.models import Brand, Finding
from campaigns.queries import brands as queries
from core.languages import page_language
from core.members import signed_in

# What a predicate fills in; the slots of a brief ({product}) are shown so too.
_VALUE = re.compile(r"\{[a-z_]+\}")


@require_safe
@login_required
@permission_required("campaigns.view_brand", raise_exception=True)
def rule_list(request: HttpRequest) -> HttpResponse:
    """Every pack."""
    brands, language = list(queries.brand_list(signed_in(request))), page_language()
    shown = [_pack(pack, brands, language) for pack in packs()]
    return render(request, "campaigns/rules.html", {"packs": shown})


def _pack(pack: Pack, brands: list[Brand], language: str) -> dict[str, Any]:
    return {
        "id": pack.id,
        "title": pack.title.said(language),
        "about": pack.about.said(language),
        "version": pack.version,
        "everywhere": pack.id in EVERYWHERE,
        "brands": [one for one in brands if pack.jurisdiction in {jurisdiction_of(code) for code in one.jurisdictions}],
        "changes": [(one.version, one.day, one.what.said(language)) for one in pack.changes],
        "rules": [_rule(rule, language) for rule in pack.rules],
    }


def _rule(rule: Rule, language: str) -> dict[str, Any]:
    said, today = rule.sentences[""], timezone.localdate()
    return {
        "id": rule.id,
        "severity": rule.severity,
        "weight": Finding.Severity(rule.severity).label,
        "message": _VALUE.sub("…", said.message.said(language)),
        "remedy": _VALUE.sub("…", said.remedy.said(language)),
        "why": rule.why.said(language),
        "cited": rule.cited(language),
        "verified": rule.verified,
        "days": rule.days,
        "in_force": rule.days.hold(today),
        "fails": rule.fails,
        "passes": rule.passes,
        "exemptions": [
            {
                "title": one.title.said(language),
                "article": one.article.said(language),
                "days": one.days,
                "in_force": one.days.hold(today),
                "verified": one.verified,
            }
            for one in rule.exemptions
        ],
    }
