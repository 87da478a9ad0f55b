"""What “Where is my mail?” tells of one message: in which words, and where they lead."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..fetching import states
from ..fetching.schedule import latest_run_id, next_fetch_at
from ..models import (
    EmailMessagePage,
    FetchRun,
    LedgerEntry,
    MailAccount,
    Outcome,
)
from ..models.run import sentence
from ..models.site_settings import effective_settings, is_on
from .ledger_rows import day, envelope_of, ledger_address, on_the_server


@dataclass(frozen=True, slots=True)
class Found:
    """One message, and what became of it.

    Attributes:
        address: where to read it, or the list that shows it; "" for neither.
        told: sentences.
    """

    subject: str
    sender: str
    at: datetime | None
    address: str
    told: list[str]


def told_unread(outcome: Outcome, number: int) -> str:
    if outcome == Outcome.WAITING:
        told = ngettext(
            "%(number)d message in these mailboxes waits to be fetched: it could be this one.",
            "%(number)d messages in these mailboxes wait to be fetched: it could be one of them.",
            number,
        )
    else:
        told = ngettext(
            "%(number)d message in these mailboxes was left out: it could be this one.",
            "%(number)d messages in these mailboxes were left out: it could be one of them.",
            number,
        )
    return told % {"number": number}


def archived(message: EmailMessagePage, entries: Sequence[LedgerEntry]) -> list[str]:
    """Return what to tell of a page and, to managers, of each mailbox that held it."""
    told = []
    for entry in entries:
        words = {
            "date": day(entry.decided_at),
            "folder": message.folder.title,
            "from": _origin(entry),
        }
        if entry.outcome == Outcome.DUPLICATE:
            line = _("Found again on %(date)s in %(from)s; it is kept once.") % words
        else:
            line = _("Archived on %(date)s in “%(folder)s” from %(from)s.") % words
        told.append(f"{line} {on_the_server(entry)}".strip())
    if not told:
        words = {"date": day(message.first_published_at), "folder": message.folder.title}
        told.append(_("Archived on %(date)s in “%(folder)s”.") % words)
    return told


def without_page(entry: LedgerEntry, next_fetches: dict[int, datetime]) -> Found:
    envelope = envelope_of(entry)
    words = {
        "date": day(entry.decided_at),
        "from": _origin(entry),
        "reason": sentence(entry.reason_code, entry.reason_params),
        "size": filesizeformat(entry.size or 0),
    }
    address = ledger_address(mailbox=entry.mailbox_id, outcome=entry.outcome)
    if entry.outcome == Outcome.QUARANTINED:
        line = _("In quarantine since %(date)s, from %(from)s. %(reason)s") % words
        address = f"{reverse('mailarchive_quarantine')}?mailbox={entry.mailbox_id}"
    elif entry.outcome == Outcome.TOO_LARGE:
        line = _("Too large (%(size)s), so it is not archived; it was in %(from)s.") % words
    elif entry.outcome == Outcome.EXCLUDED:
        line = _("Left out, in %(from)s: %(reason)s") % words
    elif entry.outcome == Outcome.ERASED:
        line = _("Erased here on %(date)s; it came from %(from)s.") % words
    else:
        at = next_fetches.get(entry.mailbox.account_id or 0)
        line = (
            _("Waiting in %(from)s for the next fetch at %(time)s.")
            % {**words, "time": states.clock(at)}
            if at
            else _("Waiting in %(from)s; no fetch is planned, or one is under way.") % words
        )
        line = f"{line} {words['reason']}"
    return Found(
        (envelope.subject if envelope else "") or _("(no subject)"),
        envelope.sender if envelope else "",
        (envelope.sent_at if envelope else None) or entry.received_at,
        address,
        [f"{line} {on_the_server(entry)}".strip()],
    )


def _origin(entry: LedgerEntry) -> str:
    """Return "INBOX of Sales"."""
    account = entry.mailbox.account
    words = {"mailbox": entry.mailbox.name, "account": account.name if account else ""}
    if account is None:
        return _("%(mailbox)s of a mail account that was removed") % words
    return _("%(mailbox)s of %(account)s") % words


def next_fetches(account_ids: Collection[int]) -> dict[int, datetime]:
    """Return account id -> time of its next fetch, of those that have one."""
    if not account_ids or not is_on():
        return {}
    accounts = list(
        MailAccount.objects.filter(pk__in=account_ids)
        .defer("sealed_secret")
        .select_related("health")
        .annotate(latest=latest_run_id())
    )
    runs = FetchRun.objects.in_bulk([each.latest for each in accounts if each.latest])
    site = effective_settings()
    times = {each.pk: next_fetch_at(each, runs.get(each.latest), site) for each in accounts}
    return {key: moment for key, moment in times.items() if moment is not None}
