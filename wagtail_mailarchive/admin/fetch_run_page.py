"""One fetch run: how it goes or went, whether it adds up, and the messages it decided on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.paginator import Page as ListingPage
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView
from wagtail.admin.paginator import WagtailPaginator
from wagtail.admin.utils import get_user_display_name
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from ..fetching.health import health_of
from ..fetching.progress import progress
from ..fetching.states import does_not_add_up
from ..fetching.tally import tally
from ..models import FetchRun, LedgerEntry, Mailbox, Outcome, Presence
from ..models.account import AfterFetch
from ..models.permissions import may_manage_any
from ..models.run import sentence
from .fetch_now import refused_to_fetch
from .fetch_progress import FetchRegion
from .ledger_rows import ledger_address
from .ledger_sum import sum_of, without_lists
from .message_listing import NOT_LISTED, may_inspect
from .policies import may_manage

MESSAGES_PER_PAGE = 50
DECIDED = [outcome for outcome in Outcome if outcome is not Outcome.WAITING]


class FetchRunView(WagtailAdminTemplateMixin, TemplateView):
    """Shows a run to those who may fetch into its folder."""

    template_name = "wagtail_mailarchive/admin/fetch_run.html"
    http_method_names = ["get", "head", "options"]
    page_title = gettext_lazy("Mail fetch")
    header_icon = "mail"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        runs = FetchRun.objects.select_related("folder", "account", "started_by")
        self.run = get_object_or_404(runs, pk=kwargs["run_id"])
        if not self.run.folder.permissions_for_user(request.user).can_fetch():
            return refused_to_fetch(request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_page_subtitle(self) -> str:
        return self.run.account_name

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = [*self.breadcrumbs_items]
        if may_manage_any(self.request.user):
            items.append({"url": reverse("mailarchive_fetch_report"), "label": _("Mail fetches")})
        here = {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()}
        return [*items, here]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        run = self.run
        region = FetchRegion(run.folder, [run])
        [told] = progress([run])
        outcome = self._chosen_outcome()
        decided = entries_of(run)
        if outcome is not None:
            decided = decided.filter(outcome=outcome)
        paginator = WagtailPaginator(decided, MESSAGES_PER_PAGE)
        page: ListingPage[LedgerEntry] = paginator.get_page(self.request.GET.get("p"))
        context.update(
            run=run,
            region=region if run.is_active else None,
            sentence=told["sentence"],
            facts=self._facts(),
            counters=_counters(run),
            sum_of_ledger=_sum_of_ledger(run, self.request.user),
            afterwards=_afterwards(run, self.request.user),
            left_because=list(_left_because(run)),
            outcome=outcome,
            decided=[self._row(entry) for entry in page.object_list],
            page_obj=page,
            elided_page_range=paginator.get_elided_page_range(page.number),
            is_paginated=paginator.num_pages > 1,
            media=region.media,
        )
        return context

    def _chosen_outcome(self) -> Outcome | None:
        chosen = self.request.GET.get("outcome", "")
        return Outcome(chosen) if chosen in DECIDED else None

    def _facts(self) -> list[tuple[str, str, str]]:
        """Return (label, value, address) of what is known of the run; "" for no address."""
        run = self.run
        account = ""
        if run.account_id and may_manage(self.request.user, run.folder):
            account = reverse("mailarchive_accounts:edit", args=[run.account_id])
        folder = reverse("wagtailadmin_explore", args=[run.folder_id])
        facts = [
            (_("Mail account"), run.account_name, account),
            (_("Email folder"), run.folder.get_admin_display_title(), folder),
            (_("Status"), run.get_status_display(), ""),
            (_("Started"), _who(run), ""),
            (_("Requested"), _moment(run.queued_at), ""),
            (_("Begun"), _moment(run.started_at), ""),
            (_("Ended"), _moment(run.finished_at), ""),
            (_("Duration"), _duration(run), ""),
            (_("Read from the server"), filesizeformat(run.bytes_fetched), ""),
        ]
        return [fact for fact in facts if fact[1]]

    def _row(self, entry: LedgerEntry) -> dict[str, Any]:
        """Return what the list shows of one entry; of its page only to those who may read it."""
        message = entry.message
        readable = message is not None and may_inspect(self.request.user, message)
        return {
            "entry": entry,
            "message": message if readable else None,
            "address": reverse("wagtailadmin_pages:edit", args=[message.pk])
            if message is not None and readable
            else "",
            "reason": sentence(entry.reason_code, entry.reason_params),
        }


def entries_of(run: FetchRun) -> QuerySet[LedgerEntry]:
    """Return what `run` decided on, latest first; none where its account was removed.

    An account has one active run at a time, so what was decided on in its mailboxes between the
    run's beginning and its end was decided by it.
    """
    if run.account_id is None or run.started_at is None:
        return LedgerEntry.objects.none()
    until = run.finished_at or timezone.now()
    # By their ids, so that the index of (mailbox, decided_at) serves.
    mailboxes = list(Mailbox.objects.filter(account=run.account_id).values_list("pk", flat=True))
    return (
        LedgerEntry.objects.filter(
            mailbox__in=mailboxes, decided_at__gte=run.started_at, decided_at__lte=until
        )
        .select_related("mailbox", "message")
        .defer(*(f"message__{name}" for name in NOT_LISTED))
        .order_by("-decided_at", "-pk")
    )


def _counters(run: FetchRun) -> list[tuple[str, int, Outcome]]:
    counted = [
        (run.archived, Outcome.ARCHIVED),
        (run.duplicates, Outcome.DUPLICATE),
        (run.excluded, Outcome.EXCLUDED),
        (run.quarantined, Outcome.QUARANTINED),
        (run.too_large, Outcome.TOO_LARGE),
        (run.erased, Outcome.ERASED),
    ]
    return [(str(outcome.label), number, outcome) for number, outcome in counted if number]


def _afterwards(run: FetchRun, user: Any) -> list[tuple[str, int, str]]:
    """Return (label, number, address) of what was done on the server; what is to be even at 0.

    Lists of the ledger are for managers, and of the whole account.
    """
    action = run.account.after_fetch if run.account else AfterFetch.LEAVE
    removed = ""
    if run.account and may_manage(user, run.folder):
        removed = ledger_address(account=run.account.pk, presence=Presence.REMOVED.value)
    counted = [
        (_("Marked as read"), run.marked_read, "", action == AfterFetch.MARK_READ),
        (_("Moved"), run.moved, removed, action == AfterFetch.MOVE),
        (_("Deleted"), run.deleted, removed, action == AfterFetch.DELETE),
        (_("Left, because not proven"), run.not_proven, "", False),
    ]
    return [
        (label, number, address if number else "")
        for label, number, address, is_to_be in counted
        if number or is_to_be
    ]


def _left_because(run: FetchRun) -> Iterator[str]:
    """Yield why mail that was archived stays on the server as it was."""
    if run.anomaly_code:
        yield _(
            "In this fetch something was not as it should be, so nothing more was changed on the "
            "server: %(reason)s"
        ) % {"reason": sentence(run.anomaly_code, run.anomaly_params)}
    account = run.account
    if account is None or account.after_fetch == AfterFetch.LEAVE or not _is_latest(run):
        return
    if reason := health_of(account).not_treated_because:
        yield reason


def _is_latest(run: FetchRun) -> bool:
    latest = run.account.runs.order_by("-pk").first() if run.account else None
    return latest is not None and latest.pk == run.pk


def _sum_of_ledger(run: FetchRun, user: Any) -> dict[str, Any] | None:
    """Return the sum of the account's ledger, or what the run noted of it at its end.

    Only of the latest run is it known what became of each message on the server.
    """
    if run.finished_at is None or run.adds_up is None:
        return None
    if run.account and _is_latest(run):
        found = sum_of(run.account, tally(run.account))
        if not may_manage(user, run.folder):
            # The lists behind the numbers are for those who manage the account.
            found = without_lists(found)
        return {"sum": found, "warning": found.warning}
    return {
        "on_server": run.on_server,
        "waiting": run.waiting,
        "warning": "" if run.adds_up else does_not_add_up().sentence,
    }


def _who(run: FetchRun) -> str:
    if run.started_by is None:
        return str(run.get_trigger_display())
    return f"{run.get_trigger_display()} ({get_user_display_name(run.started_by)})"


def _moment(moment: Any) -> str:
    return date_format(localtime(moment), "DATETIME_FORMAT") if moment else ""


def _duration(run: FetchRun) -> str:
    if run.started_at is None:
        return ""
    taken: timedelta = (run.finished_at or timezone.now()) - run.started_at
    seconds = max(0, round(taken.total_seconds()))
    if seconds < 120:
        return ngettext("%(number)d second", "%(number)d seconds", seconds) % {"number": seconds}
    minutes = round(seconds / 60)
    return ngettext("%(number)d minute", "%(number)d minutes", minutes) % {"number": minutes}
