"""Parts of the rows of lists, of which a page has fifty: the template language takes several times
as long for each."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from html import escape

from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext

from ..models.shown_message import ShownMessage
from .authors import Author


def time_markup(moment: datetime, name: str = "") -> SafeString:
    """Return `moment`, aware, in the active zone; `name` is the class."""
    local = timezone.localtime(moment)
    css = f' class="{name}"' if name else ""
    shown = escape(date_format(local, "DATETIME_FORMAT"))
    return mark_safe(f'<time{css} datetime="{local.isoformat()}">{shown}</time>')  # noqa: S308


def moment_markup(moment: datetime, *formats: str) -> SafeString:
    """Return `moment`, aware, in the active zone, in some of Django's formats, one after the
    other."""
    local = timezone.localtime(moment)
    shown = escape(", ".join(date_format(local, each) for each in formats))
    return mark_safe(f'<time datetime="{local.isoformat()}">{shown}</time>')  # noqa: S308


def message_time_markup(message: ShownMessage) -> SafeString:
    """Return by what time a message is sorted, and if that is its Date, what the sender's clock
    said."""
    local = timezone.localtime(message.sorted_at)
    title = received = ""
    if message.is_sorted_by_received:
        words = escape(gettext("(not from its Date)"))
        received = f' <span class="mailarchive-row__received">{words}</span>'
    elif there := sent_there(message):
        words = escape(gettext("By the sender’s clock: %(time)s") % {"time": there})
        title = f' title="{words}"'
    shown = escape(date_format(local, "DATETIME_FORMAT"))
    return mark_safe(  # noqa: S308 (escaped)
        f'<time class="mailarchive-row__date" datetime="{local.isoformat()}"{title}>'
        f"{shown}{received}</time>"
    )


def sent_there(message: ShownMessage) -> str:
    """Return the Date by the sender's own clock, with its offset; "" if it gave no zone."""
    moment, offset = message.sent_locally, message.sent_offset
    if moment is None or offset is None:
        return ""
    hours, minutes = divmod(abs(offset), 60)
    sign = "-" if offset < 0 else "+"
    # Without its zone: Django would turn the time into the reader's.
    clock = date_format(moment.replace(tzinfo=None), "DATETIME_FORMAT")
    return gettext("%(time)s (UTC%(offset)s)") % {
        "time": clock,
        "offset": f"{sign}{hours:02}:{minutes:02}",
    }


def people_markup(names: Sequence[str], more: int, *, many: bool) -> SafeString:
    """Return who wrote: `names`, and `more` others, or many."""
    shown = ", ".join(
        f'<bdi class="mailarchive-row__sender">{escape(each)}</bdi>' for each in names
    )
    others = ""
    if many:
        others = gettext("and many others")
    elif more:
        others = ngettext("and %(number)s other", "and %(number)s others", more) % {
            "number": localize(more)
        }
    if others:
        shown += f' <span class="mailarchive-row__others">{escape(others)}</span>'
    return mark_safe(shown)  # noqa: S308 (escaped)


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
    """Items of lists of what can be done with messages; their words are looked up once a page."""

    def __init__(self) -> None:
        self._page = escape(gettext("Message page"))
        self._html = escape(gettext("As sent (HTML)"))
        self._copied = escape(gettext("Link copied"))
        self._copy = escape(gettext("Copy link"))

    def pages(self, address: str, sender: str, *, has_html: bool) -> SafeString:
        """Return items that lead to a message's own page."""
        target, about = escape(address), self._about(sender)
        items = f'<li><a href="{target}">{self._page}{about}</a></li>'
        if has_html:
            items += f'\n<li><a href="{target}?view=html">{self._html}{about}</a></li>'
        return mark_safe(items)  # noqa: S308 (escaped)

    def copy(self, address: str, sender: str) -> SafeString:
        """Return the item that copies a message's address; only a script makes it appear."""
        return mark_safe(  # noqa: S308 (escaped)
            '<li hidden><button type="button" class="mailarchive-link"'
            f' data-mailarchive-copy="{escape(address)}" data-mailarchive-copied="{self._copied}">'
            f'{self._copy}{self._about(sender)}</button> <span role="status"></span></li>'
        )

    def _about(self, sender: str) -> str:
        return f'<span class="mailarchive-unseen">: {escape(sender)}</span>'


def beginning(text: str, length: int) -> str:
    """Return what the filter `truncatechars` does, which is slow with short texts, too."""
    whole = unicodedata.normalize("NFC", text)
    return whole if len(whole) <= length else Truncator(text).chars(length)
