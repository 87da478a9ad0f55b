"""What templates of messages cannot say themselves, or not as fast."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django import template
from django.contrib.messages.storage.base import Message
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ..models.shown_message import ShownMessage
from ..reading import row_markup
from ..reading.listing import Month
from ..reading.message_rows import MessageRow
from ..reading.sender_list import SenderRow

register = template.Library()
# Parts of a message's page that say themselves what came of what was done there, by `extra_tags`.
_PARTS = ("comments", "notes")


@register.filter
def about(notices: Iterable[Message] | None, part: str) -> list[Message]:
    """Return the notices about one part of a message's page; "" for all that none shows."""
    found = list(notices or ())
    if part:
        return [each for each in found if each.extra_tags == part]
    return [each for each in found if each.extra_tags not in _PARTS]


@register.filter
def sent_there(message: ShownMessage) -> str:
    """Return the Date by the sender's own clock; "" if it gave no zone, or the reader's."""
    return row_markup.sent_there(message)


@register.filter
def time_of_message(message: ShownMessage) -> SafeString:
    """Return when a message of a list was sent, with the sender's own clock as its title."""
    return row_markup.message_time_markup(message)


@register.filter
def top_of_message(message: ShownMessage) -> SafeString:
    """Return who wrote a message of a list, and when."""
    return row_markup.top_of_message(message)


@register.simple_tag
def rest_of_message(message: MessageRow, address: str, comments: int | str = 0) -> SafeString:
    """Return what the row of a message says below that; `address` is that of its page."""
    return row_markup.rest_of_message(message, address, int(comments or 0))


@register.simple_tag
def top_of_sender(sender: SenderRow, address: str) -> SafeString:
    """Return who wrote how much; `address` is that of their messages."""
    return sender.top_markup(address)


@register.simple_tag
def rest_of_sender(sender: SenderRow, address: str) -> SafeString:
    """Return what their latest message is about, and its time; `address` is that of its page."""
    return sender.rest_markup(address)


@register.filter
def beginning(text: str, length: int) -> str:
    """Return what `truncatechars` does, which is slow with short texts, too."""
    return row_markup.beginning(text, length)


@register.simple_tag
def month_options(months: Sequence[Month], chosen: str) -> SafeString:
    """Return the options of a choice of months; `chosen` is "2026-03" or ""."""
    return row_markup.month_options(months, chosen)


@register.filter
def moment(value: datetime, formats: str) -> SafeString:
    """Return `<time>` for an aware time, in formats such as "DATE_FORMAT TIME_FORMAT"."""
    return row_markup.moment_markup(value, *formats.split())


@register.simple_tag
def attached_to(message: MessageRow, address: str, length: int, formats: str) -> SafeString:
    """Return the beginning of a message's subject, as a link, and its time; see `moment`."""
    subject = row_markup.beginning(message.display_subject, length)
    when = row_markup.moment_markup(message.sorted_at, *formats.split())
    return format_html('<a href="{}" dir="auto">{}</a> {}', address, subject, when)


@register.simple_tag
def sender_options(senders: Mapping[str, str]) -> SafeString:
    """Return senders that are suggested, names by their addresses."""
    return format_html_join("", '<option value="{}">{}</option>', senders.items())
