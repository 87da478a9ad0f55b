"""Parts of the rows of lists, of which a page has fifty: the template language takes several times
as long for each."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext


def time_markup(moment: datetime, name: str = "") -> SafeString:
    """Return `moment`, aware, in the active zone; `name` is the class."""
    local = timezone.localtime(moment)
    css = f' class="{name}"' if name else ""
    shown = escape(date_format(local, "DATETIME_FORMAT"))
    return mark_safe(f'<time{css} datetime="{local.isoformat()}">{shown}</time>')  # noqa: S308


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


def beginning(text: str, length: int) -> str:
    """Return what the filter `truncatechars` does, which is slow with short texts, too."""
    whole = unicodedata.normalize("NFC", text)
    return whole if len(whole) <= length else Truncator(text).chars(length)
