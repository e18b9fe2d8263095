"""A report as who has a link sees it: without an account, in either language, and nothing can be changed there.

No door here writes to a session. The answer is kept by no cache and no search engine, and what is followed from it
learns nothing of the address, which is the key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from core import errors, rates
from core.throttle import address_of
from experiments import reports
from experiments.models import ReportLink
from experiments.queries.sharing import link_by_token, token_of
from experiments.services.sharing import count_view

# A whole office may stand behind one address.
MOST_A_MINUTE = 60
MOST_PDF_A_MINUTE = 6
FILES = ("csv", "parquet", "details_csv", "details_parquet")
HEADERS = {
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


@require_safe
def shared_report(request: HttpRequest, token: str) -> HttpResponse:
    """The report as a page."""

    def answer(link: ReportLink) -> HttpResponse:
        if request.method == "GET":
            count_view(link)
        return render(request, "experiments/shared.html", context_of(link))

    return opened(request, token, answer)


@require_safe
def shared_file(request: HttpRequest, token: str, name: str) -> HttpResponse:
    """The same figures as data."""

    def answer(link: ReportLink) -> HttpResponse:
        try:
            content, media_type, file = reports.export(link.experiment, name)
        except errors.NotFound:
            return closed(request, 404, _("Nothing here yet"), _("This test has no results yet. Come back later."))
        headers = {"Content-Disposition": f'attachment; filename="{file}"'}
        return HttpResponse(content, content_type=media_type, headers=headers)

    return opened(request, token, answer)


@require_safe
def shared_pdf(request: HttpRequest, token: str) -> HttpResponse:
    """The report as PDF; where this machine cannot make one, a page that says how to print it."""

    def answer(link: ReportLink) -> HttpResponse:
        # Seconds of work each, so fewer of them than of pages.
        wait = rates.seconds_to_wait(f"report pdf\n{address_of(request)}", most=MOST_PDF_A_MINUTE, seconds=60)
        if wait:
            return too_often(request, wait)
        try:
            content = reports.render_pdf(link.experiment)
        except errors.Unavailable:
            sentence = _(
                "Open the report and save it as PDF from your browser's print window: it is laid out for paper."
            )
            return closed(request, 503, _("No PDF can be made here"), sentence)
        headers = {"Content-Disposition": f'attachment; filename="{link.experiment.key}.pdf"'}
        return HttpResponse(content, content_type="application/pdf", headers=headers)

    return opened(request, token, answer)


def context_of(link: ReportLink) -> dict[str, Any]:
    """What the page shows beside the result: who shared it, until when, and the files."""
    return {
        **reports.context(link.experiment),
        "link": link,
        "token": token_of(link),
        # An address is no stranger's business; a name is what the page is about.
        "shared_by": link.created_by.name if link.created_by is not None else "",
        "files": FILES,
        "languages": settings.LANGUAGES,
    }


def opened(request: HttpRequest, token: str, answer: Callable[[ReportLink], HttpResponse]) -> HttpResponse:
    """The answer for a link that opens, else a page that says why it does not; in the language that is asked for."""
    with translation.override(language_of(request)):
        made = _opened(request, token, answer)
        made.headers["Content-Language"] = translation.get_language() or settings.LANGUAGE_CODE
    for name, value in HEADERS.items():
        made.headers[name] = value
    return made


def _opened(request: HttpRequest, token: str, answer: Callable[[ReportLink], HttpResponse]) -> HttpResponse:
    wait = rates.seconds_to_wait(f"report\n{address_of(request)}", most=MOST_A_MINUTE, seconds=60)
    if wait:
        return too_often(request, wait)
    link = link_by_token(token)
    if link is None:
        sentence = _("The address is not whole, or there never was such a report. Ask whoever sent it for a new link.")
        return closed(request, 404, _("No report here"), sentence)
    if not link.is_usable():
        sentence = _("The link has ended or was taken back. Ask whoever sent it for a new one.")
        return closed(request, 410, _("This report is no longer shared"), sentence)
    return answer(link)


def too_often(request: HttpRequest, wait: int) -> HttpResponse:
    """429 with when to come back."""
    sentence = ngettext(
        "Wait %(seconds)d second, then load the page again.",
        "Wait %(seconds)d seconds, then load the page again.",
        wait,
    ) % {"seconds": wait}
    refused = closed(request, 429, _("Too many pages at once"), sentence)
    refused.headers["Retry-After"] = str(wait)
    return refused


def closed(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    """A page without a report. It tells nothing of what the address might have been."""
    return render(request, "experiments/shared_closed.html", {"title": title, "sentence": sentence}, status=status)


def language_of(request: HttpRequest) -> str:
    """`?lang=` where it names a language of ours, else what the browser, or a member's choice, asked for."""
    asked = request.GET.get("lang", "")
    known = {**{code: code for code, _name in settings.LANGUAGES}, "zh": "zh-hans"}
    return known.get(asked.lower(), translation.get_language() or settings.LANGUAGE_CODE)
