"""Parts of what the page of a thread shows of each message: as `row_markup`, for fifty of them."""

from __future__ import annotations

from html import escape

from django.utils.formats import localize
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

from .authors import Author
from .row_markup import beginning
from .thread_messages import ThreadMessage

_SUBJECT_LENGTH = 200


def summary_markup(
    *,
    author: SafeString,
    anchor: str,
    sender: str,
    is_new: bool,
    time: SafeString,
    snippet: str,
) -> SafeString:
    """Return what is seen of a message that is folded: who wrote, when, and how it begins."""
    new = escape(gettext("New"))
    badge = f'<span class="mailarchive-badge">{new}</span> ' if is_new else ""
    return mark_safe(  # noqa: S308 (escaped)
        f'{author} <h2 id="{anchor}-by" dir="auto">{escape(sender)}</h2> {badge}{time}'
        f' <span class="mailarchive-post__snippet" dir="auto">{escape(snippet)}</span>'
    )


def about_markup(subject: str, parent_address: str, parent: SafeString | str) -> SafeString:
    """Return what stands above a text: its subject and what it answers, each "" for none."""
    shown = ""
    if subject:
        cut = escape(beginning(subject, _SUBJECT_LENGTH))
        shown = f'<p class="mailarchive-post__subject" dir="auto">{cut}</p>'
    if parent:
        link = f'<a href="{escape(parent_address)}">{parent}</a>'
        shown += f'<p class="mailarchive-post__parent">{link}</p>'
    return mark_safe(shown)  # noqa: S308 (escaped)


def text_markup(text: SafeString, rest_address: str, sender: str) -> SafeString:
    """Return a text, or that there is none.

    Args:
        rest_address: of all of it; "" where nothing is cut.
    """
    if not text:
        words = escape(gettext("This message has no text."))
        return mark_safe(f'<p class="mailarchive-hint">{words}</p>')  # noqa: S308
    rest = ""
    if rest_address:
        words = escape(gettext("Show the whole message"))
        unseen = f'<span class="mailarchive-unseen">: {escape(sender)}</span>'
        link = f'<a href="{escape(rest_address)}">{words}{unseen}</a>'
        rest = f'<p class="mailarchive-post__rest">{link}</p>'
    return mark_safe(f'<div class="mailarchive-text">{text}</div>{rest}')  # noqa: S308


def answers_markup(sender: str) -> SafeString:
    """Return that a message answers one of `sender`."""
    words = gettext("In reply to <bdi>%(sender)s</bdi>")
    return mark_safe(words % {"sender": escape(sender)})  # noqa: S308


def author_markup(author: Author) -> SafeString:
    """Return the initials of `author` in their colour, as `includes/author.html` does."""
    name = f"mailarchive-author mailarchive-author--{author.colour}"
    initials = escape(author.initials or "?")
    return mark_safe(f'<span class="{name}" aria-hidden="true">{initials}</span>')  # noqa: S308


class MessageItems:
    """Items of lists of what can be done with the messages of a thread.

    Their words are looked up once a page.

    Args:
        split_address: where a thread is split, without the message; "" for who may not.
    """

    def __init__(self, split_address: str) -> None:
        self._split_address = escape(split_address)
        self._page = escape(gettext("Message page"))
        self._html = escape(gettext("As sent (HTML)"))
        self._split = escape(gettext("Split here"))
        self._copied = escape(gettext("Link copied"))
        self._copy = escape(gettext("Copy link"))

    def of(
        self, message: ThreadMessage, address: str, comments: int, *, is_first: bool
    ) -> SafeString:
        """Return the items of one message; only a script makes the last one appear.

        Args:
            address: of its own page.
            is_first: of its thread.
        """
        target = escape(address)
        about = f'<span class="mailarchive-unseen">: {escape(message.display_sender)}</span>'
        items = [(target, self._page)]
        if comments:
            words = ngettext("%(number)s comment", "%(number)s comments", comments)
            number = words % {"number": localize(comments)}
            items.insert(0, (f"{target}#mailarchive-comments", number))
        if message.has_html:
            items.append((f"{target}?view=html", self._html))
        if self._split_address and not is_first:
            items.append((f"{self._split_address}{message.pk}/", self._split))
        links = (f'<li><a href="{to}">{words}{about}</a></li>' for to, words in items)
        return mark_safe(  # noqa: S308 (escaped)
            f"{' '.join(links)} <li hidden>"
            f'<button type="button" class="mailarchive-link" data-mailarchive-copy="{target}"'
            f' data-mailarchive-copied="{self._copied}">{self._copy}{about}</button>'
            ' <span role="status"></span></li>'
        )
