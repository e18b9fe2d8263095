"""The team: the list, an invitation, one member's roles. For administrators."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core import errors
from core.forms import InvitationForm, MemberForm
from core.members import signed_in
from core.models import User
from core.services import members

may_change = permission_required("core.change_user", raise_exception=True)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@may_change
def member_list(request: HttpRequest) -> HttpResponse:
    """All members; POST invites one, who gets a link by e-mail to set a password."""
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                member = members.invite_member(**form.cleaned_data, actor=signed_in(request))
                members.mail_invitation(member, invited_by=signed_in(request))
        except errors.CopyliftError as problem:
            form.add_error("email", problem.message)
        except OSError:
            form.add_error(None, _("The e-mail could not be sent, so nobody was invited. Check the mail settings."))
        else:
            messages.success(request, _("%(email)s gets a link to set a password.") % {"email": member.email})
            return redirect("core:members")
    team = User.objects.prefetch_related("groups").order_by("-is_active", "name", "email")
    return render(request, "core/members.html", {"team": team, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@may_change
def member_detail(request: HttpRequest, member_id: int) -> HttpResponse:
    """One member's name, roles and whether they may sign in."""
    member = get_object_or_404(User, pk=member_id)
    first = {"name": member.name, "roles": sorted(member.role_names), "is_active": member.is_active}
    form = MemberForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            members.change_member(member, **form.cleaned_data, actor=signed_in(request))
        except errors.CopyliftError as problem:
            form.add_error(None, problem.message)
        else:
            messages.success(request, _("%(member)s was changed.") % {"member": str(member)})
            return redirect("core:members")
    return render(request, "core/member.html", {"member": member, "form": form})


@require_POST
@login_required
@may_change
def member_again(request: HttpRequest, member_id: int) -> HttpResponse:
    """A new link for a member who has not set a password yet; the old one may be too old."""
    member = get_object_or_404(User, pk=member_id, is_active=True)
    if member.has_usable_password():
        messages.error(request, _("%(member)s has a password already.") % {"member": str(member)})
        return redirect("core:member", member.pk)
    try:
        members.mail_invitation(member, invited_by=signed_in(request))
    except OSError:
        messages.error(request, _("The e-mail could not be sent. Check the mail settings."))
    else:
        messages.success(request, _("%(email)s gets a link to set a password.") % {"email": member.email})
    return redirect("core:members")
