"""What templates of messages cannot say themselves."""

from __future__ import annotations

from django import template
from django.utils.formats import date_format
from django.utils.translation import gettext

from ..models import EmailMessagePage

register = template.Library()


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
