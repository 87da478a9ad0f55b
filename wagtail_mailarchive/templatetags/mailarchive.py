"""What templates of messages cannot say themselves."""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.contrib.messages.storage.base import Message
from django.utils.formats import date_format
from django.utils.translation import gettext

from ..models import EmailMessagePage

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
def sent_there(message: EmailMessagePage) -> str:
    """Return the Date by the sender's own clock, with its offset; "" if it gave no zone."""
    moment = message.sent_locally
    offset = message.sent_offset
    if moment is None or offset is None:
        return ""
    hours, minutes = divmod(abs(offset), 60)
    sign = "-" if offset < 0 else "+"
    # Without its zone: the template language would turn the time into the reader's.
    clock = date_format(moment.replace(tzinfo=None), "DATETIME_FORMAT")
    return gettext("%(time)s (UTC%(offset)s)") % {
        "time": clock,
        "offset": f"{sign}{hours:02}:{minutes:02}",
    }
