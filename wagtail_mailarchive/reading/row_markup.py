"""Parts of the rows of lists, of which a page has fifty: the template language takes several times
as long for each."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.dates import MONTHS
from django.utils.formats import localize
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext

from ..models.shown_message import ShownMessage
from .listing import Month
from .message_rows import MessageRow
from .moments import written

_SUBJECT_LENGTH = 200
# The sign for attachments.
CLIP = (
    '<svg aria-hidden="true" viewBox="0 0 16 16" width="14" height="14" fill="none"'
    ' stroke="currentColor" stroke-width="1.4" stroke-linecap="round"><path d="M13 7.5 8 12.5a3 3 0'
    ' 0 1-4.3-4.2l5.4-5.4a2 2 0 0 1 2.9 2.8l-5.3 5.4a1 1 0 0 1-1.5-1.4l4.6-4.6"/></svg>'
)


def time_markup(moment: datetime, name: str = "") -> SafeString:
    """Return `moment`, aware, in the active zone; `name` is the class."""
    local = timezone.localtime(moment)
    css = f' class="{name}"' if name else ""
    shown = escape(written(local, "DATETIME_FORMAT"))
    return mark_safe(f'<time{css} datetime="{local.isoformat()}">{shown}</time>')  # noqa: S308


def moment_markup(moment: datetime, *formats: str) -> SafeString:
    """Return `moment`, aware, in the active zone, in some of Django's formats, one after the
    other."""
    local = timezone.localtime(moment)
    shown = escape(", ".join(written(local, each) for each in formats))
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
    shown = escape(written(local, "DATETIME_FORMAT"))
    return mark_safe(  # noqa: S308 (escaped)
        f'<time class="mailarchive-row__date" datetime="{local.isoformat()}"{title}>'
        f"{shown}{received}</time>"
    )


def top_of_message(message: ShownMessage) -> SafeString:
    """Return who wrote a message, and when."""
    sender = escape(message.display_sender)
    return mark_safe(  # noqa: S308 (escaped)
        f'<span class="mailarchive-row__sender" dir="auto">{sender}</span>'
        f" {message_time_markup(message)}"
    )


def rest_of_message(message: MessageRow, address: str, comments: int) -> SafeString:
    """Return what the row of a message says below that."""
    facts = facts_markup(
        filesizeformat(message.size), attachments=message.attachment_count, comments=comments
    )
    subject = beginning(message.display_subject, _SUBJECT_LENGTH)
    return rest_markup(address, subject, message.snippet, facts)


def sent_there(message: ShownMessage) -> str:
    """Return the Date by the sender's own clock, with its offset; "" if it gave no zone, or if it
    is the reader's, whose time is shown already."""
    moment, offset = message.sent_locally, message.sent_offset
    if moment is None or offset is None:
        return ""
    if moment.utcoffset() == timezone.localtime(message.sent_at).utcoffset():
        return ""
    hours, minutes = divmod(abs(offset), 60)
    sign = "-" if offset < 0 else "+"
    clock = written(moment, "DATETIME_FORMAT")
    return gettext("%(time)s (UTC%(offset)s)") % {
        "time": clock,
        "offset": f"{sign}{hours:02}:{minutes:02}",
    }


def rest_markup(address: str, title: str, snippet: str, facts: SafeString) -> SafeString:
    """Return what stands in a row below who wrote and when.

    Args:
        address: of what the row leads to.
    """
    return mark_safe(  # noqa: S308 (escaped)
        f'<a class="mailarchive-row__subject" href="{escape(address)}" dir="auto">'
        f"{escape(title)}</a>"
        '<div class="mailarchive-row__bottom">'
        f'<span class="mailarchive-row__snippet" dir="auto">{escape(snippet)}</span>'
        f' <span class="mailarchive-row__facts">{facts}</span></div>'
    )


def facts_markup(
    last: str,
    *,
    unread: int = 0,
    attachments: int = 0,
    has_attachments: bool = False,
    comments: int,
) -> SafeString:
    """Return what else a row says, one thing after the other.

    Args:
        last: text.
        attachments: their number; where only `has_attachments` is known, it stands without.
    """
    facts = []
    if unread:
        words = ngettext("%(number)s new", "%(number)s new", unread)
        facts.append(f'<span class="mailarchive-row__new">{_counted(words, unread)}</span>')
    if attachments:
        words = ngettext(
            '<span>%(number)s</span><span class="mailarchive-unseen"> attachment</span>',
            '<span>%(number)s</span><span class="mailarchive-unseen"> attachments</span>',
            attachments,
        )
        facts.append(f'<span class="mailarchive-clip">{CLIP}{_counted(words, attachments)}</span>')
    elif has_attachments:
        words = escape(gettext("with attachments"))
        unseen = f'<span class="mailarchive-unseen">{words}</span>'
        facts.append(f'<span class="mailarchive-clip">{CLIP}{unseen}</span>')
    if comments:
        words = ngettext("%(number)s comment", "%(number)s comments", comments)
        facts.append(f"<span>{_counted(words, comments)}</span>")
    facts.append(f"<span>{escape(last)}</span>")
    return mark_safe(" ".join(facts))  # noqa: S308 (escaped; the words are ours)


def _counted(words: str, number: int) -> str:
    return words % {"number": localize(number)}


def month_options(months: Sequence[Month], chosen: str) -> SafeString:
    """Return the options of a choice of months, of which there may be hundreds."""
    names = {number: escape(str(name)) for number, name in MONTHS.items()}
    options = (
        f'<option value="{each.key}"{" selected" if each.key == chosen else ""}>'
        f"{names[each.month]} {each.year}</option>"
        for each in months
    )
    return mark_safe("".join(options))  # noqa: S308 (escaped)


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


def sender_markup(name: str, address: str) -> SafeString:
    """Return who wrote, by name and address; either may be ""."""
    if not (name or address):
        words = escape(gettext("(no sender)"))
        return mark_safe(f'<span class="mailarchive-row__sender">{words}</span>')  # noqa: S308
    shown = f'<bdi class="mailarchive-row__sender">{escape(name or address)}</bdi>'
    if name and address:
        shown += f' <bdi class="mailarchive-address">{escape(address)}</bdi>'
    return mark_safe(shown)  # noqa: S308 (escaped)


def marked(pieces: Iterable[tuple[str, bool]]) -> SafeString:
    """Return text in which what was looked for is marked."""
    parts = (
        f"<mark>{escape(text)}</mark>" if is_found else escape(text) for text, is_found in pieces
    )
    return mark_safe("".join(parts))  # noqa: S308 (escaped)


def beginning(text: str, length: int) -> str:
    """Return what the filter `truncatechars` does, which is slow with short texts, too."""
    whole = unicodedata.normalize("NFC", text)
    return whole if len(whole) <= length else Truncator(text).chars(length)
