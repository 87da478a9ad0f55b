"""“Where is my mail?”: what became of a message, in every mailbox that the asker may see.

Messages are found where the asker may read them, as a page or in the admin. What is no page
(in quarantine, too large, waiting) and where mail came from is told to those who manage the
folder; nobody else learns that it is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.forms import Media
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from ..archive.whereabouts import MOST, Question, find_envelopes, find_messages, not_read
from ..fetching import states
from ..fetching.schedule import latest_run_id, next_fetch_at
from ..fetching.tally import THERE
from ..models import (
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    Presence,
)
from ..models.permissions import folders_managed_by
from ..models.privacy import readable_folders, refused_restrictions
from ..models.run import sentence
from ..models.site_settings import effective_settings, is_on
from .ledger_rows import day, envelope_of, ledger_address, on_the_server
from .message_listing import may_inspect
from .policies import asked_number

# A message that hundreds of mailboxes hold: these tell enough.
_MOST_ENTRIES = 500


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


class WhereaboutsView(WagtailAdminTemplateMixin, TemplateView):
    """Answers everyone who may enter the admin, each with what they may see."""

    template_name = "wagtail_mailarchive/admin/whereabouts.html"
    http_method_names = ["get", "head", "options"]
    page_title = gettext_lazy("Where is my mail?")
    header_icon = "search"

    def get_page_subtitle(self) -> str:
        return self.folder.get_admin_display_title() if self.folder else ""

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        here = {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()}
        return [*self.breadcrumbs_items, here]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        asked = self.request.GET.get("q", "").strip()
        context.update(
            asked=asked,
            folder=self.folder,
            most=MOST,
            media=Media(css={"all": ["wagtail_mailarchive/admin.css"]}),
        )
        if asked:
            question = Question.read(asked)
            messages, others = self._messages(question), self._others(question)
            # What has no page first: who looks for lost mail looks for that.
            found = [*others[:MOST], *messages[:MOST]]
            context.update(
                question=question,
                found=found,
                is_cut=max(len(messages), len(others)) > MOST,
                not_read=[] if found else self._not_read(),
                manages=bool(self._managed),
            )
        return context

    # -- what may be seen ---------------------------------------------------------------------

    @cached_property
    def folder(self) -> EmailFolderPage | None:
        """The one to look in; None for all."""
        number = asked_number(self.request.GET.get("folder", ""))
        if number not in self._readable | self._managed_everywhere:
            return None
        folder: EmailFolderPage | None = EmailFolderPage.objects.filter(pk=number).first()
        return folder

    @cached_property
    def _readable(self) -> set[int]:
        return readable_folders(self.request)

    @cached_property
    def _managed_everywhere(self) -> set[int]:
        return set(folders_managed_by(self.request.user).values_list("pk", flat=True))

    @cached_property
    def _managed(self) -> set[int]:
        return self._only(self._managed_everywhere)

    def _only(self, folder_ids: set[int]) -> set[int]:
        return folder_ids & {self.folder.pk} if self.folder else folder_ids

    def _visible(self) -> QuerySet[EmailMessagePage]:
        hidden = refused_restrictions(self.request).values("page_id")
        as_page = Q(folder__in=self._readable, live=True) & ~Q(pk__in=hidden)
        managed = Q(folder__in=self._managed_everywhere)
        found: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(as_page | managed)
        return found

    # -- what is found ------------------------------------------------------------------------

    def _messages(self, question: Question) -> list[Found]:
        within = self._only(self._readable | self._managed_everywhere)
        messages = find_messages(question, self._visible(), within)
        entries = self._entries_of(messages)
        return [
            Found(
                message.display_subject,
                message.display_sender,
                message.sorted_at,
                self._address(message),
                _archived(message, entries[message.pk]),
            )
            for message in messages
        ]

    def _entries_of(self, messages: Sequence[EmailMessagePage]) -> dict[int, list[LedgerEntry]]:
        entries = LedgerEntry.objects.filter(
            message__in=[each.pk for each in messages], mailbox__folder__in=self._managed_everywhere
        ).select_related("mailbox__account")
        found: dict[int, list[LedgerEntry]] = defaultdict(list)
        for entry in entries.order_by("pk")[:_MOST_ENTRIES]:
            if entry.message_id is not None:
                found[entry.message_id].append(entry)
        return found

    def _address(self, message: EmailMessagePage) -> str:
        if may_inspect(self.request.user, message):
            return reverse("wagtailadmin_pages:edit", args=[message.pk])
        return message.get_url(self.request) or ""

    def _managed_entries(self) -> QuerySet[LedgerEntry]:
        return LedgerEntry.objects.filter(mailbox__folder__in=self._managed)

    def _others(self, question: Question) -> list[Found]:
        if not self._managed:
            return []
        found = find_envelopes(question, self._managed_entries().select_related("mailbox__account"))
        times = _next_fetches(
            {each.mailbox.account_id or 0 for each in found if each.outcome == Outcome.WAITING}
        )
        return [_without_page(entry, times) for entry in found]

    def _not_read(self) -> list[tuple[str, str]]:
        """Return (sentence, address of the list) of what has no subject to be found by."""
        if not self._managed:
            return []
        mailboxes = Mailbox.objects.filter(
            folder__in=self._managed, is_archived=True, account__isnull=False
        )
        there = LedgerEntry.objects.filter(mailbox__in=mailboxes, presence__in=THERE)
        numbers = not_read(there)
        folder = self.folder.pk if self.folder else ""
        return [
            (
                _told_unread(Outcome(outcome), number),
                ledger_address(folder=folder, outcome=outcome, presence=Presence.PRESENT),
            )
            for outcome, number in sorted(numbers.items(), reverse=True)
        ]


def _told_unread(outcome: Outcome, number: int) -> str:
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


def _archived(message: EmailMessagePage, entries: Sequence[LedgerEntry]) -> list[str]:
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


def _without_page(entry: LedgerEntry, next_fetches: dict[int, datetime]) -> Found:
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


def _next_fetches(account_ids: Collection[int]) -> dict[int, datetime]:
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
