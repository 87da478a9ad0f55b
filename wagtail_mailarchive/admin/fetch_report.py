"""“Mail fetches” under Reports: what each fetch run did, for those who manage its folder."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.forms import Media
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import ChoiceFilter, DateFromToRangeFilter, ModelChoiceFilter
from wagtail.admin.filters import DateRangePickerWidget, WagtailFilterSet
from wagtail.admin.ui.tables import Column, TitleColumn
from wagtail.admin.views.reports import ReportView

from ..fetching.states import does_not_add_up
from ..models import EmailFolderPage, FetchRun, MailAccount, RunStatus
from ..models.permissions import accounts_managed_by, folders_managed_by

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
        (_("marked as read"), run.marked_read),
        (_("moved on the server"), run.moved),
        (_("deleted on the server"), run.deleted),
    ]
    named = [f"{_grouped(number)} {name}" for name, number in counted if number]
    if run.status == RunStatus.SUCCEEDED:
        named = named or [_("nothing new")]
        named.append(_("%(number)s on the server") % {"number": _grouped(run.on_server)})
    return ", ".join(named)


def _grouped(number: int) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)


def outcome(run: FetchRun) -> str:
    """Return what a run came to, in one or two sentences."""
    if run.error:
        return run.error
    if run.adds_up is False:
        return does_not_add_up().sentence
    return ""


def plain_text(value: str) -> str:
    """Return `value` as what no spreadsheet program takes for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def _folders(request: HttpRequest) -> QuerySet[EmailFolderPage]:
    return folders_managed_by(request.user).order_by("title")


def _accounts(request: HttpRequest) -> QuerySet[MailAccount]:
    return accounts_managed_by(request.user).order_by("name")


class FetchReportFilterSet(WagtailFilterSet):
    folder = ModelChoiceFilter(label=gettext_lazy("Email folder"), queryset=_folders)
    account = ModelChoiceFilter(label=gettext_lazy("Mail account"), queryset=_accounts)
    status = ChoiceFilter(label=gettext_lazy("Status"), choices=RunStatus.choices)
    queued_at = DateFromToRangeFilter(label=gettext_lazy("Requested"), widget=DateRangePickerWidget)

    class Meta:
        model = FetchRun
        fields: list[str] = []


class FetchReportView(ReportView):
    page_title = gettext_lazy("Mail fetches")
    header_icon = "mail"
    model = FetchRun
    filterset_class = FetchReportFilterSet
    index_url_name = "mailarchive_fetch_report"
    index_results_url_name = "mailarchive_fetch_report_results"
    default_ordering = "-pk"
    is_searchable = False
    columns = [
        TitleColumn(
            "queued",
            label=gettext_lazy("Requested"),
            accessor=_queued,
            classname="mailarchive-when",
            get_url=lambda run: reverse("mailarchive_fetch_run", args=[run.pk]),
        ),
        Column("account", label=gettext_lazy("Mail account"), accessor="account_name"),
        Column("folder", label=gettext_lazy("Email folder"), classname="mailarchive-wide"),
        Column("status", label=gettext_lazy("Status"), accessor="get_status_display"),
        Column("messages", label=gettext_lazy("Messages"), accessor=messages_of),
        Column("outcome", label=gettext_lazy("Outcome"), accessor=outcome, width="35%"),
    ]
    export_filename = "mail-fetches"
    list_export = [
        "pk",
        "account_name",
        "folder.title",
        "get_trigger_display",
        "started_by",
        "get_status_display",
        "queued_at",
        "started_at",
        "finished_at",
        "archived",
        "duplicates",
        "excluded",
        "quarantined",
        "too_large",
        "erased",
        "waiting",
        "on_server",
        "adds_up",
        "bytes_fetched",
        "marked_read",
        "moved",
        "deleted",
        "not_proven",
        "error_code",
        "error",
    ]
    export_headings = {
        "pk": gettext_lazy("Number"),
        "account_name": gettext_lazy("Mail account"),
        "folder.title": gettext_lazy("Email folder"),
        "get_trigger_display": gettext_lazy("Trigger"),
        "get_status_display": gettext_lazy("Status"),
        "queued_at": gettext_lazy("Requested"),
        "error_code": gettext_lazy("Error"),
        "error": gettext_lazy("Outcome"),
    }
    custom_value_preprocess = {
        **ReportView.custom_value_preprocess,
        str: {ReportView.FORMAT_CSV: plain_text, ReportView.FORMAT_XLSX: plain_text},
    }

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["media"] += Media(css={"all": ["wagtail_mailarchive/admin.css"]})
        return context

    def get_base_queryset(self) -> QuerySet[FetchRun]:
        managed = folders_managed_by(self.request.user)
        return FetchRun.objects.filter(folder__in=managed).select_related("folder", "started_by")

    def order_queryset(self, queryset: QuerySet[FetchRun]) -> QuerySet[FetchRun]:
        return queryset.order_by("-pk")
