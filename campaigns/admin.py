"""Campaigns in Django's admin: the shop to keep, campaigns and reviews to read, and copy to approve.

A copy is never changed through Django's own form. Its page has three doors of its own (approve, edit, reject), each one
call of a service, so the rules hold here as everywhere: nobody approves their own, what a check blocks stays blocked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from campaigns import audiences as rules
from campaigns import queries, review_page, services
from campaigns.models import Audience, Brand, Campaign, Copy, PriceRecord, Product, Review
from campaigns.models.copies import CopyStatus
from core import access, errors
from core.admin import ReadOnlyAdmin
from core.members import signed_in

COPY_FIELDS = ("theme", "headline", "body", "call_to_action")


class BrandFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that offers only what the member may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        open_to = access.visible(signed_in(request), field.related_model.objects.all())
        return field.get_choices(include_blank=False, limit_choices_to={"pk__in": open_to.values("pk")})


class BrandBoundAdmin(admin.ModelAdmin[Any]):
    """Rows of the brands that the member may see; nothing else is listed, opened, chosen or changed."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return access.visible(signed_in(request), super().get_queryset(request))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        rows = access.visible(signed_in(request), db_field.related_model.objects.all())
        return super().formfield_for_foreignkey(db_field, request, **{"queryset": rows, **kwargs})


@admin.register(Brand)
class BrandAdmin(BrandBoundAdmin):
    """Brands, their voice and the words they never use."""

    list_display = ["name", "key", "default_language", "voice"]
    prepopulated_fields = {"key": ["name"]}


class PriceInline(admin.TabularInline[PriceRecord, Product]):
    """Past prices, to read."""

    model = PriceRecord
    extra = 0
    can_delete = False
    fields = ["price", "list_price", "seen_at"]
    readonly_fields = ["price", "list_price", "seen_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Product)
class ProductAdmin(BrandBoundAdmin):
    """What is sold. A changed price leaves a price record."""

    list_display = ["sku", "name_en", "name_zh", "category", "price", "list_price", "currency", "stock"]
    list_filter = [("brand", BrandFilter), "category", "currency"]
    search_fields = ["sku", "name_en", "name_zh", "category"]
    inlines = [PriceInline]

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change or {"price", "list_price"} & set(form.changed_data):
            services.record_price(obj, actor=signed_in(request))


class AudienceForm(forms.ModelForm[Audience]):
    """Refuses a rule that cannot be evaluated."""

    def clean_rule(self) -> Any:
        """The rule, checked."""
        rule = self.cleaned_data["rule"] or []
        try:
            rules.validate_rule(rule)
        except rules.RuleError as problem:
            raise forms.ValidationError(str(problem)) from problem
        return rule


@admin.register(Audience)
class AudienceAdmin(admin.ModelAdmin[Audience]):
    """Audiences with their rules in words."""

    form = AudienceForm
    list_display = ["name_en", "key", "in_words"]
    search_fields = ["key", "name_en", "name_zh"]

    @admin.display(description=gettext_lazy("rule"))
    def in_words(self, audience: Audience) -> str:
        return rules.describe(audience.rule)


@admin.register(Campaign)
class CampaignAdmin(BrandBoundAdmin, ReadOnlyAdmin):
    """Campaigns are made and moved on the dashboard."""

    list_display = ["name", "key", "brand", "language", "channel", "status", "created_by", "created_at"]
    list_filter = ["status", "channel", "language", ("brand", BrandFilter)]
    search_fields = ["name", "key"]


@admin.register(Review)
class ReviewAdmin(BrandBoundAdmin, ReadOnlyAdmin):
    """Every decision about copy."""

    list_display = ["created_at", "decision", "reviewer", "copy", "reason"]
    list_filter = ["decision", "reviewer"]
    search_fields = ["reason", "copy__headline", "copy__campaign__name"]


class StateFilter(admin.SimpleListFilter):
    """State, where none chosen means what waits: an approver opens the list to work."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", gettext_lazy("all")), *CopyStatus.choices]

    def choices(self, changelist: Any) -> Any:
        for value, label in self.lookup_choices:
            yield {
                "selected": (self.value() or CopyStatus.PENDING) == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Copy]) -> QuerySet[Copy]:
        chosen = self.value() or CopyStatus.PENDING
        return queryset if chosen == "all" else queryset.filter(status=chosen)


class FindingFilter(admin.SimpleListFilter):
    """Whether the checks found something."""

    title = gettext_lazy("checks")
    parameter_name = "checks"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("clean", gettext_lazy("nothing found")),
            ("warn", gettext_lazy("to look at")),
            ("block", gettext_lazy("blocked")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "block":
                return queryset.filter(blocking__gt=0)
            case "warn":
                return queryset.filter(blocking=0, found__gt=0)
            case "clean":
                return queryset.filter(found=0)
            case _:
                return queryset


@admin.register(Copy)
class CopyAdmin(BrandBoundAdmin):
    """The approver's queue, and the page on which a copy is decided."""

    list_display = ["shown_headline", "checks", "audience", "campaign", "state", "asked_by"]
    list_display_links = ["shown_headline"]
    list_filter = [
        StateFilter,
        FindingFilter,
        ("campaign", BrandFilter),
        "audience",
        "campaign__channel",
        "campaign__language",
    ]
    list_select_related = ["campaign", "audience", "requested_by", "author"]
    list_per_page = 50
    search_fields = ["headline", "body", "theme", "campaign__name"]
    ordering = ["campaign", "audience", "id"]
    actions = ["approve_selected"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_review_permission(self, request: HttpRequest) -> bool:
        """Who may approve; named in the action's `permissions`."""
        return signed_in(request).has_perm("campaigns.review_copy")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Copy]:
        blocking = Count("findings", filter=Q(findings__severity="block"))
        rows: QuerySet[Copy] = super().get_queryset(request).annotate(found=Count("findings"), blocking=blocking)
        return rows

    @admin.display(description=gettext_lazy("as shown"), ordering="headline")
    def shown_headline(self, copy: Copy) -> SafeString:
        headline, body = copy.shown("headline"), copy.shown("body")
        return format_html('<strong>{}</strong><br><span class="as-shown">{}</span>', headline, body)

    @admin.display(description=gettext_lazy("state"), ordering="status")
    def state(self, copy: Copy) -> SafeString:
        shown = format_html('<span class="state {}">{}</span>', copy.status, copy.get_status_display())
        return format_html("{}<br>{}", shown, _("version %(n)d") % {"n": copy.version}) if copy.version > 1 else shown

    @admin.display(description=gettext_lazy("checks"), ordering="blocking")
    def checks(self, copy: Any) -> SafeString:
        if copy.blocking:
            return format_html('<span class="state rejected">{}</span>', _("blocked"))
        if copy.found:
            return format_html('<span class="state pending">{}</span>', _("look closely"))
        return format_html('<span class="state quiet">{}</span>', _("nothing found"))

    @admin.display(description=gettext_lazy("asked by"), ordering="requested_by")
    def asked_by(self, copy: Copy) -> str:
        return str(copy.requested_by or copy.author or "–")

    @admin.action(description=gettext_lazy("Approve the chosen copy"), permissions=["review"])
    def approve_selected(self, request: HttpRequest, chosen: QuerySet[Copy]) -> None:
        """Approve what may be approved; say of each other one why not."""
        approved = first = 0
        for copy in chosen:
            try:
                decided = services.approve_copy(copy, reviewer=signed_in(request), stops=services.OPEN_FINDINGS)
                approved += decided.status == CopyStatus.APPROVED
                first += decided.status == CopyStatus.PENDING
            except errors.CopyliftError as problem:
                messages.warning(request, f"{copy}: {problem.message}")
        if approved:
            said = ngettext("%(n)d copy was approved.", "%(n)d copies were approved.", approved) % {"n": approved}
            messages.success(request, said)
        if first:
            said = ngettext(
                "%(n)d copy waits for a second approver.", "%(n)d copies wait for a second approver.", first
            )
            messages.info(request, said % {"n": first})

    # --- the page of one copy -----------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(f"<int:copy_id>/{door.__name__}/", wrap(door), name=f"campaigns_copy_{door.__name__}")
            for door in (self.approve, self.edit, self.reject)
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "GET":
            # Django's own form is not shown, so nothing honest posts here.
            return HttpResponseNotAllowed(["GET"])
        return self._page(request, self._copy(request, object_id))

    def approve(self, request: HttpRequest, copy_id: int) -> HttpResponse:
        """POST: approve the text that was on the page."""

        def decide(copy: Copy) -> str:
            if request.POST.get("seen") != review_page.seen(copy):
                raise errors.Conflict(_("The text changed since this page was opened. Look again."), code="unseen")
            reason = request.POST.get("reason", "")
            decided = services.approve_copy(copy, reviewer=signed_in(request), reason=reason)
            if decided.status == CopyStatus.PENDING:
                return _("Approved once: “%(copy)s”. It waits for a second approver.")
            return _("Approved: “%(copy)s”.")

        return self._decide(request, copy_id, decide)

    def reject(self, request: HttpRequest, copy_id: int) -> HttpResponse:
        """POST: reject, with a reason."""

        def decide(copy: Copy) -> str:
            kind, reason = request.POST.get("kind", ""), request.POST.get("reason", "")
            services.reject_copy(copy, reviewer=signed_in(request), reason=reason, kind=kind)
            return _("Rejected: “%(copy)s”.")

        return self._decide(request, copy_id, decide)

    def edit(self, request: HttpRequest, copy_id: int) -> HttpResponse:
        """POST: a new version, which another approver has to approve."""

        def decide(copy: Copy) -> str:
            parts = {name: request.POST.get(name, "").replace("\r\n", "\n") for name in COPY_FIELDS}
            services.edit_copy(copy, editor=signed_in(request), parts=parts, reason=request.POST.get("reason", ""))
            return _("Edited: “%(copy)s”. The new version waits for another approver.")

        return self._decide(request, copy_id, decide)

    def _decide(self, request: HttpRequest, copy_id: int, decide: Callable[[Copy], str]) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        copy = self._copy(request, str(copy_id))
        try:
            said = decide(copy)
        except errors.Forbidden as problem:
            raise PermissionDenied(problem.message) from problem
        except errors.CopyliftError as problem:
            if problem.code == "facts_changed":
                copy = services.refill_copy(copy, actor=signed_in(request))
            messages.error(request, " ".join(problem.sentences()[1:] or [problem.message]))
            return self._page(request, copy, status=problem.status)
        messages.success(request, said % {"copy": copy})
        return HttpResponseRedirect(self._next(request, copy))

    def _copy(self, request: HttpRequest, copy_id: str) -> Copy:
        copy: Copy | None = self.get_object(request, copy_id)
        if not self.has_view_permission(request, copy):
            raise PermissionDenied
        if copy is None:
            raise Http404(_("There is no such copy."))
        return copy

    def _page(self, request: HttpRequest, copy: Copy, status: int = 200) -> TemplateResponse:
        typed = {name: request.POST.get(name) or getattr(copy, name) for name in COPY_FIELDS}
        context = {
            **self.admin_site.each_context(request),
            **review_page.context(copy, signed_in(request)),
            "title": _("Review copy"),
            "opts": self.opts,
            "typed": typed,
            "typed_reason": request.POST.get("reason", ""),
            "editing": any(name in request.POST for name in COPY_FIELDS),
        }
        return TemplateResponse(request, "admin/campaigns/copy/review.html", context, status=status)

    def _next(self, request: HttpRequest, copy: Copy) -> str:
        """The next copy of the same campaign that this member may decide about, else the list."""
        others = queries.waiting_for(signed_in(request)).filter(campaign=copy.campaign).order_by("id")
        following = others.filter(pk__gt=copy.pk).first() or others.first()
        if following is None or not self.has_review_permission(request):
            return reverse("admin:campaigns_copy_changelist")
        return reverse("admin:campaigns_copy_change", args=[following.pk])
