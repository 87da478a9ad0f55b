"""“Where is my mail?”: what became of a message, in every mailbox that the asker may see.

Messages are found where the asker may read them, as a page or in the admin. What is no page
(in quarantine, too large, waiting) and where mail came from is told to those who manage the
folder; nobody else learns that it is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.forms import Media
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from ..archive.whereabouts import MOST, Question, find_envelopes, find_messages, not_read
from ..fetching.tally import THERE
from ..models import (
    EmailFolderPage,
    EmailMessagePage,
    LedgerEntry,
    Mailbox,
    Outcome,
    Presence,
)
from ..models.permissions import folders_managed_by
from ..models.privacy import readable_folders, refused_restrictions
from . import trash_answers
from . import whereabouts_answers as answers
from .ledger_rows import ledger_address
from .message_listing import may_inspect
from .policies import asked_number
from .trash import address_of

# A message that hundreds of mailboxes hold: these tell enough.
_MOST_ENTRIES = 500


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
            away = self._put_away(question)
            # What has no page first: who looks for lost mail looks for that.
            found = [*others[:MOST], *away[:MOST], *messages[:MOST]]
            context.update(
                question=question,
                found=found,
                is_cut=max(len(messages), len(others), len(away)) > MOST,
                not_read=[] if found else self._not_read(),
                manages=bool(self._managed),
            )
        return context

    # -- what may be seen ---------------------------------------------------------------------

    @cached_property
    def folder(self) -> EmailFolderPage | None:
        """The one to look in; None for all."""
        number = asked_number(self.request.GET.get("folder", ""))
        if number not in self._readable | self._managed_everywhere | self._opened_everywhere:
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
    def _opened_everywhere(self) -> set[int]:
        """The folders whose trash may be looked into."""
        opened = trash_answers.folders_opened_by(self.request.user)
        return set(opened.values_list("pk", flat=True))

    @cached_property
    def _managed(self) -> set[int]:
        return self._only(self._managed_everywhere)

    def _only(self, folder_ids: set[int]) -> set[int]:
        return folder_ids & {self.folder.pk} if self.folder else folder_ids

    def _visible(self) -> QuerySet[EmailMessagePage]:
        hidden = refused_restrictions(self.request).values("page_id")
        as_page = Q(folder__in=self._readable, live=True) & ~Q(pk__in=hidden)
        managed = Q(folder__in=self._managed_everywhere)
        # What is in the trash is in none of the indexes that serve these questions.
        found: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(
            as_page | managed, trashed=False
        )
        return found

    # -- what is found ------------------------------------------------------------------------

    def _messages(self, question: Question) -> list[answers.Found]:
        within = self._only(self._readable | self._managed_everywhere)
        messages = find_messages(question, self._visible(), within)
        hidden = trash_answers.folders_in_trash(messages)
        answered = [
            (message, self._address(message), hidden.get(message.folder_id, ""))
            for message in messages
        ]
        return self._told(answered)

    def _put_away(self, question: Question) -> list[answers.Found]:
        """Return what is in the trash, or was erased."""
        trashed = trash_answers.in_trash(question, self._only(self._opened_everywhere))
        erased = trash_answers.erased(question, self._managed)
        return [
            *self._told([(each, address_of(each.folder), line) for each, line in trashed]),
            *(
                answers.Found(
                    stone.sha256,
                    "",
                    None,
                    reverse("mailarchive_erased", args=[stone.folder_id]),
                    [line],
                )
                for stone, line in erased
            ),
        ]

    def _told(self, answered: Sequence[tuple[EmailMessagePage, str, str]]) -> list[answers.Found]:
        """Return the answer for each (message, address, what to tell first)."""
        entries = self._entries_of([message for message, *_ in answered])
        return [
            answers.Found(
                message.display_subject,
                message.display_sender,
                message.sorted_at,
                address,
                [*filter(None, [line]), *answers.archived(message, entries[message.pk])],
            )
            for message, address, line in answered
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

    def _others(self, question: Question) -> list[answers.Found]:
        if not self._managed:
            return []
        found = find_envelopes(question, self._managed_entries().select_related("mailbox__account"))
        times = answers.next_fetches(
            {each.mailbox.account_id or 0 for each in found if each.outcome == Outcome.WAITING}
        )
        return [answers.without_page(entry, times) for entry in found]

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
                answers.told_unread(Outcome(outcome), number),
                ledger_address(folder=folder, outcome=outcome, presence=Presence.PRESENT),
            )
            for outcome, number in sorted(numbers.items(), reverse=True)
        ]
