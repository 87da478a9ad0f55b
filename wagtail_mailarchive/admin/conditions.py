"""The condition of a folder or an account: one sentence, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..models import EmailFolderPage, FetchRun, MailAccount, RunStatus, WorkerHeartbeat

START_WORKER = "python manage.py qcluster"


@dataclass(frozen=True)
class NextStep:
    label: str
    url: str


@dataclass(frozen=True)
class Condition:
    """What a folder or account is like now.

    Attributes:
        tone: "info", "success", "warning" or "critical": Wagtail's names for its colours.
        sentence: for the reader, in the active language.
        next_step: where to go; None if there is nothing to do, or nothing this user may do.
        command: to type on the server; "" mostly.
    """

    tone: str
    sentence: str
    next_step: NextStep | None = None
    command: str = ""

    @property
    def icon(self) -> str:
        return {"success": "check", "info": "info-circle"}.get(self.tone, "warning")


def condition_of(folder: EmailFolderPage, user: Any) -> Condition:
    """Return the condition of `folder` as `user` may see and change it; at most four queries."""
    accounts = list(folder.accounts.all())
    if not accounts:
        return _without_accounts(folder, user)
    enabled = [account for account in accounts if account.enabled]
    if not enabled:
        return Condition(
            "warning",
            _("No mail is fetched: every mail account of this folder is switched off."),
            _account_step(accounts[0], _("Switch it on"), user),
        )
    latest = latest_runs(enabled)
    pairs = [(account, latest.get(account.pk)) for account in enabled]
    return _of_runs(pairs, user, worker_is_alive=WorkerHeartbeat.is_alive())


def condition_of_account(
    account: MailAccount, run: FetchRun | None, user: Any, *, worker_is_alive: bool
) -> Condition:
    """Return the condition of `account` whose latest run is `run`, without a query."""
    if not account.enabled:
        return Condition(
            "warning",
            _("Switched off: no mail is fetched."),
            _account_step(account, _("Switch it on"), user),
        )
    return _of_runs([(account, run)], user, worker_is_alive=worker_is_alive)


def latest_runs(accounts: Sequence[MailAccount]) -> dict[int, FetchRun]:
    """Return account id -> latest run, for those that have one; one query."""
    newest = (
        FetchRun.objects.filter(account__in=accounts)
        .order_by()
        .values("account")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    return {
        run.account_id: run
        for run in FetchRun.objects.filter(pk__in=newest)
        if run.account_id is not None
    }


def _without_accounts(folder: EmailFolderPage, user: Any) -> Condition:
    if not user.is_superuser:
        return Condition(
            "info",
            _("No mail account is connected yet. Ask an administrator to connect one."),
        )
    address = reverse("mailarchive_accounts:add") + f"?folder={folder.pk}"
    return Condition(
        "info",
        _("No mail account is connected yet, so no mail will arrive."),
        NextStep(_("Connect a mail account"), address),
    )


def _of_runs(
    pairs: Sequence[tuple[MailAccount, FetchRun | None]], user: Any, *, worker_is_alive: bool
) -> Condition:
    """Return the condition that deserves attention most among these accounts' latest runs."""
    active = [run for _account, run in pairs if run is not None and run.is_active]
    if not worker_is_alive:
        return _worker_down(bool(active))
    if active:
        return _fetching(active)
    for account, run in pairs:
        if run is not None and run.status == RunStatus.FAILED:
            return Condition(
                "critical",
                _("Fetching %(account)s failed (%(when)s). %(error)s")
                % {"account": account.name, "when": _when(run), "error": run.error},
                _account_step(account, _("Open the mail account"), user),
            )
    checked = [run for _account, run in pairs if run is not None]
    if not checked:
        return Condition(
            "info",
            _(
                "Nothing was fetched yet. The first fetch comes with the schedule, "
                "or at once by “Fetch new mail”."
            ),
        )
    return _checked(checked)


def _worker_down(waiting: bool) -> Condition:
    sentence = (
        _("The fetch waits, because no worker is running. Start one on the server:")
        if waiting
        else _("No mail is fetched, because no worker is running. Start one on the server:")
    )
    return Condition("warning", sentence, command=START_WORKER)


def _fetching(runs: Sequence[FetchRun]) -> Condition:
    if all(run.status == RunStatus.QUEUED for run in runs):
        return Condition("info", _("A fetch is queued and starts in a moment."))
    archived = sum(run.archived for run in runs)
    return Condition(
        "info",
        ngettext(
            "Fetching now: %(count)d new message so far.",
            "Fetching now: %(count)d new messages so far.",
            archived,
        )
        % {"count": archived},
    )


def _checked(runs: Sequence[FetchRun]) -> Condition:
    newest = max(runs, key=lambda run: run.pk)
    archived = sum(run.archived for run in runs)
    if not archived:
        sentence = _("Last checked %(when)s: nothing new.") % {"when": _when(newest)}
    else:
        sentence = ngettext(
            "Last checked %(when)s: %(count)d new message.",
            "Last checked %(when)s: %(count)d new messages.",
            archived,
        ) % {"when": _when(newest), "count": archived}
    if any(run.adds_up is False for run in runs):
        sentence += " " + _("What is archived does not add up to what the server holds.")
        return Condition("warning", sentence)
    return Condition("success", sentence)


def _when(run: FetchRun) -> str:
    moment = run.finished_at or run.started_at or run.queued_at
    return date_format(localtime(moment), "SHORT_DATETIME_FORMAT")


def _account_step(account: MailAccount, label: str, user: Any) -> NextStep | None:
    if not user.is_superuser:
        return None
    return NextStep(label, reverse("mailarchive_accounts:edit", args=[account.pk]))
