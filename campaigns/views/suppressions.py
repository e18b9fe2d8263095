"""Who gets nothing: the list, adding by hand and from a file, and taking off, which is for administrators."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from campaigns import people_files, services
from campaigns.forms.shoppers import SuppressionFileForm, SuppressionForm
from campaigns.models import Suppression
from campaigns.people_records import RecordError
from campaigns.queries.shoppers import suppression_list as listed
from campaigns.services.suppression import LASTING
from core import errors
from core.members import signed_in
from core.roles import Role

PAGE_SIZE = 50
MOST_BYTES = 20 * 1024**2


@require_safe
@login_required
@permission_required("campaigns.view_suppression", raise_exception=True)
def suppression_list(request: HttpRequest) -> HttpResponse:
    """The list, found by the beginning of an address or unit."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:254]
    page = Paginator(listed(words), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "words": words,
        "form": SuppressionForm(),
        "file_form": SuppressionFileForm(auto_id="id_file_%s"),
        "may_lift": signed_in(request).has_role(Role.ADMINISTRATOR),
        "lasting": LASTING,
    }
    return render(request, "campaigns/suppressions.html", context)


@require_POST
@login_required
@permission_required("campaigns.add_suppression", raise_exception=True)
def suppression_add(request: HttpRequest) -> HttpResponse:
    """One by hand."""
    form = SuppressionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("An address or unit is needed."))
        return redirect("campaigns:suppressions")
    try:
        services.suppress(**form.cleaned_data, actor=signed_in(request))
        messages.success(request, _("Nothing goes there any more."))
    except errors.CopyliftError as problem:
        messages.error(request, " ".join(one.message for one in problem.problems))
    return redirect("campaigns:suppressions")


@require_POST
@login_required
@permission_required("campaigns.add_suppression", raise_exception=True)
def suppression_import(request: HttpRequest) -> HttpResponse:
    """A whole file, or nothing of it."""
    form = SuppressionFileForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, _("Choose a file with one address or unit a line."))
        return redirect("campaigns:suppressions")
    upload = form.cleaned_data["file"]
    try:
        if (upload.size or 0) > MOST_BYTES:
            raise errors.TooLarge(_("The file is larger than %(most)d MB.") % {"most": MOST_BYTES // 1024**2})
        values = people_files.first_cells(upload.read())
        made = services.suppress_many(
            values=values,
            reason=form.cleaned_data["reason"],
            channel=form.cleaned_data["channel"],
            actor=signed_in(request),
        )
        sentence = ngettext("%(made)d entry is new.", "%(made)d entries are new.", made)
        messages.success(request, sentence % {"made": made})
    except RecordError:
        messages.error(request, _("The file cannot be read: it must be CSV or plain text in UTF-8."))
    except errors.CopyliftError as problem:
        messages.error(request, " ".join([one.message for one in problem.problems] or [problem.message]))
    return redirect("campaigns:suppressions")


@require_POST
@login_required
@permission_required("campaigns.view_suppression", raise_exception=True)
def suppression_lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one off, for administrators and with a reason."""
    if not signed_in(request).has_role(Role.ADMINISTRATOR):
        raise PermissionDenied
    found = get_object_or_404(Suppression, pk=pk)
    try:
        services.lift_suppression(found, reason=request.POST.get("reason", "")[:300], actor=signed_in(request))
        messages.success(request, _("Taken off the list."))
    except errors.CopyliftError as problem:
        messages.error(request, " ".join([one.message for one in problem.problems] or [problem.message]))
    return redirect("campaigns:suppressions")
