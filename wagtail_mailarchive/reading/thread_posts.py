"""What the page of a thread shows of each message: who, when, what, and what it answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.safestring import SafeString

from ..archive.thread_parents import parents
from ..mime.subjects import canonical_subject
from ..models import Attachment, EmailMessagePage
from ..models.comment import comment_counts
from ..models.privacy import readable
from .addresses import message_address
from .attachment_listing import contents_of
from .attachments import AttachmentRow, attachment_row
from .authors import Author, author
from .post_markup import (
    MessageItems,
    about_markup,
    answers_markup,
    author_markup,
    summary_markup,
    text_markup,
)
from .row_markup import time_markup
from .text_body import text_as_html
from .thread_messages import ThreadMessage, cursor_of

_MOST_ATTACHMENTS = 8  # of one message
_LOOKED_AT = 32  # a message may have thousands


@dataclass(frozen=True, slots=True)
class Parent:
    """The message that one answers; `address` leads to it within the thread."""

    sender: str
    address: str

    @property
    def markup(self) -> SafeString:
        return answers_markup(self.sender)


@dataclass(frozen=True, slots=True)
class Post:
    """A message as the page of its thread shows it.

    Attributes:
        anchor: its id on the page.
        address: of its own page.
        subject: "" where it is about what the thread is about.
        text: safe HTML.
        is_cut: its own page has more of the text.
        attachments: the first few of those that do not stand in the text.
        has_more_attachments: its own page has more of them.
        parent: None where it answers none that the reader may see.
        is_new: it came since the reader's last visit.
        is_open: it is not folded.
        comments: shown on its own page.
        actions_markup: items of a list, of what can be done with it.
    """

    message: ThreadMessage
    anchor: str
    address: str
    author: Author
    subject: str
    text: SafeString
    is_cut: bool
    attachments: list[AttachmentRow]
    has_more_attachments: bool
    parent: Parent | None
    is_new: bool
    is_open: bool
    comments: int
    actions_markup: SafeString

    @property
    def sender(self) -> str:
        return self.message.display_sender

    @property
    def snippet(self) -> str:
        return self.message.snippet

    @property
    def new_class(self) -> str:
        return " mailarchive-post--new" if self.is_new else ""

    @property
    def open_attribute(self) -> str:
        return " open" if self.is_open else ""

    @property
    def time_markup(self) -> SafeString:
        return time_markup(self.message.sorted_at)

    @property
    def author_markup(self) -> SafeString:
        return author_markup(self.author)

    @property
    def summary_markup(self) -> SafeString:
        return summary_markup(
            author=self.author_markup,
            anchor=self.anchor,
            sender=self.sender,
            is_new=self.is_new,
            time=self.time_markup,
            snippet=self.snippet,
        )

    @property
    def about_markup(self) -> SafeString:
        if self.parent is None:
            return about_markup(self.subject, "", "")
        return about_markup(self.subject, self.parent.address, self.parent.markup)

    @property
    def text_markup(self) -> SafeString:
        rest = f"{self.address}?view=text" if self.is_cut else ""
        return text_markup(self.text, rest, self.sender)


@dataclass(frozen=True, slots=True)
class Manner:
    """How messages are shown.

    Attributes:
        characters: of a text, before it is cut.
        new_above: the key above which messages are new; None where nothing is.
        is_closed: all are folded.
        is_printed: none is, and nothing within them.
    """

    characters: int
    new_above: int | None = None
    is_closed: bool = False
    is_printed: bool = False


def posts(
    messages: Sequence[ThreadMessage],
    request: HttpRequest,
    manner: Manner,
    *,
    subject: str,
    folder_address: str,
    thread_address: str,
    may_split: bool,
    is_beginning: bool,
) -> list[Post]:
    """Return `messages`, of one thread, as they are shown (at most five queries and what
    `archive.thread_parents.parents` asks).

    Args:
        subject: of the thread.
        may_split: the reader may let a thread begin with any of them but its first.
        is_beginning: the thread's first message is the first of these.
    """
    attachments = _attachments(messages)
    contents = contents_of([each for some in attachments.values() for each in some])
    answered = _parents(messages, request, thread_address)
    comments = comment_counts([each.pk for each in messages])
    new = {
        each.pk for each in messages if manner.new_above is not None and each.pk > manner.new_above
    }
    topic = canonical_subject(subject)
    items = MessageItems(f"{thread_address}split/" if may_split else "")
    found = []
    for number, each in enumerate(messages):
        address = message_address(folder_address, each.slug)
        text, is_cut = cut(each.beginning or "", manner.characters)
        shown = attachments[each.pk][:_MOST_ATTACHMENTS]
        found.append(
            Post(
                message=each,
                anchor=anchor(each.pk),
                address=address,
                author=author(each.sender_name, each.sender_address),
                subject="" if canonical_subject(each.subject) == topic else each.display_subject,
                text=text_as_html(text, unfolded=manner.is_printed),
                is_cut=is_cut,
                attachments=[
                    attachment_row(one, address, contents.get(one.sha256)) for one in shown
                ],
                has_more_attachments=len(attachments[each.pk]) > len(shown)
                or each.attachment_count > _LOOKED_AT,
                parent=answered.get(each.pk),
                is_new=each.pk in new,
                # Where something is new, the rest stands back.
                is_open=manner.is_printed or (not manner.is_closed and (not new or each.pk in new)),
                comments=comments.get(each.pk, 0),
                actions_markup=items.of(
                    each,
                    address,
                    comments.get(each.pk, 0),
                    is_first=is_beginning and number == 0,
                ),
            )
        )
    return found


def anchor(message_id: int) -> str:
    """Return the id that a message has on the page of its thread."""
    return f"m{message_id}"


def cut(text: str, characters: int) -> tuple[str, bool]:
    """Return the beginning of `text`, to the end of a line if there is one, and if it is cut."""
    if len(text) <= characters:
        return text, False
    line_end = text.rfind("\n", characters // 2, characters)
    return text[: line_end + 1 if line_end >= 0 else characters], True


def _attachments(messages: Sequence[ThreadMessage]) -> Mapping[int, list[Attachment]]:
    attached = Attachment.objects.filter(
        message__in=[each.pk for each in messages if each.attachment_count],
        is_inline=False,
        position__lt=_LOOKED_AT,
    )
    by_message: defaultdict[int, list[Attachment]] = defaultdict(list)
    for each in attached.order_by("message", "position"):
        by_message[each.message_id].append(each)
    return by_message


def _parents(
    messages: Sequence[ThreadMessage], request: HttpRequest, thread_address: str
) -> dict[int, Parent]:
    here = {each.pk: each for each in messages}
    named = {pk: parent for pk, parent in parents(messages).items() if parent is not None}
    elsewhere = EmailMessagePage.objects.filter(pk__in=set(named.values()) - here.keys())
    columns = ("title", "sender_name", "sender_address", "sorted_at")
    seen = readable(elsewhere, request).order_by().only(*columns)
    known = here | {each.pk: each for each in seen}
    found = {}
    for pk, parent in named.items():
        if parent in known:
            place = "" if parent in here else f"{thread_address}?from={cursor_of(known[parent])}"
            found[pk] = Parent(known[parent].display_sender, f"{place}#{anchor(parent)}")
    return found
