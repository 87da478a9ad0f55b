"""What the choice after a fetch means for an account, in numbers and before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from wagtail.log_actions import LogFormatter, log

from ..fetching.treatment import MOST_DAYS, concerned
from ..models import LedgerEntry, MailAccount, Outcome, Presence
from ..models.account import AfterFetch, MailboxChoice

# The action in Wagtail's log.
CHOSEN = "mailarchive.after_fetch"
_Sentences = Mapping[str, str | Promise]

_WITH_NEXT_FETCH: _Sentences = {
    AfterFetch.MARK_READ: ngettext_lazy(
        "%(number)s message that is archived will be marked as read with the next fetch.",
        "%(number)s messages that are archived will be marked as read with the next fetch.",
        "count",
    ),
    AfterFetch.MOVE: ngettext_lazy(
        "%(number)s message that is archived will be moved to “%(mailbox)s” with the next fetch.",
        "%(number)s messages that are archived will be moved to “%(mailbox)s” with the next fetch.",
        "count",
    ),
    AfterFetch.DELETE: ngettext_lazy(
        "%(number)s message that is archived will be deleted with the next fetch.",
        "%(number)s messages that are archived will be deleted with the next fetch.",
        "count",
    ),
}
_LATER: _Sentences = {
    AfterFetch.MARK_READ: ngettext_lazy(
        "%(number)s more will be marked as read when its days have passed.",
        "%(number)s more will be marked as read when their days have passed.",
        "count",
    ),
    AfterFetch.MOVE: ngettext_lazy(
        "%(number)s more will be moved when its days have passed.",
        "%(number)s more will be moved when their days have passed.",
        "count",
    ),
    AfterFetch.DELETE: ngettext_lazy(
        "%(number)s more will be deleted when its days have passed.",
        "%(number)s more will be deleted when their days have passed.",
        "count",
    ),
}
_NEW_AT_ONCE: _Sentences = {
    AfterFetch.MARK_READ: gettext_lazy(
        "Each new message is marked as read in the fetch that archives it."
    ),
    AfterFetch.MOVE: gettext_lazy(
        "Each new message is moved to “%(mailbox)s” in the fetch that archives it."
    ),
    AfterFetch.DELETE: gettext_lazy("Each new message is deleted in the fetch that archives it."),
}
_NEW_LATER: _Sentences = {
    AfterFetch.MARK_READ: ngettext_lazy(
        "Each new message is marked as read %(number)s day after it was archived.",
        "Each new message is marked as read %(number)s days after it was archived.",
        "count",
    ),
    AfterFetch.MOVE: ngettext_lazy(
        "Each new message is moved to “%(mailbox)s” %(number)s day after it was archived.",
        "Each new message is moved to “%(mailbox)s” %(number)s days after it was archived.",
        "count",
    ),
    AfterFetch.DELETE: ngettext_lazy(
        "Each new message is deleted %(number)s day after it was archived.",
        "Each new message is deleted %(number)s days after it was archived.",
        "count",
    ),
}


GMAIL_NOTE = gettext_lazy(
    "At Gmail deleting only takes the label of the mailbox away: the message stays in All Mail. "
    "To have it go, choose to move it to Gmail's trash. By POP3 Gmail's own settings decide."
)


@dataclass(frozen=True, slots=True)
class Affected:
    """Archived messages that are still on the server and not yet treated as the account says.

    Attributes:
        due: those with which the next fetch does it.
        later: those that were archived too lately.
    """

    due: int
    later: int


def affected_by(account: MailAccount) -> Affected:
    """Count what the choice of `account`, saved or not, applies to (one query)."""
    if account.pk is None or account.after_fetch == AfterFetch.LEAVE:
        return Affected(0, 0)
    before = timezone.now() - timedelta(days=min(account.after_fetch_days, MOST_DAYS))
    counted = concerned(_rows(account), account.after_fetch).aggregate(
        whole=Count("pk"), due=Count("pk", filter=Q(decided_at__lte=before))
    )
    return Affected(counted["due"], counted["whole"] - counted["due"])


def archived_on_server(account: MailAccount) -> int:
    """Return how many archived messages of `account` are on the server (one query)."""
    return _rows(account).count() if account.pk is not None else 0


def _rows(account: MailAccount) -> QuerySet[LedgerEntry]:
    rows = LedgerEntry.objects.filter(
        mailbox__account=account.pk,
        # UIDs of another server, or user there, mean nothing any more.
        mailbox__server__in=["", account.server],
        mailbox__uidvalidity=F("uidvalidity"),
        outcome__in=[Outcome.ARCHIVED, Outcome.DUPLICATE],
        presence__in=[Presence.PRESENT, Presence.REMOVAL_PENDING],
    )
    if account.mailbox_choice == MailboxChoice.NAMED:
        rows = rows.filter(mailbox__name__in=account.mailboxes)
    else:
        rows = rows.filter(mailbox__is_archived=True)
    return rows


def what_happens(account: MailAccount) -> list[str]:
    """Return what is done on the server from now on: the numbers first, then new mail."""
    return [*what_happens_to_archived(account), what_happens_to_new(account)]


def what_happens_to_new(account: MailAccount) -> str:
    """Return what is done with what the next fetches archive."""
    if account.after_fetch == AfterFetch.LEAVE:
        return _("Mail on the server is left untouched.")
    days = account.after_fetch_days
    return _said(_NEW_LATER if days else _NEW_AT_ONCE, account, days)


def what_happens_to_archived(account: MailAccount) -> list[str]:
    """Return the same of what is archived already; nothing if nothing is."""
    affected = affected_by(account)
    if not affected.due and not affected.later:
        return []
    told = [_said(_WITH_NEXT_FETCH, account, affected.due)]
    return [*told, _said(_LATER, account, affected.later)] if affected.later else told


def what_deleting_means(account: MailAccount, *, is_gmail: bool) -> list[str]:
    """Return what has to be known before deletion is chosen."""
    told = [
        _(
            "People who use this mailbox elsewhere lose these messages: they are deleted on "
            "%(host)s itself."
        )
        % {"host": account.host},
        *what_happens(account),
        _(
            "A message is deleted only after its original here was read back, and the server's "
            "was fetched once more and is the same."
        ),
        _(
            "Until the next backup of this site it is then nowhere but here. Choose more days "
            "than lie between two backups."
        ),
    ]
    return [*told, str(GMAIL_NOTE)] if is_gmail else told


def log_choice(account: MailAccount, user: Any) -> None:
    """Note in Wagtail's log who chose what happens after the fetch."""
    data = {
        "after_fetch": account.after_fetch,
        "days": account.after_fetch_days,
        "move_to": account.move_to,
    }
    log(instance=account, action=CHOSEN, user=user, data=data)


class ChoiceFormatter(LogFormatter):
    """Tells of the choice in an account's history and in the site's."""

    label = gettext_lazy("Choose what happens after the fetch")

    def format_message(self, log_entry: Any) -> str:
        data = log_entry.data
        chosen = str(AfterFetch(data["after_fetch"]).label)
        if data["move_to"]:
            chosen = f"{chosen} “{data['move_to']}”"
        if data["days"]:
            after = ngettext("after %(days)d day", "after %(days)d days", data["days"])
            chosen = f"{chosen}, {after % data}"
        return _("After the fetch: %(chosen)s") % {"chosen": chosen}


def _said(sentences: _Sentences, account: MailAccount, count: int) -> str:
    number = number_format(count, use_l10n=True, force_grouping=True)
    filling = {"count": count, "number": number, "mailbox": account.move_to}
    return str(sentences[account.after_fetch] % filling)
