"""One row of a list of threads: what it says, and its parts ready for the template."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString, mark_safe

from . import message_numbers
from .row_markup import beginning, facts_markup, people_markup, rest_markup, time_markup

_TITLE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A thread as listed.

    Attributes:
        people: who wrote first, in that order.
        more_people: how many others wrote; 0 if none.
        many_people: there are more than were counted.
        last_at, snippet: of its latest message; where the list is narrowed down, of the latest one
            among those that are wanted.
        unread: messages that came since the reader last opened it; 0 if they never did.
        comments: that are shown on its messages, on those that the reader may read.
    """

    pk: int
    subject: str
    people: list[str]
    more_people: int
    many_people: bool
    messages: int
    has_attachments: bool
    last_at: datetime
    snippet: str
    address: str
    unread: int
    comments: int

    @property
    def title(self) -> str:
        return beginning(self.subject, _TITLE_LENGTH)

    @property
    def people_markup(self) -> SafeString:
        return people_markup(self.people, self.more_people, many=self.many_people)

    @property
    def time_markup(self) -> SafeString:
        return time_markup(self.last_at, "mailarchive-row__date")

    @property
    def facts_markup(self) -> SafeString:
        return facts_markup(
            " ".join(message_numbers.shown(self.messages)),
            unread=self.unread,
            has_attachments=self.has_attachments,
            comments=self.comments,
        )

    @property
    def top_markup(self) -> SafeString:
        people = f'<span class="mailarchive-row__people">{self.people_markup}</span>'
        return mark_safe(f"{people} {self.time_markup}")  # noqa: S308 (both are)

    @property
    def rest_markup(self) -> SafeString:
        return rest_markup(self.address, self.title, self.snippet, self.facts_markup)
