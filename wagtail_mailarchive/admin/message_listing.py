"""A folder in Wagtail's explorer: its messages, newest first, and its condition above them.

Only what the index of (folder, date) serves is sortable, and searching goes through our own
search table: at 100,000 children Wagtail's own ways take seconds.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.forms import Media
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail import hooks
from wagtail.admin import messages as admin_messages
from wagtail.admin.ui.tables import Column, TitleColumn
from wagtail.admin.views.pages.listing import ExplorableIndexView
from wagtail.admin.widgets.button import HeaderButton

from ..archive.search import find
from ..exceptions import SearchUnavailable
from ..fetching.condition import condition_of_folder
from ..models import EmailMessagePage
from .fetch_now import fetch_button_attrs, may_fetch
from .fetch_progress import beside, region_of_folder
from .moving import region_of_folder as moving_region
from .refusals import may_explore

SEARCH_LIMIT = 500
# Bulky columns that no row of the listing shows.
NOT_LISTED = ["addresses", "references", "in_reply_to", "structure", "defects"]


def when(message: EmailMessagePage) -> str:
    """Return the sent date in the reader's zone; another date says which one it is."""
    moment = date_format(localtime(message.sorted_at), "SHORT_DATETIME_FORMAT")
    if not message.is_sorted_by_received:
        return moment
    if message.received_at == message.sorted_at:
        return _("%(date)s (received)") % {"date": moment}
    return _("%(date)s (archived)") % {"date": moment}


def isolated(text: str) -> SafeString:
    """Return words of a mail so that they keep their order on a page that runs the other way."""
    return format_html("<bdi>{}</bdi>", text)


class SubjectColumn(TitleColumn):
    def get_link_url(self, instance: EmailMessagePage, parent_context: Any) -> str | None:
        if not may_inspect(parent_context["request"].user, instance):
            return None
        return reverse("wagtailadmin_pages:edit", args=[instance.pk])


def may_inspect(user: Any, message: EmailMessagePage) -> bool:
    """Whether `user` may read `message` in the admin: who may change or publish pages there."""
    tester = message.permissions_for_user(user)
    return bool(
        tester.permission_policy.user_has_any_permission_for_instance(
            user, {"change", "publish"}, message
        )
    )


class MessageIndexView(ExplorableIndexView):
    template_name = "wagtail_mailarchive/admin/message_listing.html"
    results_template_name = "wagtail_mailarchive/admin/message_listing_results.html"
    default_ordering = "-sorted_at"
    sort_order_field = None
    base_columns = [
        Column(
            "sender",
            label=gettext_lazy("Sender"),
            accessor=lambda message: isolated(message.display_sender),
            width="22%",
        ),
        SubjectColumn(
            "title",
            label=gettext_lazy("Subject"),
            accessor=lambda message: isolated(message.get_admin_display_title()),
            classname="title",
        ),
        Column("sent", label=gettext_lazy("Sent"), accessor=when, sort_key="sorted_at"),
        Column(
            "size",
            label=gettext_lazy("Size"),
            accessor=lambda message: filesizeformat(message.size),
            classname="mailarchive-wide",
        ),
        Column(
            "attachments",
            label=gettext_lazy("Attachments"),
            accessor=lambda message: message.attachment_count or "",
            classname="mailarchive-wide",
        ),
    ]

    @cached_property
    def explorable_columns(self) -> list[Column]:
        return list(self.columns)

    @cached_property
    def header_buttons(self) -> list[Any]:
        if not may_fetch(self.request.user, self.parent_page):
            return []
        address = reverse("mailarchive_fetch_folder", args=[self.parent_page.pk])
        return [
            HeaderButton(_("Fetch new mail"), icon_name="mail", attrs=fetch_button_attrs(address))
        ]

    def get_base_queryset(self) -> QuerySet[EmailMessagePage]:
        messages = EmailMessagePage.objects.filter(folder_id=self.parent_page.pk, trashed=False)
        user = self.request.user
        if not may_explore(user, self.parent_page):
            explorable = self.permission_policy.explorable_instances(user)
            messages = messages.filter(pk__in=explorable.values_list("pk", flat=True))
        listed: QuerySet[EmailMessagePage] = messages.defer(*NOT_LISTED)
        return listed

    def order_queryset(self, queryset: QuerySet[EmailMessagePage]) -> QuerySet[EmailMessagePage]:
        if self.ordering == "sorted_at":
            return queryset.order_by("sorted_at", "pk")
        return queryset.order_by("-sorted_at", "-pk")

    def search_queryset(self, queryset: QuerySet[EmailMessagePage]) -> QuerySet[EmailMessagePage]:
        for hook in hooks.get_hooks("construct_explorer_page_queryset"):
            queryset = hook(self.parent_page, queryset, self.request)
        if not self.is_searching:
            return queryset
        try:
            found = find(self.parent_page.pk, self.search_query, limit=SEARCH_LIMIT)
        except SearchUnavailable:
            admin_messages.error(self.request, _(SearchUnavailable.template))
            return queryset.none()
        return queryset.filter(text_entry__in=found)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        user = self.request.user
        condition = condition_of_folder(
            self.parent_page, user, is_empty=not self.parent_page.numchild
        )
        context["search_limit"] = SEARCH_LIMIT
        context["media"] += Media(css={"all": ["wagtail_mailarchive/admin.css"]})
        region = region_of_folder(self.parent_page, user)
        if region is not None:
            context["fetch_region"] = region
            context["media"] += region.media
            condition = beside(region, condition)
        context["condition"] = condition
        moving = moving_region(self.parent_page, user)
        if moving is not None and may_explore(user, self.parent_page):
            context["moving_region"] = moving
            context["media"] += moving.media
        return context
