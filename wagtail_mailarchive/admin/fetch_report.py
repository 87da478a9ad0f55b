"""“Mail fetches” under Reports: what each fetch run did."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.ui.tables import Column
from wagtail.admin.views.reports import ReportView

from ..models import FetchRun


def _queued(run: FetchRun) -> str:
    return date_format(localtime(run.queued_at), "SHORT_DATETIME_FORMAT")


def _duration(run: FetchRun) -> str:
    if run.started_at is None or run.finished_at is None:
        return ""
    seconds = round((run.finished_at - run.started_at).total_seconds())
    return _("%(seconds)d s") % {"seconds": seconds}


def outcome(run: FetchRun) -> str:
    """Return what a run came to, in one or two sentences."""
    if run.error:
        return run.error
    if run.adds_up is False:
        return _("What is archived does not add up to what the server holds.")
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
        Column("folder", label=gettext_lazy("Email folder")),
        Column("status", label=gettext_lazy("Status"), accessor="get_status_display"),
        Column("duration", label=gettext_lazy("Duration"), accessor=_duration),
        Column("archived", label=gettext_lazy("Archived")),
        Column("duplicates", label=gettext_lazy("Duplicates")),
        Column("quarantined", label=gettext_lazy("Quarantined")),
        Column("too_large", label=gettext_lazy("Too large")),
        Column("on_server", label=gettext_lazy("On the server")),
        Column("outcome", label=gettext_lazy("Outcome"), accessor=outcome, width="30%"),
    ]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_superuser:
            raise PermissionDenied
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_base_queryset(self) -> QuerySet[FetchRun]:
        return FetchRun.objects.select_related("folder")

    def order_queryset(self, queryset: QuerySet[FetchRun]) -> QuerySet[FetchRun]:
        return queryset.order_by("-pk")
