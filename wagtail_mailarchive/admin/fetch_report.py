"""“Mail fetches” under Reports: what each fetch run did."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Media
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.reports import ReportView

from ..fetching.states import does_not_add_up
from ..models import FetchRun, RunStatus


def _queued(run: FetchRun) -> str:
    return date_format(localtime(run.queued_at), "SHORT_DATETIME_FORMAT")


def messages_of(run: FetchRun) -> str:
    """Return how many messages met which outcome, leaving out what did not happen."""
    counted = [
        (_("archived"), run.archived),
        (_("duplicate"), run.duplicates),
        (_("excluded"), run.excluded),
        (_("quarantined"), run.quarantined),
        (_("too large"), run.too_large),
        (_("erased"), run.erased),
    ]
    named = [f"{number} {name}" for name, number in counted if number]
    if run.status == RunStatus.SUCCEEDED:
        named = named or [_("nothing new")]
        named.append(_("%(number)d on the server") % {"number": run.on_server})
    return ", ".join(named)


def outcome(run: FetchRun) -> str:
    """Return what a run came to, in one or two sentences."""
    if run.error:
        return run.error
    if run.adds_up is False:
        return does_not_add_up().sentence
    return ""


class FetchReportView(ReportView):
    page_title = gettext_lazy("Mail fetches")
    header_icon = "mail"
    model = FetchRun
    index_url_name = "mailarchive_fetch_report"
    index_results_url_name = "mailarchive_fetch_report_results"
    default_ordering = "-pk"
    is_searchable = False
    columns = [
        Column("queued", label=gettext_lazy("Requested"), accessor=_queued),
        Column("account", label=gettext_lazy("Mail account"), accessor="account_name"),
        Column("folder", label=gettext_lazy("Email folder"), classname="mailarchive-wide"),
        Column("status", label=gettext_lazy("Status"), accessor="get_status_display"),
        Column("messages", label=gettext_lazy("Messages"), accessor=messages_of),
        Column("outcome", label=gettext_lazy("Outcome"), accessor=outcome, width="35%"),
    ]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_superuser:
            raise PermissionDenied
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["media"] += Media(css={"all": ["wagtail_mailarchive/admin.css"]})
        return context

    def get_base_queryset(self) -> QuerySet[FetchRun]:
        return FetchRun.objects.select_related("folder")

    def order_queryset(self, queryset: QuerySet[FetchRun]) -> QuerySet[FetchRun]:
        return queryset.order_by("-pk")
